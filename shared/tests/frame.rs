//! What every request gets, whatever route it is for: the envelope, the common headers, CORS, and the order of checks.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    context::AppContext,
    http::{ApiError, Caller, Json, OperatorAccess, PageSize, Path, Query, app, roles},
    testing::{TestClient, TestKey, TestStack},
};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

/// What a deployment has to set.
const PUBLIC_URL: (&str, &str) = ("PUBLIC_URL", "https://countersign.example.com");

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
    inner: Option<Inner>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filters {
    limit: Option<PageSize>,
    name: Option<String>,
}

async fn post_note(_: State<AppContext>, _: Caller<{ roles::ADMIN }>, Json(note): Json<Note>) -> Json<Note> {
    Json(note)
}

async fn get_notes(_: Caller<{ roles::ANY }>, Query(filters): Query<Filters>) -> Json<Value> {
    Json(json!({ "name": filters.name, "limit": filters.limit.is_some() }))
}

async fn get_note(caller: Caller<{ roles::ANY }>, Path(id): Path<Uuid>) -> Json<Value> {
    Json(json!({ "id": id, "caller": caller.to_string() }))
}

async fn of_operator(access: OperatorAccess, Path(id): Path<Uuid>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "admin": access.tenant(id)?.is_some() })))
}

async fn panics() -> Json<Value> {
    panic!("postgres://user:password@host/secret")
}

async fn fails() -> Result<Json<Value>, ApiError> {
    Err(sqlx::Error::ColumnNotFound("password_column".into()).into())
}

fn client(stack: &TestStack) -> TestClient {
    let routes = OpenApiRouter::new()
        .route("/notes", axum::routing::post(post_note).get(get_notes))
        .route("/notes/{id}", axum::routing::get(get_note))
        .route("/operator/{id}", axum::routing::get(of_operator))
        .route("/panics", axum::routing::get(panics))
        .route("/fails", axum::routing::get(fails));
    stack.client(app(stack.ctx.clone(), routes).0)
}

#[tokio::test]
async fn checks_come_in_the_order_of_the_contract() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = client(&stack);
    let bad = || client.request("POST", "/notes").body("text/plain", "{");

    client
        .request("POST", "/nowhere")
        .body("text/plain", "{")
        .send()
        .await
        .expect_error(404, "NOT_FOUND");
    client
        .request("PUT", "/notes")
        .body("text/plain", "{")
        .send()
        .await
        .expect_error(405, "METHOD_NOT_ALLOWED");
    bad()
        .bearer("nonsense")
        .send()
        .await
        .expect_error(400, "MISSING_TENANT_ID");
    for tenant in [
        "",
        "x",
        "019a9f0000007000800000000000000",
        &ours.id.simple().to_string(),
        &format!("{{{}}}", ours.id),
    ] {
        bad()
            .header("x-tenant-id", tenant)
            .send()
            .await
            .expect_error(400, "INVALID_TENANT_ID");
    }
    bad()
        .tenant(ours.id)
        .tenant(ours.id)
        .send()
        .await
        .expect_error(400, "INVALID_TENANT_ID");
    bad().tenant(ours.id).send().await.expect_error(401, "UNAUTHORIZED");
    bad()
        .tenant(ours.id)
        .bearer("nonsense")
        .send()
        .await
        .expect_error(401, "UNAUTHORIZED");
    bad()
        .tenant(ours.id)
        .bearer(&theirs.admin.text)
        .send()
        .await
        .expect_error(401, "UNAUTHORIZED");
    bad()
        .tenant(Uuid::nil())
        .bearer(&ours.admin.text)
        .send()
        .await
        .expect_error(401, "UNAUTHORIZED");
    bad().key(&ours.agent).send().await.expect_error(403, "FORBIDDEN");
    bad()
        .key(&ours.admin)
        .send()
        .await
        .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    client
        .request("POST", "/notes")
        .key(&ours.admin)
        .body("application/json", "{")
        .send()
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(
        client
            .post(&ours.admin, "/notes", json!({ "text": "x" }))
            .await
            .expect(200)["text"],
        "x"
    );
}

