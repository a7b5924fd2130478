//! What tests over the whole need: the four HTTP functions as one product on one router, with the one description; the
//! functions as processes that Lambda runs; and servers of their own that they may stop.

pub mod checker;
pub mod fleet;
pub mod load;
pub mod objects;
pub mod servers;
pub mod weather;

pub mod fuzz;
mod headers;
mod refinements;
pub mod routes;
pub mod samples;

use axum::Router;
use shared::context::AppContext;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Description,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Countersign",
        description = "A human signature and a verifiable record in front of every sensitive action.",
        license(name = "MIT OR Apache-2.0")
    ),
    servers((url = "http://127.0.0.1:9000", description = "make dev")),
    tags(
        (name = "health", description = "Is it alive, and is it ready."),
        (name = "tenant", description = "Tenants, people, keys and settings."),
        (name = "approval", description = "Ask, wait, decide."),
        (name = "audit", description = "What happened, and who says so."),
    ),
    modifiers(&Credentials)
)]
struct Product;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, description: &mut Description) {
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme(
            "tenant_id",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                "X-Tenant-ID",
                "The tenant's UUID, beside the API key.",
            ))),
        );
    }
}

/// The functions behind the gateway, by name.
#[must_use]
pub fn functions() -> [(&'static str, OpenApiRouter<AppContext>); 4] {
    [
        ("health", health::routes()),
        ("tenant", tenant::routes()),
        ("approval", approval::routes()),
        ("audit", audit::routes()),
    ]
}

/// All of them on one router.
pub fn product(ctx: AppContext) -> Router {
    let routes = functions()
        .into_iter()
        .fold(OpenApiRouter::new(), |all, (_, routes)| all.merge(routes));
    shared::http::app(ctx, routes).0
}

/// The description of all of them.
#[must_use]
pub fn description() -> Description {
    let mut all = functions()
        .into_iter()
        .fold(Product::openapi(), |mut all, (_, routes)| {
            all.merge(routes.into_openapi());
            all
        });
    headers::describe(&mut all);
    refinements::refine(&mut all);
    all
}
