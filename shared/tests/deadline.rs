//! The invocation's deadline: an answer is out before Lambda ends the invocation, and what was under way is rolled back.

use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, app, roles},
    lambda::AnswerBy,
    testing::TestStack,
};
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;

/// Writes, and then is held up for longer than anybody waits.
async fn dawdle(State(ctx): State<AppContext>, caller: Caller<{ roles::ADMIN }>) -> Result<Json<Value>, ApiError> {
    let mut tx = ctx.db.begin(caller.scope()).await?;
    sqlx::query("UPDATE tenants SET name = 'Halfway' WHERE id = $1")
        .bind(caller.tenant_id)
        .execute(&mut *tx)
        .await?;
    tokio::time::sleep(Duration::from_hours(1)).await;
    tx.commit().await?;
    Ok(Json(json!({})))
}

async fn hurry(_: Caller<{ roles::ADMIN }>) -> Json<Value> {
    Json(json!({}))
}

#[tokio::test]
async fn the_answer_comes_first_and_leaves_no_lock_behind() {
    let stack = TestStack::with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let tenant = stack.tenant().await;
    let routes = OpenApiRouter::new()
        .route("/dawdle", axum::routing::post(dawdle))
        .route("/hurry", axum::routing::get(hurry));
    let client = stack.client(app(stack.ctx.clone(), routes).0);
    let answer_by = AnswerBy(Instant::now() + Duration::from_secs(2));
    client
        .request("GET", "/hurry")
        .key(&tenant.admin)
        .with(answer_by)
        .send()
        .await
        .expect(200);
    let late = client
        .request("POST", "/dawdle")
        .key(&tenant.admin)
        .with(answer_by)
        .send()
        .await;
    late.expect_error(503, "UNAVAILABLE");
    assert_eq!(late.header("retry-after"), Some("1"));

    // At once, as if the environment were frozen now: the row is neither changed nor locked.
    let name: String = sqlx::query_scalar("SELECT name FROM tenants WHERE id = $1 FOR UPDATE NOWAIT")
        .bind(tenant.id)
        .fetch_one(&stack.owner_pool())
        .await
        .expect("nobody holds the row");
    assert_eq!(name, "Test");
    // And the one connection serves the next request.
    client.get(&tenant.admin, "/hurry").await.expect(200);
}