#[tokio::test]
async fn every_reason_for_401_looks_the_same() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = client(&stack);
    let pool = stack.owner_pool();
    let fresh = || TestKey::of_user(&stack, tenant.id, "admin", &[]);
    let (revoked, expired, deactivated, wrong) = (fresh().await, fresh().await, fresh().await, fresh().await);
    let run = async |sql: &'static str, id: Uuid| {
        let changed = sqlx::query(sql).bind(id).execute(&pool).await.expect("changed");
        assert_eq!(changed.rows_affected(), 1);
    };
    for key in [&revoked, &expired, &deactivated, &wrong] {
        client.get(key, "/notes").await.expect(200);
    }
    run("UPDATE api_keys SET is_active = false WHERE id = $1", revoked.id).await;
    run(
        "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1",
        expired.id,
    )
    .await;
    run(
        "UPDATE users SET status = 'DEACTIVATED' WHERE id = $1",
        deactivated.user_id.expect("a person"),
    )
    .await;
    run(
        "UPDATE api_keys SET key_hash = '$2b$04$abcdefghijklmnopqrstuuGnf1tF.lxrIW1yPZ7ovUiE2VRJ7UAaO' WHERE id = $1",
        wrong.id,
    )
    .await;

    let mut bodies = Vec::new();
    let mut typo = tenant.admin.text.clone();
    typo.pop();
    for credential in [
        &revoked.text,
        &expired.text,
        &deactivated.text,
        &wrong.text,
        &typo,
        "",
        "cs_dev_",
        "ghp_0123456789",
    ] {
        let answer = client
            .request("GET", "/notes")
            .tenant(tenant.id)
            .bearer(credential)
            .send()
            .await;
        answer.expect_error(401, "UNAUTHORIZED");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        bodies.push(answer.json()["error"].clone());
    }
    for header in ["Basic dXNlcjpwYXNz", "Bearer", "", &tenant.admin.text] {
        let request = client
            .request("GET", "/notes")
            .tenant(tenant.id)
            .header("authorization", header);
        let answer = request.send().await;
        answer.expect_error(401, "UNAUTHORIZED");
        bodies.push(answer.json()["error"].clone());
    }
    let twice = client
        .request("GET", "/notes")
        .key(&tenant.admin)
        .bearer(&tenant.admin.text)
        .send()
        .await;
    twice.expect_error(401, "UNAUTHORIZED");
    run("UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1", tenant.id).await;
    let suspended = client.get(&tenant.admin, "/notes").await;
    suspended.expect_error(401, "UNAUTHORIZED");
    bodies.push(suspended.json()["error"].clone());
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn a_verdict_is_cached_but_the_right_to_use_it_is_not() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = client(&stack);
    client.get(&tenant.admin, "/notes").await.expect(200);
    // Another process: nothing remembered, and Redis holds the verdict.
    let other = TestStack::on_same_servers(&stack);
    let elsewhere = self::client(&other);
    elsewhere.get(&tenant.admin, "/notes").await.expect(200);
    sqlx::query("UPDATE api_keys SET is_active = false WHERE id = $1")
        .bind(tenant.admin.id)
        .execute(&stack.owner_pool())
        .await
        .expect("revoked");
    client
        .get(&tenant.admin, "/notes")
        .await
        .expect_error(401, "UNAUTHORIZED");
    elsewhere
        .get(&tenant.admin, "/notes")
        .await
        .expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn without_redis_keys_are_still_checked() {
    let stack = TestStack::with(&[("REDIS_URL", "redis://127.0.0.1:1"), ("REDIS_TIMEOUT_MS", "50")]).await;
    let tenant = stack.tenant().await;
    let client = client(&stack);
    client.get(&tenant.admin, "/notes").await.expect(200);
    client
        .request("GET", "/notes")
        .tenant(tenant.id)
        .bearer("cs_dev_x")
        .send()
        .await
        .expect_error(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn last_used_at_moves_to_the_minute() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    client(&stack).get(&tenant.agent, "/notes").await.expect(200);
    let to_the_minute: bool = sqlx::query_scalar(
        "SELECT last_used_at = date_trunc('minute', last_used_at) AND last_used_at > now() - interval '2 minutes'
         FROM api_keys WHERE id = $1",
    )
    .bind(tenant.agent.id)
    .fetch_one(&stack.owner_pool())
    .await
    .expect("the key is there");
    assert!(to_the_minute);
}

#[tokio::test]
async fn bodies_are_checked_and_the_field_is_named() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = client(&stack);
    let send = async |content_type: &str, body: Vec<u8>| {
        client
            .request("POST", "/notes")
            .key(&tenant.admin)
            .body(content_type, body)
            .send()
            .await
    };
    for (body, field) in [
        (r"{}", "text"),
        (r#"{"text":1}"#, "text"),
        (r#"{"text":"x","more":1}"#, "more"),
        (r#"{"text":"x","inner":{"count":"x"}}"#, "inner.count"),
        (r#"{"text":"x","inner":{}}"#, "inner.count"),
        (r#"{"text":"x","inner":{"count":1,"else":2}}"#, "inner.else"),
    ] {
        let details = send("application/json", body.into())
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], field, "{body}");
    }
    let positional = send("application/json", br#"["x",null]"#.into())
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(positional["field"], serde_json::Value::Null);
    for body in [
        &b"{"[..],
        b"[]",
        b"null",
        b"\"\xff\"",
        br#"{"text":"a","text":"a"}"#,
        br#"{"text":"\u0000"}"#,
        b"{}{}",
    ] {
        send("application/json", body.into())
            .await
            .expect_error(400, "VALIDATION_ERROR");
    }
    // An absent body is `{}`, which lacks what is required.
    let absent = send("", Vec::new()).await.expect_error(400, "VALIDATION_ERROR");
    assert_eq!(absent["field"], "text");
    let fits = format!(r#"{{"text":"{}"}}"#, "x".repeat((1 << 20) - 11));
    assert_eq!(fits.len(), 1 << 20);
    send("application/json; charset=utf-8", fits.into()).await.expect(200);
    let over = format!(r#"{{"text":"{}"}}"#, "x".repeat((1 << 20) - 10));
    send("application/json", over.into())
        .await
        .expect_error(413, "PAYLOAD_TOO_LARGE");
    for content_type in ["", "text/json", "application/jsonp", "application/json; charset=latin1"] {
        send(content_type, br#"{"text":"x"}"#.into())
            .await
            .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn queries_and_paths_are_checked_and_the_field_is_named() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = client(&stack);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=5&limit=5", "limit"),
        ("other=1", "other"),
        ("name=a&name=b", "name"),
    ] {
        let details = client
            .get(&tenant.agent, &format!("/notes?{query}"))
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], field, "{query}");
    }
    client
        .get(&tenant.agent, "/notes?name=%00")
        .await
        .expect_error(400, "VALIDATION_ERROR");
    client
        .get(&tenant.agent, "/notes?name=%ff")
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(
        client
            .get(&tenant.agent, "/notes?name=%C3%A9+x&limit=200")
            .await
            .expect(200)["name"],
        "é x"
    );
    let details = client
        .get(&tenant.agent, "/notes/not-a-uuid")
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(details["field"], "id");
    client
        .get(&tenant.agent, "/notes/%ff")
        .await
        .expect_error(400, "VALIDATION_ERROR");
    let answer = client
        .get(&tenant.agent, &format!("/notes/{}", tenant.id))
        .await
        .expect(200);
    assert_eq!(answer["caller"], "agent:dev-agent");
}

#[tokio::test]
async fn the_operators_routes_tell_unknown_from_forbidden() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = client(&stack);
    let ask = |id: Uuid| client.request("GET", &format!("/operator/{id}"));
    ask(ours.id).send().await.expect_error(401, "UNAUTHORIZED");
    ask(ours.id)
        .bearer("nonsense")
        .send()
        .await
        .expect_error(401, "UNAUTHORIZED");
    assert_eq!(
        ask(ours.id).bearer(stack.operator()).send().await.expect(200)["admin"],
        false
    );
    assert_eq!(ask(ours.id).key(&ours.admin).send().await.expect(200)["admin"], true);
    // Without the tenant header even an admin's own key is only known, not in a tenant.
    ask(ours.id)
        .bearer(&ours.admin.text)
        .send()
        .await
        .expect_error(403, "FORBIDDEN");
    ask(ours.id)
        .key(&theirs.admin)
        .send()
        .await
        .expect_error(403, "FORBIDDEN");
    ask(ours.id)
        .key(&ours.agent)
        .send()
        .await
        .expect_error(403, "FORBIDDEN");
    ask(ours.id)
        .tenant(ours.id)
        .bearer(&theirs.admin.text)
        .send()
        .await
        .expect_error(401, "UNAUTHORIZED");
    ask(ours.id)
        .header("x-tenant-id", "x")
        .bearer(&ours.admin.text)
        .send()
        .await
        .expect_error(400, "INVALID_TENANT_ID");
    client
        .request("GET", "/operator/x")
        .bearer(stack.operator())
        .send()
        .await
        .expect_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn panics_and_failures_say_nothing_of_their_cause() {
    let stack = TestStack::with(&[("ENVIRONMENT", "production"), PUBLIC_URL, ("AUTH_BCRYPT_COST", "10")]).await;
    let client = client(&stack);
    for path in ["/panics", "/fails"] {
        let answer = client.request("GET", path).send().await;
        answer.expect_error(500, "INTERNAL_ERROR");
        assert_eq!(answer.json()["error"]["message"], "An unexpected error occurred");
        assert!(!answer.text().contains("password"), "{}", answer.text());
    }
}

#[tokio::test]
async fn without_postgres_it_is_503_with_retry_after() {
    let stack = TestStack::with(&[("DATABASE_URL", "postgres://someone:hidden@127.0.0.1:1/x")]).await;
    let tenant = stack.tenant().await;
    let answer = client(&stack).get(&tenant.admin, "/notes").await;
    answer.expect_error(503, "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(
        !answer.text().contains("127.0.0.1") && !answer.text().contains("someone"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn request_ids_are_echoed_or_new() {
    let stack = TestStack::start().await;
    let client = client(&stack);
    let ask = async |id: &str| {
        let answer = client
            .request("GET", "/nowhere")
            .header("x-request-id", id)
            .send()
            .await;
        answer.expect_error(404, "NOT_FOUND");
        answer.header("x-request-id").map(str::to_owned).expect("an id")
    };
    assert_eq!(ask("my-id").await, "my-id");
    let fresh = ask("not visible").await;
    assert!(Uuid::try_parse(&fresh).is_ok(), "{fresh}");
}

#[tokio::test]
async fn cors_allows_exactly_the_configured_origins() {
    let stack = TestStack::with(&[("CORS_ORIGINS", "https://console.example.com,https://ops.example.com")]).await;
    let client = client(&stack);
    let preflight = async |origin: &str| {
        let request = client.request("OPTIONS", "/notes").header("origin", origin);
        request.header("access-control-request-method", "POST").send().await
    };
    let allowed = preflight("https://ops.example.com").await;
    assert_eq!((allowed.status, allowed.bytes.len()), (204, 0));
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://ops.example.com")
    );
    assert!(
        allowed
            .header("access-control-allow-headers")
            .is_some_and(|names| names.contains("X-Tenant-ID"))
    );
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    for origin in [
        "https://evil.example",
        "http://ops.example.com",
        "https://ops.example.com.evil.example",
        "null",
    ] {
        let refused = preflight(origin).await;
        assert_eq!(refused.status, 204);
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
        assert_eq!(refused.header("access-control-allow-methods"), None, "{origin}");
    }
    let plain = client
        .request("GET", "/nowhere")
        .header("origin", "https://console.example.com")
        .send()
        .await;
    assert_eq!(
        plain.header("access-control-allow-origin"),
        Some("https://console.example.com")
    );
    assert!(plain.header("vary").is_some_and(|vary| vary.contains("Origin")));
    // Without what makes it a preflight it is a method like any other.
    client
        .request("OPTIONS", "/notes")
        .send()
        .await
        .expect_error(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn the_console_of_a_laptop_is_allowed_locally_and_nothing_in_production() {
    for (environment, expected) in [("local", Some("http://localhost:5173")), ("production", None)] {
        let stack = TestStack::with(&[("ENVIRONMENT", environment), PUBLIC_URL, ("AUTH_BCRYPT_COST", "10")]).await;
        let request = client(&stack)
            .request("GET", "/nowhere")
            .header("origin", "http://localhost:5173");
        assert_eq!(
            request.send().await.header("access-control-allow-origin"),
            expected,
            "{environment}"
        );
    }
}
