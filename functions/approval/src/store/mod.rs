//! This domain's SQL, and the only place for it.
//!
//! Every query names the tenant although row-level security would hold without it.

mod decided_calls;
mod links;
mod list;
mod people;
mod policies;
mod requests;
mod row;
mod stops;
mod votes;

pub(crate) use decided_calls::{DecidedCall, list_decided_calls};
pub(crate) use links::{NewLink, find_link_holder, replace_link, use_link};
pub(crate) use list::{Filters, list_approvals};
pub(crate) use people::{find_candidate, list_approvers};
pub(crate) use policies::{
    current_policies, current_policy_version, find_policies, insert_policies, list_policy_versions, lock_policies,
};
pub(crate) use requests::{find, find_by_token, find_redemption, insert, lock, lock_to_redeem, settle};
pub(crate) use stops::{admit_request, cancel_pending, insert_stop, lift_stop, list_stops, lock_pending, lock_stop};
pub(crate) use votes::{insert_vote, replace_vote};
