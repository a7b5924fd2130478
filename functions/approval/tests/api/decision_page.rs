//! `GET /decide/{id}`, and what the three routes of links answer to browsers.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::{
    http::app,
    testing::{TestClient, context_without_servers},
};

use crate::scene::{Scene, id, request};

const UNKNOWN_ID: &str = "01930000-0000-7000-8000-000000000000";

#[tokio::test]
async fn it_is_the_same_for_every_id_and_names_what_it_runs() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let page = scene
        .client
        .request("GET", &format!("/decide/{}", id(&asked)))
        .send()
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(page.header("x-request-id").is_some());
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    for directive in [
        "default-src 'none'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(
            policy.split("; ").any(|part| part == directive),
            "{directive}: {policy}"
        );
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    // The very bytes that were served.
    let text = page.text();
    for (element, directive) in [("script", "script-src"), ("style", "style-src")] {
        let (_, rest) = text.split_once(&format!("<{element}>")).expect("an element");
        let (content, rest) = rest.split_once(&format!("</{element}>")).expect("its end");
        let hash = BASE64_STANDARD.encode(Sha256::digest(content));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}';")), "{policy}");
        assert!(!rest.contains(&format!("<{element}")), "one {element}");
    }
    let other = scene
        .client
        .request("GET", &format!("/decide/{UNKNOWN_ID}"))
        .send()
        .await;
    assert_eq!((other.status, &other.bytes), (200, &page.bytes));
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body_and_other_methods_are_405() {
    let scene = Scene::start().await;
    let path = format!("/decide/{UNKNOWN_ID}");
    let head = scene.client.request("HEAD", &path).send().await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert!(head.header("content-security-policy").is_some());
    for (path, methods) in [
        (path.clone(), &["PUT", "PATCH", "DELETE", "OPTIONS"][..]),
        (
            format!("{path}/view"),
            &["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"],
        ),
    ] {
        for method in methods {
            let answer = scene.client.request(method, &path).send().await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
    for path in [
        "/decide",
        "/decide/",
        &format!("{path}/"),
        &format!("{path}/view/"),
        &format!("{path}/x"),
    ] {
        scene
            .client
            .request("GET", path)
            .send()
            .await
            .expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn a_malformed_id_or_a_query_is_400() {
    let scene = Scene::start().await;
    let body = json!({ "secret": "x" });
    for (method, end) in [("GET", ""), ("HEAD", ""), ("POST", ""), ("POST", "/view")] {
        for (path, field) in [
            (format!("/decide/x{end}"), "id"),
            (format!("/decide/01930000000070008000000000000000{end}"), "id"),
            (format!("/decide/{UNKNOWN_ID}{end}?secret=csl_x"), "secret"),
        ] {
            let answer = scene.client.request(method, &path).json(&body).send().await;
            assert_eq!(answer.status, 400, "{method} {path}");
            if method != "HEAD" {
                assert_eq!(
                    answer.expect_error(400, "VALIDATION_ERROR")["field"],
                    field,
                    "{method} {path}"
                );
            }
        }
    }
}

#[tokio::test]
async fn it_needs_neither_postgres_nor_redis() {
    let client = TestClient::new(app(context_without_servers(), approval::routes()).0);
    let page = client.request("GET", &format!("/decide/{UNKNOWN_ID}")).send().await;
    assert_eq!(page.status, 200);
    // What has not the form of a secret is looked for nowhere; one that has cannot be.
    let view = |secret: String| {
        let request = client.request("POST", &format!("/decide/{UNKNOWN_ID}/view"));
        request.json(&json!({ "secret": secret })).send()
    };
    view("csl_short".to_owned()).await.expect_error(404, "NOT_FOUND");
    let answer = view(format!("csl_{}", "A".repeat(64))).await;
    answer.expect_error(503, "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn another_sites_page_can_neither_look_nor_decide() {
    let scene = Scene::with(&[
        ("PUBLIC_URL", "https://sign.example.com"),
        ("CORS_ORIGINS", "https://console.example.com"),
    ])
    .await;
    let asked = scene.ask(request()).await;
    let id = id(&asked);
    let secret = scene.link(&scene.tenant.approver, id).await;
    let body = json!({ "secret": secret, "decision": "APPROVE", "display_hash": asked["display_hash"] });
    let post = |path: String, body: &serde_json::Value, origins: &[&str]| {
        let request = scene.client.request("POST", &path).json(body);
        origins
            .iter()
            .fold(request, |request, origin| request.header("origin", origin))
            .send()
    };
    for origins in [
        &["https://evil.example"][..],
        &["null"],
        &[""],
        &["http://sign.example.com"],
        &["https://sign.example.com:8443"],
        &["https://sign.example.com/"],
        &["https://SIGN.example.com"],
        &["https://sign.example.com.evil.example"],
        // One that may call the API is still another.
        &["https://console.example.com"],
        &["https://sign.example.com", "https://evil.example"],
    ] {
        let view = post(format!("/decide/{id}/view"), &json!({ "secret": secret }), origins).await;
        assert_eq!(
            view.expect_error(403, "FORBIDDEN"),
            json!({ "header": "Origin" }),
            "{origins:?}"
        );
        let decide = post(format!("/decide/{id}"), &body, origins).await;
        decide.expect_error(403, "FORBIDDEN");
        // It comes before whatever else is wrong.
        post(format!("/decide/{id}"), &json!([]), origins)
            .await
            .expect_error(403, "FORBIDDEN");
        post("/decide/x".to_owned(), &body, origins)
            .await
            .expect_error(403, "FORBIDDEN");
        assert!(
            view.header("access-control-allow-origin")
                .is_none_or(|allowed| allowed == "https://console.example.com")
        );
    }
    assert_eq!(scene.get(&scene.tenant.agent, id).await["version"], 1);
    let own = ["https://sign.example.com"];
    let _ = post(format!("/decide/{id}/view"), &json!({ "secret": secret }), &own)
        .await
        .expect(200);
    let decided = post(format!("/decide/{id}"), &body, &own).await.expect(200);
    assert_eq!(decided["status"], "APPROVED");
}

#[tokio::test]
async fn bodies_that_are_too_large_or_not_json_are_refused() {
    let scene = Scene::start().await;
    for path in [format!("/decide/{UNKNOWN_ID}"), format!("/decide/{UNKNOWN_ID}/view")] {
        let post = |kind: &str, body: String| scene.client.request("POST", &path).body(kind, body).send();
        let large = format!("{{\"secret\":\"{}\"}}", "x".repeat(1 << 20));
        post("application/json", large)
            .await
            .expect_error(413, "PAYLOAD_TOO_LARGE");
        for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
            post(kind, "{}".to_owned())
                .await
                .expect_error(415, "UNSUPPORTED_MEDIA_TYPE");
        }
        for body in ["{", r#"{"secret":"a","secret":"b"}"#, "[]", "\"csl_\""] {
            post("application/json", body.to_owned())
                .await
                .expect_error(400, "VALIDATION_ERROR");
        }
    }
}
