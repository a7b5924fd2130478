//! Asking a person for a countersignature, and giving it.
//!
//! Each endpoint is a file of its own. The rules every endpoint shares are pure and stand apart: what each verb answers in
//! each state (`transitions`), who may decide (`eligibility`), what is hashed (`digest`), what a tenant's text says about a
//! call (`policy`). SQL is only in `store`, Redis only in `fast_path` and `waiting`.

mod approval;
mod approve_request;
mod cancel_request;
mod check_approval;
mod create_approval;
mod decide;
mod deny_request;
mod digest;
mod eligibility;
mod evaluate_tool_call;
mod events;
mod fast_path;
mod get_approval;
mod get_policies;
mod intake;
mod list_approvals;
mod list_policy_versions;
mod open_request;
mod policies_in_force;
mod policy;
mod policy_version;
mod put_policies;
mod redeem_approval;
mod refusal;
mod revoke_approval;
mod simulate_policies;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod transitions;
mod view;
mod waiters;
mod waiting;

use axum::Extension;
use shared::context::AppContext;
use utoipa_axum::{router::OpenApiRouter, routes};

/// The routes of this function.
pub fn routes() -> OpenApiRouter<AppContext> {
    OpenApiRouter::new()
        .routes(routes!(
            create_approval::create_approval,
            list_approvals::list_approvals
        ))
        .routes(routes!(check_approval::check_approval))
        .routes(routes!(get_approval::get_approval))
        .routes(routes!(approve_request::approve_request))
        .routes(routes!(deny_request::deny_request))
        .routes(routes!(cancel_request::cancel_request))
        .routes(routes!(redeem_approval::redeem_approval))
        .routes(routes!(revoke_approval::revoke_approval))
        .routes(routes!(evaluate_tool_call::evaluate_tool_call))
        .routes(routes!(get_policies::get_policies, put_policies::put_policies))
        .routes(routes!(list_policy_versions::list_policy_versions))
        .routes(routes!(simulate_policies::simulate_policies))
        .layer(Extension(waiters::Waiters::default()))
        .layer(Extension(policy::CompiledSets::default()))
}
