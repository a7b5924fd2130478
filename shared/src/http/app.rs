//! A function's routes become its application: the same fallbacks and the same frame for all five.

use axum::{Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{ApiError, ErrorCode, frame::frame};
use crate::context::AppContext;

/// Puts a function's routes into the frame. Also returns their description.
pub fn app(ctx: AppContext, routes: OpenApiRouter<AppContext>) -> (Router, OpenApi) {
    let (paths, description) = routes.split_for_parts();
    let app = paths
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async {
            ApiError::new(ErrorCode::MethodNotAllowed, "This route does not take that method")
        })
        .layer(middleware::from_fn_with_state(ctx.clone(), frame))
        .with_state(ctx);
    (app, description)
}
