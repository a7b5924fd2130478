//! What every route answers alike, in one table: `credentials` is about who asks, `requests` about what is sent.

mod credentials;
mod requests;

use serde_json::{Value, json};
use shared::testing::TestRequest;
use uuid::Uuid;

use crate::stage::Stage;

/// Method, path (`{id}` stands for an id that names nothing), the least body that is accepted, and the roles that may.
type Route = (&'static str, &'static str, Option<Value>, &'static [&'static str]);

const ADMIN: &[&str] = &["admin"];
const DECIDERS: &[&str] = &["admin", "approver"];
const PEOPLE: &[&str] = &["admin", "approver", "auditor"];
const ANY: &[&str] = &["admin", "approver", "auditor", "agent"];

fn tenant_routes() -> Vec<Route> {
    let user = json!({"email": "new@example.com", "name": "New", "role": "auditor"});
    let delegation = json!({
        "delegate_to": Uuid::nil(), "from": "2026-11-20T08:00:00.000Z", "until": "2026-11-21T08:00:00.000Z",
    });
    vec![
        ("GET", "/api/v1", None, ANY),
        ("POST", "/api/v1/users", Some(user), ADMIN),
        ("GET", "/api/v1/users", None, ADMIN),
        ("GET", "/api/v1/users/{id}", None, ADMIN),
        ("PATCH", "/api/v1/users/{id}", Some(json!({})), ADMIN),
        ("DELETE", "/api/v1/users/{id}", None, ADMIN),
        ("GET", "/api/v1/users/me/settings", None, PEOPLE),
        ("PATCH", "/api/v1/users/me/settings", Some(json!({})), PEOPLE),
        ("GET", "/api/v1/users/me/delegation", None, DECIDERS),
        ("PUT", "/api/v1/users/me/delegation", Some(delegation), DECIDERS),
        ("DELETE", "/api/v1/users/me/delegation", None, DECIDERS),
        (
            "POST",
            "/api/v1/api-keys",
            Some(json!({"role": "agent", "caller_id": "a"})),
            ADMIN,
        ),
        ("GET", "/api/v1/api-keys", None, ADMIN),
        ("DELETE", "/api/v1/api-keys/{id}", None, ADMIN),
        ("POST", "/api/v1/api-keys/{id}/rotate", Some(json!({})), ADMIN),
        ("POST", "/api/v1/tasks/ping", Some(json!({})), ANY),
        ("GET", "/api/v1/tasks/{id}", None, ANY),
    ]
}

fn operator_routes() -> Vec<Route> {
    vec![
        ("POST", "/api/v1/tenants", Some(json!({"name": "New"})), &[]),
        ("GET", "/api/v1/tenants", None, &[]),
        ("GET", "/api/v1/tenants/{id}", None, &[]),
        ("PATCH", "/api/v1/tenants/{id}", Some(json!({})), &[]),
        ("DELETE", "/api/v1/tenants/{id}", None, &[]),
        (
            "POST",
            "/api/v1/tenants/{id}/bootstrap",
            Some(json!({"email": "a@b", "name": "A"})),
            &[],
        ),
    ]
}

fn at(path: &str, id: Uuid) -> String {
    path.replace("{id}", &id.to_string())
}

fn request(stage: &Stage, (method, path, body, _): &Route, id: Uuid) -> TestRequest {
    let request = stage.client.request(method, &at(path, id));
    match body {
        Some(body) => request.json(body),
        None => request,
    }
}
