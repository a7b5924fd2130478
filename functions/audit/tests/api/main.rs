//! The routes of this function, through the router against a real Postgres and a real Redis, one module an endpoint.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod access;
mod get_event;
mod list_events;
mod record_events;

use shared::{
    http::app,
    testing::{TestClient, TestStack},
};

const PATH: &str = "/api/v1/audit/events";

fn client(stack: &TestStack) -> TestClient {
    stack.client(app(stack.ctx.clone(), audit::routes()).0)
}
