//! Asking a person for a countersignature, and giving it.
//!
//! Each endpoint is a file of its own. The rules every endpoint shares are pure and stand apart: what each verb answers in
//! each state (`transitions`), who may decide (`eligibility`) and through which door (`door`), what is hashed (`digest`),
//! what a tenant's text says about a call (`policy`). SQL is only in `store`, Redis only in `fast_path` and `waiting`.

mod approval;
mod approve_request;
mod cancel_request;
mod check_approval;
mod create_approval;
mod create_decision_link;
mod create_stop;
mod decide;
mod decide_batch;
mod decide_by_link;
mod deny_request;
mod digest;
mod door;
mod eligibility;
mod evaluate_tool_call;
mod events;
mod fast_path;
mod get_approval;
mod get_decision_page;
mod get_policies;
mod intake;
mod lift_stop;
mod link;
mod list_approvals;
mod list_policy_versions;
mod list_stops;
mod open_request;
mod policies_in_force;
mod policy;
mod policy_version;
mod put_policies;
mod redeem_approval;
mod refusal;
mod revoke_approval;
mod same_origin;
mod simulate_policies;
mod stop;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod tool_call_decision;
mod transitions;
mod view;
mod view_by_link;
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
        .routes(routes!(decide_batch::decide_batch))
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
        .routes(routes!(create_decision_link::create_decision_link))
        .routes(routes!(
            get_decision_page::get_decision_page,
            decide_by_link::decide_by_link
        ))
        .routes(routes!(view_by_link::view_by_link))
        .routes(routes!(create_stop::create_stop, list_stops::list_stops))
        .routes(routes!(lift_stop::lift_stop))
        .layer(Extension(waiters::Waiters::default()))
        .layer(Extension(policy::CompiledSets::default()))
}
