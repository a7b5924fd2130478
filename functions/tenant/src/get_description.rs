//! `GET /api/v1/openapi.json`: the description of the whole API, as it is committed with the code.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use shared::http::{NoQuery, PublicErrors};

const DESCRIPTION: &str = include_str!("../../../openapi.json");

/// Describes the API (`OpenAPI` 3.1).
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "get_description",
    tag = "tenant",
    responses((status = 200, body = serde_json::Value, description = "The description"), PublicErrors),
    security(())
)]
pub(crate) async fn get_description(_: NoQuery) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
