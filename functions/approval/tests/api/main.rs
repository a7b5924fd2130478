//! The endpoints of `approval`, through the router, on a real Postgres and a real Redis.
#![expect(
    clippy::large_futures,
    reason = "a story told in one future is easier to read than one told in boxes"
)]
#![expect(clippy::print_stdout, reason = "the races print what they counted")]

mod approve_request;
mod cancel_request;
mod check_approval;
mod create_approval;
mod deny_request;
mod eligibility;
mod evaluate_tool_call;
mod every_route;
mod get_approval;
mod guard;
mod list_approvals;
mod policies;
mod races;
mod redeem_approval;
mod revoke_approval;
mod scene;
mod simulate_policies;
