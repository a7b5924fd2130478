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
mod create_stop;
mod delegation;
mod deny_request;
mod eligibility;
mod every_route;
mod get_approval;
mod guard;
mod lift_stop;
mod list_approvals;
mod list_stops;
mod races;
mod redeem_approval;
mod revoke_approval;
mod scene;
