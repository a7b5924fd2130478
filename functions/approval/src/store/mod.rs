//! This domain's SQL, and the only place for it.
//!
//! Every query names the tenant although row-level security would hold without it.

mod decided_calls;
mod list;
mod people;
mod policies;
mod requests;
mod row;
mod votes;

pub(crate) use decided_calls::{DecidedCall, list_decided_calls};
pub(crate) use list::{Filters, list_approvals};
pub(crate) use people::{find_approver, list_approvers};
pub(crate) use policies::{
    current_policies, current_policy_version, find_policies, insert_policies, list_policy_versions, lock_policies,
};
pub(crate) use requests::{action_nonce, database_clock, find, find_by_token, insert, lock, settle};
pub(crate) use votes::{count_approvals, insert_vote, replace_vote};
