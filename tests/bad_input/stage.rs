//! A database, a tenant, somebody who may use each route, and the proof that nothing was changed.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use shared::testing::{TestClient, TestKey, TestStack, TestTenant};
use system_tests::{
    product,
    routes::{Access, Route},
};

use crate::doors::{Expected, Sent, judge};

/// Names nothing.
pub(crate) const NOTHING: &str = "019a9f00-0000-7000-8000-000000000001";

/// Where a test takes place.
pub(crate) struct Stage {
    pub(crate) stack: TestStack,
    pub(crate) tenant: TestTenant,
    pub(crate) client: TestClient,
    asked: AtomicU32,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        // Thousands of requests with one key are the point here, and how many are let through is not.
        let stack = TestStack::with(&[("RATE_LIMIT_PER_SECOND", "100000"), ("RATE_LIMIT_BURST", "100000")]).await;
        let tenant = stack.tenant().await;
        Self {
            client: stack.client(product(stack.ctx.clone())),
            tenant,
            stack,
            asked: AtomicU32::new(0),
        }
    }

    /// A request for this route by somebody who may make it.
    pub(crate) async fn allowed(&self, route: &Route, target: impl Into<String>) -> Sent {
        let sent = Sent::new(route.method, target);
        match route.access {
            Access::Public => sent,
            Access::Operator => sent.header("authorization", format!("Bearer {}", self.stack.operator())),
            Access::Tenant => as_key(sent, self.key_for(route).await),
        }
    }

    /// A key whose role may use the route: the first that is not told otherwise.
    async fn key_for(&self, route: &Route) -> &TestKey {
        for (_, key) in self.tenant.keys() {
            // Roles come before what was sent, so that an unheard-of parameter asks about the role alone.
            let asking = as_key(Sent::new(route.method, route.at(NOTHING) + "?unheard_of=1"), key);
            let answer = asking.through_router(&self.client).await.expect("a readable request");
            if answer.status != 403 {
                answer.expect_error(400, "VALIDATION_ERROR");
                return key;
            }
        }
        panic!("{}: nobody may use it", route.name());
    }

    /// Sends it both ways and holds both answers against what they have to be. Returns the `details` of the last.
    pub(crate) async fn expect(&self, sent: &Sent, expected: Expected, what: &str) -> Value {
        if let Some(answer) = sent.through_router(&self.client).await {
            judge(&answer, expected, &format!("{what}, through the router"));
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        let answer = sent.through_lambda(&self.client).await;
        self.asked.fetch_add(1, Ordering::Relaxed);
        judge(&answer, expected, &format!("{what}, as an event"))
    }

    /// How many requests were answered.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// As the holder of a key, in its tenant.
pub(crate) fn as_key(sent: Sent, key: &TestKey) -> Sent {
    sent.header("x-tenant-id", key.tenant_id.to_string())
        .header("authorization", format!("Bearer {}", key.text))
}
