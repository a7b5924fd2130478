//! A function whose own clock is minutes off behaves as any other: what depends on the time of day is decided, and
//! measured, by the database's clock.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use shared::testing::{TestClient, TestStack, TestTenant};
use system_tests::product;

/// Either way, in minutes.
const SHIFTS: [i64; 2] = [9, -9];

/// A process with a clock that is off, beside one whose clock is right.
struct Scene {
    stack: TestStack,
    tenant: TestTenant,
    client: TestClient,
    _skewed: TestStack,
}

impl Scene {
    async fn set(shift_minutes: i64) -> Self {
        let stack = TestStack::start().await;
        let tenant = stack.tenant().await;
        let skewed = TestStack::on_same_servers(&stack);
        skewed.clock.shift(Duration::minutes(shift_minutes));
        let client = skewed.client(product(skewed.ctx.clone()));
        Self {
            stack,
            tenant,
            client,
            _skewed: skewed,
        }
    }

    async fn request(&self) -> Value {
        let body = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "now", "ttl_seconds": 60 });
        self.client
            .post(&self.tenant.agent, "/api/v1/approvals", body)
            .await
            .expect(201)
    }
}

fn time(at: &Value) -> DateTime<Utc> {
    at.as_str().and_then(shared::http::timestamp::parse).expect("a time")
}

#[tokio::test]
async fn a_request_begins_and_ends_by_the_databases_clock() {
    for shift in SHIFTS {
        let scene = Scene::set(shift).await;
        let made = scene.request().await;
        let now = scene.stack.clock.now();
        assert!(
            (time(&made["created_at"]) - now).abs() < Duration::minutes(1),
            "{shift}: {made}"
        );
        assert_eq!(
            time(&made["expires_at"]) - time(&made["created_at"]),
            Duration::seconds(60)
        );
        let path = format!("/api/v1/approvals/{}", made["id"].as_str().expect("an id"));
        let seen = scene.client.get(&scene.tenant.agent, &path).await.expect(200);
        assert_eq!(seen["status"], "PENDING", "{shift}");
        let check = json!({ "token": made["token"] });
        let checked = scene
            .client
            .post(&scene.tenant.agent, "/api/v1/approvals/check", check)
            .await
            .expect(200);
        assert_eq!(checked["status"], "PENDING", "{shift}");
        let vote = scene
            .client
            .post(&scene.tenant.approver, &format!("{path}/approve"), json!({}))
            .await
            .expect(200);
        assert_eq!(vote["status"], "APPROVED", "{shift}");
        assert!(
            (time(&vote["decided_at"]) - now).abs() < Duration::minutes(1),
            "{shift}: {vote}"
        );
    }
}

#[tokio::test]
async fn readiness_does_not_take_a_wrong_clock_for_a_late_outbox() {
    for shift in SHIFTS {
        let scene = Scene::set(shift).await;
        scene.request().await;
        let right = scene.stack.client(product(scene.stack.ctx.clone()));
        let ready = right.request("GET", "/health/ready").send().await.expect(200);
        let outbox = &ready["checks"]["outbox"];
        assert_eq!(
            (&ready["status"], &outbox["pending"]),
            (&"ok".into(), &1.into()),
            "{shift}: {ready}"
        );
        let waited = outbox["oldest_seconds"].as_f64().expect("a number");
        assert!((0.0..60.0).contains(&waited), "{shift}: {ready}");
    }
}

#[tokio::test]
async fn a_keys_end_is_in_the_future_or_not_by_the_databases_clock() {
    for shift in SHIFTS {
        let scene = Scene::set(shift).await;
        let now = scene.stack.clock.now();
        let mint = |name: &str, ends_in: Duration| {
            let expires_at = shared::http::timestamp::format(now + ends_in);
            let body = json!({ "role": "agent", "caller_id": name, "expires_at": expires_at });
            scene.client.post(&scene.tenant.admin, "/api/v1/api-keys", body)
        };
        let soon = mint("soon", Duration::minutes(5)).await;
        assert_eq!(soon.status, 201, "{shift}: {}", soon.text());
        let past = mint("past", Duration::minutes(-5)).await;
        assert_eq!(
            past.expect_error(400, "VALIDATION_ERROR")["field"],
            "expires_at",
            "{shift}"
        );
    }
}
