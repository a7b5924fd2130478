//! What is sent: methods, ids, bodies and queries that no handler has to look at; and a database that is not there.

use super::{at, operator_routes, request, tenant_routes};
use crate::stage::Stage;

#[tokio::test]
async fn other_methods_are_405_and_other_paths_404() {
    let stage = Stage::set().await;
    let nothing = stage.stack.ctx.ids.next();
    for route in tenant_routes().iter().chain(&operator_routes()) {
        let method = if route.1.ends_with("delegation") {
            "PATCH"
        } else {
            "PUT"
        };
        // Neither a tenant nor a credential: the method is looked at first.
        stage
            .client
            .request(method, &at(route.1, nothing))
            .send()
            .await
            .expect_error(405, "METHOD_NOT_ALLOWED");
    }
    for path in ["/api/v1/docs", "/api/v1/openapi.json"] {
        stage
            .client
            .request("POST", path)
            .send()
            .await
            .expect_error(405, "METHOD_NOT_ALLOWED");
    }
    for path in [
        "/",
        "/api",
        "/api/v1/",
        "/api/v2",
        "/api/v1/users/",
        "/api/v1/api-keys/a/b",
        "/api/v1/tasks",
    ] {
        stage
            .client
            .get(&stage.tenant.admin, path)
            .await
            .expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn ids_are_uuids_that_name_something_here() {
    let stage = Stage::set().await;
    let other = stage.stack.tenant().await;
    let theirs = [
        ("/api/v1/users/{id}", other.auditor.user_id.expect("a user")),
        ("/api/v1/api-keys/{id}", other.agent.id),
        ("/api/v1/api-keys/{id}/rotate", other.agent.id),
    ];
    for route in tenant_routes().iter().filter(|route| route.1.contains("{id}")) {
        let admin = &stage.tenant.admin;
        let nothing = stage.stack.ctx.ids.next();
        request(&stage, route, nothing)
            .key(admin)
            .send()
            .await
            .expect_error(404, "NOT_FOUND");
        for (_, id) in theirs.iter().filter(|(path, _)| *path == route.1) {
            request(&stage, route, *id)
                .key(admin)
                .send()
                .await
                .expect_error(404, "NOT_FOUND");
        }
        for bad in ["1", "not-a-uuid", "019a9f00000070008000000000000001"] {
            let malformed = stage.client.request(route.0, &route.1.replace("{id}", bad)).key(admin);
            let details = malformed.send().await.expect_error(400, "VALIDATION_ERROR");
            assert_eq!(details["field"], "id");
        }
    }
    for route in operator_routes().iter().filter(|route| route.1.contains("{id}")) {
        let nothing = request(&stage, route, stage.stack.ctx.ids.next()).bearer(stage.stack.operator());
        nothing.send().await.expect_error(404, "NOT_FOUND");
        let malformed = stage
            .client
            .request(route.0, &route.1.replace("{id}", "acme"))
            .bearer(stage.stack.operator());
        assert_eq!(
            malformed.send().await.expect_error(400, "VALIDATION_ERROR")["field"],
            "id"
        );
    }
    // What was asked for another tenant's objects left them as they were.
    assert_eq!(stage.status_of(&other.auditor).await, 200);
    assert_eq!(stage.status_of(&other.agent).await, 200);
}

#[tokio::test]
async fn bodies_are_strict_json_of_a_known_shape() {
    let stage = Stage::set().await;
    let nothing = stage.stack.ctx.ids.next();
    let operators = operator_routes();
    for route in tenant_routes()
        .iter()
        .chain(&operators)
        .filter(|route| route.2.is_some())
    {
        let send = |content_type: &'static str, body: String| {
            let request = stage
                .client
                .request(route.0, &at(route.1, nothing))
                .body(content_type, body);
            if operators.contains(route) {
                request.bearer(stage.stack.operator()).send()
            } else {
                request.key(&stage.tenant.admin).send()
            }
        };
        send("text/plain", "{}".to_owned())
            .await
            .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
        send("", "{}".to_owned())
            .await
            .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
        let large = format!("{{\"x\":\"{}\"}}", "a".repeat(1 << 20));
        send("application/json", large)
            .await
            .expect_error(413, "PAYLOAD_TOO_LARGE");
        for broken in [
            "{",
            "null",
            "1",
            r#"{"x":1,"x":1}"#,
            r#"{"x":"\u0000"}"#,
            r#"{"x":9007199254740992}"#,
        ] {
            send("application/json", broken.to_owned())
                .await
                .expect_error(400, "VALIDATION_ERROR");
        }
        let unknown = send("application/json", r#"{"surprise":1}"#.to_owned()).await;
        assert_eq!(unknown.expect_error(400, "VALIDATION_ERROR")["field"], "surprise");
    }
}

#[tokio::test]
async fn lists_refuse_what_they_do_not_know() {
    let stage = Stage::set().await;
    for path in ["/api/v1/users", "/api/v1/api-keys", "/api/v1/tenants"] {
        let get = |query: &str| {
            let request = stage.client.request("GET", &format!("{path}?{query}"));
            if path.ends_with("tenants") {
                request.bearer(stage.stack.operator()).send()
            } else {
                request.key(&stage.tenant.admin).send()
            }
        };
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=x", "limit"),
            ("surprise=1", "surprise"),
            ("limit=1&limit=1", "limit"),
        ] {
            assert_eq!(
                get(query).await.expect_error(400, "VALIDATION_ERROR")["field"],
                field,
                "{query}"
            );
        }
        get("cursor=AAAA").await.expect_error(400, "INVALID_CURSOR");
        let page = get("limit=1").await.expect(200);
        assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn without_postgres_everything_but_the_description_is_503() {
    let working = Stage::set().await;
    let nowhere = ("DATABASE_URL", "postgres://someone:hidden@127.0.0.1:1/x");
    let stage = Stage::with(&[nowhere, ("DATABASE_ACQUIRE_TIMEOUT_MS", "50")]).await;
    let nothing = working.stack.ctx.ids.next();
    let operators = operator_routes();
    for route in tenant_routes().iter().chain(&operators) {
        let request = request(&stage, route, nothing);
        let request = if operators.contains(route) {
            request.bearer(stage.stack.operator())
        } else {
            request.key(&working.tenant.admin)
        };
        let answer = request.send().await;
        answer.expect_error(503, "UNAVAILABLE");
        assert!(answer.header("retry-after").is_some());
        assert!(
            !answer.text().contains("someone") && !answer.text().contains("127.0.0.1"),
            "{}",
            answer.text()
        );
    }
    for path in ["/api/v1/openapi.json", "/api/v1/docs"] {
        assert_eq!(stage.client.request("GET", path).send().await.status, 200);
    }
}
