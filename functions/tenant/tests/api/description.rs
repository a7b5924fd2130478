//! `GET /api/v1/openapi.json` and `GET /api/v1/docs`.

use shared::http::app;

use crate::stage::Stage;

#[tokio::test]
async fn the_description_is_public_json() {
    let stage = Stage::set().await;
    let answer = stage.client.request("GET", "/api/v1/openapi.json").send().await;
    let body = answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        body["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{body}"
    );
    assert_eq!(
        body,
        serde_json::from_str::<serde_json::Value>(include_str!("../../../../openapi.json")).expect("JSON")
    );
}

#[tokio::test]
async fn the_page_is_public_and_runs_only_itself() {
    let stage = Stage::set().await;
    let answer = stage.client.request("GET", "/api/v1/docs").send().await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(
        policy.contains("connect-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(answer.text().contains("fetch(\"openapi.json\")"));
}

#[tokio::test]
async fn every_operation_is_described_whole() {
    let stage = Stage::set().await;
    let description = app(stage.stack.ctx.clone(), tenant::routes()).1;
    let description = serde_json::to_value(description).expect("JSON");
    let paths = description["paths"].as_object().expect("paths");
    let mut operations = 0;
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("a path") {
            operations += 1;
            assert!(operation["operationId"].is_string(), "{method} {path}");
            assert!(
                operation["summary"].as_str().is_some_and(|text| text.ends_with('.')),
                "{method} {path}"
            );
            assert!(operation["security"].is_array(), "{method} {path}");
            assert!(operation["responses"]["503"].is_object(), "{method} {path}");
        }
    }
    assert_eq!(operations, 25);
    let fields = &description["components"]["schemas"]["NewUser"];
    assert_eq!(
        fields["required"],
        serde_json::json!(["email", "name", "role"]),
        "{fields}"
    );
}
