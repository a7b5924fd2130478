//! Two tenants on one connection, as in a Lambda environment, with requests in between that are given up at any point or
//! panic with a transaction open.

use std::{future::poll_fn, pin::pin, task::Poll};

use axum::{Router, extract::State, routing::get};
use serde_json::{Value, json};
use shared::{
    context::{AppContext, Random},
    data::TenantScope,
    http::{ApiError, Caller, roles},
    testing::{Answer, TestClient, TestKey, TestRequest, TestStack, TestTenant},
};
use utoipa_axum::router::OpenApiRouter;

const ROUNDS: usize = 120;
/// More than the longest of the requests takes, so that some are answered.
const MOST_POLLS: u8 = 12;

/// The whole product, and a route whose handler panics in the middle of a transaction.
fn product_with_panics(ctx: AppContext) -> Router {
    let routes = system_tests::functions()
        .into_iter()
        .fold(OpenApiRouter::new(), |all, (_, routes)| all.merge(routes))
        .route("/panic", get(panic_in_a_transaction));
    shared::http::app(ctx, routes).0
}

async fn panic_in_a_transaction(State(ctx): State<AppContext>, caller: Caller<{ roles::ANY }>) -> Result<(), ApiError> {
    let scope = TenantScope {
        tenant_id: caller.tenant_id,
        user_id: None,
    };
    let mut tx = ctx
        .db
        .begin(scope)
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let names: Vec<String> = sqlx::query_scalar("UPDATE users SET name = 'panicked' RETURNING name")
        .fetch_all(&mut *tx)
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    panic!("with {} rows changed and nothing committed", names.len());
}

/// Sends a request and gives it up after so many polls, as a runtime does whose client has gone; `None` when it was.
async fn give_up_after(polls: u8, request: TestRequest) -> Option<Answer> {
    let mut sent = pin!(request.send());
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        sent.as_mut().poll(cx).map(Some)
    })
    .await
}

fn requests(client: &TestClient, tenant: &TestTenant, round: usize) -> TestRequest {
    let key = |key: &TestKey, method: &str, path: &str| client.request(method, path).key(key);
    match round % 6 {
        0 => key(&tenant.admin, "GET", "/api/v1/users"),
        1 => key(&tenant.agent, "POST", "/api/v1/approvals").json(&json!({
            "tool_call": {"tool": "deploy", "arguments": {}}, "reason": format!("round {round}")
        })),
        2 => key(&tenant.agent, "POST", "/api/v1/tasks/ping").json(&json!({})),
        3 => key(&tenant.approver, "PATCH", "/api/v1/users/me/settings").json(&json!({"locale": "de"})),
        4 => key(&tenant.agent, "POST", "/api/v1/audit/events").json(&json!({
            "request_id": format!("round-{round}-of-{}", tenant.id), "caller_id": tenant.agent.principal, "tool": "deploy",
            "arguments": {}
        })),
        _ => key(&tenant.agent, "GET", "/panic"),
    }
}

/// What one sees of everything: four people, and nothing of the other, whose every id is looked for.
async fn sees_its_own(stack: &TestStack, client: &TestClient, own: &TestTenant, other: &TestTenant) {
    let foreign = stack.snapshot().await.names_of(other.id);
    let users = client.get(&own.admin, "/api/v1/users").await.expect(200);
    let users = users["data"].as_array().expect("a list").clone();
    assert_eq!(users.len(), 4, "{users:?}");
    assert!(users.iter().all(|user| user["name"] != "panicked"), "{users:?}");
    for path in [
        "/api/v1/users",
        "/api/v1/api-keys",
        "/api/v1/approvals",
        "/api/v1/audit/events",
    ] {
        let text = client.get(&own.admin, path).await.expect(200).to_string();
        for name in &foreign {
            assert!(!text.contains(name.as_str()), "{path} shows another tenant's {name}");
        }
    }
    let settings: Value = client.get(&other.admin, "/api/v1/users/me/settings").await.expect(200);
    assert_ne!(settings["locale"], "de", "only approvers set their locale");
}

#[tokio::test]
async fn what_is_given_up_or_panics_leaves_nothing_to_the_next_tenant_on_the_connection() {
    let stack = TestStack::with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let tenants = [
        stack.tenant_with_agent("one-agent").await,
        stack.tenant_with_agent("other-agent").await,
    ];
    let client = stack.client(product_with_panics(stack.ctx.clone()));
    let random = Random::from_seed(20);
    let (mut given_up, mut panicked, mut answered) = (0, 0, 0);
    for round in 0..ROUNDS {
        let (one, other) = (&tenants[round % 2], &tenants[(round + 1) % 2]);
        let [byte] = random.bytes::<1>();
        match give_up_after(1 + byte % MOST_POLLS, requests(&client, one, round / 2)).await {
            None => given_up += 1,
            Some(answer) if answer.status == 500 => panicked += 1,
            Some(answer) => {
                assert!([200, 201, 202].contains(&answer.status), "{}", answer.text());
                answered += 1;
            }
        }
        sees_its_own(&stack, &client, other, one).await;
        let left: Option<String> = sqlx::query_scalar(
            "SELECT nullif(concat(current_setting('app.tenant_id', true), current_setting('app.user_id', true)), '')",
        )
        .fetch_one(stack.ctx.db.without_tenant())
        .await
        .expect("read");
        assert_eq!(left, None, "round {round}");
    }
    println!("{ROUNDS} rounds: {given_up} given up, {panicked} panicked, {answered} answered");
    assert!(
        given_up > ROUNDS / 4 && panicked > 5 && answered > ROUNDS / 16,
        "{given_up}, {panicked}, {answered}"
    );
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'countersign_app' AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&stack.owner_pool())
    .await
    .expect("counted");
    assert_eq!(open, 0, "no transaction is left open");
}
