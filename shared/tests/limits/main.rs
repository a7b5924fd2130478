//! What a party may take: requests of a credential, guesses at a secret.

mod requests;
mod wrong_secrets;

use axum::extract::State;
use serde_json::{Value, json};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, OperatorAccess, app, roles},
    testing::{TestClient, TestStack},
};
use utoipa_axum::router::OpenApiRouter;

/// Nobody listens there.
const NO_REDIS: (&str, &str) = ("REDIS_URL", "redis://127.0.0.1:1");

async fn of_anyone(_: State<AppContext>, _: Caller<{ roles::ANY }>) -> Json<Value> {
    Json(json!({}))
}

async fn of_admins(_: Caller<{ roles::ADMIN }>) -> Json<Value> {
    Json(json!({}))
}

async fn of_operator(access: OperatorAccess) -> Result<Json<Value>, ApiError> {
    access.operator()?;
    Ok(Json(json!({})))
}

fn client_of(stack: &TestStack) -> TestClient {
    let routes = OpenApiRouter::new()
        .route("/anyone", axum::routing::get(of_anyone))
        .route("/admins", axum::routing::get(of_admins))
        .route("/operator", axum::routing::get(of_operator));
    stack.client(app(stack.ctx.clone(), routes).0)
}
