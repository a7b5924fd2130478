//! The endpoints of `approval`, through the router, on a real Postgres and a real Redis.
#![expect(
    clippy::large_futures,
    reason = "a story told in one future is easier to read than one told in boxes"
)]
#![expect(clippy::print_stdout, reason = "the races print what they counted")]

mod approve_request;
mod cancel_request;
mod cap;
mod check_approval;
mod create_approval;
mod create_decision_link;
mod create_stop;
mod decide_batch;
mod decide_by_link;
mod decision_page;
mod delegation;
mod deny_request;
mod eligibility;
mod evaluate_tool_call;
mod every_route;
mod get_approval;
mod guard;
mod lessons;
mod lift_stop;
mod list_approvals;
mod list_stops;
mod magic_links;
mod policies;
mod races;
mod redeem_approval;
mod revoke_approval;
mod scene;
mod simulate_policies;
mod view_by_link;
