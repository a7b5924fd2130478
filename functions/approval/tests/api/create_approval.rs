//! `POST /api/v1/approvals`.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::testing::TestKey;

use crate::scene::{Scene, id, request, request_with};

#[tokio::test]
async fn an_agent_asks_and_gets_the_status_and_the_token_once() {
    let scene = Scene::start().await;
    let created = scene
        .ask(json!({
            "tool_call": { "tool": "pay", "arguments": { "amount": 12.5, "password": "hunter2" }, "server": "bank" },
            "reason": "  Invoice 7\n",
            "risk_labels": ["money", "money", "external"],
            "request_id": "invoice-7",
            "required_approvals": 2,
            "approver_groups": ["ops", "finance", "ops"],
            "ttl_seconds": 600,
        }))
        .await;
    let token = created["token"].as_str().expect("a token");
    assert!(token.len() == 47 && token.starts_with("cst_"), "{token}");

    let status = scene.get(&scene.tenant.agent, id(&created)).await;
    let mut expected = created.clone();
    expected.as_object_mut().expect("an object").remove("token");
    assert_eq!(status, expected);
    assert_eq!(
        status["tool_call"],
        json!({
            "tool": "pay", "arguments": { "amount": 12.5, "password": "[REDACTED]" },
            "server": "bank", "environment": "dev",
        })
    );
    let told = [
        ("request_id", json!("invoice-7")),
        ("status", json!("PENDING")),
        ("version", json!(1)),
        ("requested_by", json!("agent:dev-agent")),
        ("reason", json!("Invoice 7")),
        ("risk_labels", json!(["money", "external"])),
        ("required_approvals", json!(2)),
        ("approver_groups", json!(["ops", "finance"])),
        ("approvals", json!(0)),
        ("decisions", json!([])),
        ("decided_at", Value::Null),
        ("policy", Value::Null),
        ("poll_after_ms", json!(1_000)),
    ];
    for (field, value) in told {
        assert_eq!(status[field], value, "{field}");
    }
    let time = |field: &str| shared::http::timestamp::parse(status[field].as_str().expect("a time")).expect("RFC 3339");
    assert_eq!((time("expires_at") - time("created_at")).num_milliseconds(), 600_000);
    scene
        .expect_events(id(&created), &["approval.requested"], &status)
        .await;
}

#[tokio::test]
async fn what_is_not_said_has_its_default() {
    let scene = Scene::with(&[("APPROVAL_TOKEN_TTL_SECONDS", "120")]).await;
    let created = scene
        .ask(json!({ "tool_call": { "tool": "ping" }, "reason": "why not" }))
        .await;
    assert_eq!(
        created["tool_call"],
        json!({ "tool": "ping", "arguments": {}, "environment": "dev" })
    );
    assert_eq!(
        (&created["required_approvals"], &created["approver_groups"]),
        (&json!(1), &json!([]))
    );
    assert_eq!(created["request_id"].as_str().map(str::len), Some(36));
    let time =
        |field: &str| shared::http::timestamp::parse(created[field].as_str().expect("a time")).expect("RFC 3339");
    assert_eq!((time("expires_at") - time("created_at")).num_seconds(), 120);
}

#[tokio::test]
async fn neither_the_token_nor_a_raw_secret_is_stored_anywhere() {
    let scene = Scene::start().await;
    let created = scene
        .ask(request_with(
            json!({ "tool_call": { "tool": "login", "arguments": { "password": "hunter2-and-more" } } }),
        ))
        .await;
    let token = created["token"].as_str().expect("a token");
    for table in ["approval_requests", "audit_events", "audit_request_ids", "outbox"] {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT row_to_json(t)::text FROM {table} t"
        )))
        .fetch_all(&scene.owner)
        .await
        .expect("rows");
        assert!(!rows.is_empty(), "{table}");
        assert!(
            !rows.iter().any(|row| row.contains(token) || row.contains("hunter2")),
            "{table}: {rows:?}"
        );
    }
    let stored: Vec<u8> = sqlx::query_scalar("SELECT token_digest FROM approval_requests")
        .fetch_one(&scene.owner)
        .await
        .expect("a row");
    assert_eq!(stored, Sha256::digest(token).to_vec());
}

#[tokio::test]
async fn the_digests_can_be_recomputed_from_what_they_cover() {
    let scene = Scene::start().await;
    let arguments = json!({ "z": 1.0, "a": { "é": [1e-7, 0.1, 333_333_333.333_333_3] }, "token": "raw" });
    let body = request_with(json!({ "tool_call": { "tool": "t", "arguments": arguments } }));
    let created = scene.ask(body.clone()).await;

    let nonce: Vec<u8> = sqlx::query_scalar("SELECT action_nonce FROM approval_requests")
        .fetch_one(&scene.owner)
        .await
        .expect("a row");
    let action = json!({
        "tenant": scene.tenant.id, "environment": "dev", "caller": "agent:dev-agent", "tool": "t", "server": null,
        "arguments": arguments,
    });
    let canonical = serde_json_canonicalizer::to_vec(&action).expect("canonical");
    let digest = Sha256::digest([b"countersign/action/v1".as_slice(), &nonce, &canonical].concat());
    assert_eq!(created["action_digest"], hex::encode(digest));

    // From what a client reads back, not from what was sent.
    let read = scene.get(&scene.tenant.approver, id(&created)).await;
    let mut shown = json!({});
    for field in [
        "id",
        "request_id",
        "requested_by",
        "tool_call",
        "reason",
        "risk_labels",
        "required_approvals",
        "approver_groups",
        "expires_at",
    ] {
        shown[field] = read[field].clone();
    }
    let canonical = serde_json_canonicalizer::to_vec(&shown).expect("canonical");
    assert_eq!(read["display_hash"], hex::encode(Sha256::digest(canonical)));

    let again = scene.ask(body).await;
    assert_ne!(again["action_digest"], created["action_digest"], "a nonce per request");
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let scene = Scene::start().await;
    let call = |call: Value| json!({ "tool_call": call });
    let key = &format!("cs_dev_{}_{}", "0".repeat(22), "a".repeat(33));
    let cases = [
        (call(json!({ "tool": "" })), "tool_call.tool"),
        (call(json!({ "tool": "  " })), "tool_call.tool"),
        (call(json!({ "tool": "x".repeat(201) })), "tool_call.tool"),
        (call(json!({ "tool": "a\u{7}b" })), "tool_call.tool"),
        (call(json!({})), "tool_call.tool"),
        (call(json!({ "tool": 1 })), "tool_call.tool"),
        (call(json!({ "tool": "t", "arguments": [] })), "tool_call.arguments"),
        (call(json!({ "tool": "t", "server": "" })), "tool_call.server"),
        (
            call(json!({ "tool": "t", "server": "x".repeat(201) })),
            "tool_call.server",
        ),
        (
            call(json!({ "tool": "t", "environment": "moon" })),
            "tool_call.environment",
        ),
        (call(json!({ "tool": "t", "extra": 1 })), "tool_call.extra"),
        (json!({ "reason": "" }), "reason"),
        (json!({ "reason": " \n" }), "reason"),
        (json!({ "reason": "x".repeat(2_001) }), "reason"),
        (json!({ "reason": "\u{1b}[2J" }), "reason"),
        (json!({ "reason": null }), "reason"),
        (json!({ "risk_labels": ["x".repeat(65)] }), "risk_labels"),
        (json!({ "risk_labels": [""] }), "risk_labels"),
        (json!({ "risk_labels": vec!["x"; 21] }), "risk_labels"),
        (json!({ "risk_labels": "x" }), "risk_labels"),
        (json!({ "request_id": "" }), "request_id"),
        (json!({ "request_id": "a/b" }), "request_id"),
        (json!({ "request_id": "a b" }), "request_id"),
        (json!({ "request_id": "é" }), "request_id"),
        (json!({ "request_id": "x".repeat(256) }), "request_id"),
        (json!({ "required_approvals": 0 }), "required_approvals"),
        (json!({ "required_approvals": -1 }), "required_approvals"),
        (json!({ "required_approvals": 1.5 }), "required_approvals"),
        (json!({ "required_approvals": "1" }), "required_approvals"),
        (
            json!({ "required_approvals": 9_007_199_254_740_991_i64 }),
            "required_approvals",
        ),
        (json!({ "approver_groups": vec!["x"; 51] }), "approver_groups"),
        (json!({ "approver_groups": [""] }), "approver_groups"),
        // Nothing can be hidden in a name or an id, so one that holds a credential is refused.
        (call(json!({ "tool": key })), "tool_call.tool"),
        (
            call(json!({ "tool": "t", "server": format!("https://x:{key}@y") })),
            "tool_call.server",
        ),
        (json!({ "request_id": key }), "request_id"),
        (json!({ "risk_labels": [key] }), "risk_labels"),
        (json!({ "approver_groups": [key] }), "approver_groups"),
        (json!({ "ttl_seconds": 59 }), "ttl_seconds"),
        (json!({ "ttl_seconds": 1_209_601 }), "ttl_seconds"),
        (json!({ "surprise": true }), "surprise"),
    ];
    for (fields, field) in cases {
        let body = request_with(fields.clone());
        let answer = scene.client.post(&scene.tenant.agent, "/api/v1/approvals", body).await;
        let details = answer.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], field, "{fields}: {}", answer.text());
    }
    for text in [r#"{"reason":"a","reason":"b"}"#, "{", "[]"] {
        let answer = scene
            .client
            .request("POST", "/api/v1/approvals")
            .key(&scene.tenant.agent)
            .body("application/json", text)
            .send()
            .await;
        answer.expect_error(400, "VALIDATION_ERROR");
    }
    let answer = scene
        .client
        .request("POST", "/api/v1/approvals")
        .key(&scene.tenant.agent)
        .send()
        .await;
    assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], "tool_call");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM approval_requests")
        .fetch_one(&scene.owner)
        .await
        .expect("a count");
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn the_bounds_themselves_are_allowed() {
    let scene = Scene::start().await;
    for fields in [
        json!({ "ttl_seconds": 60 }),
        json!({ "ttl_seconds": 1_209_600 }),
        json!({ "reason": "é".repeat(2_000) }),
        json!({ "request_id": "x".repeat(255) }),
        json!({ "risk_labels": (0..20).map(|n| format!("{n:064}")).collect::<Vec<_>>() }),
        json!({ "tool_call": { "tool": "x".repeat(200), "server": "y".repeat(200), "environment": "dev" } }),
        json!({ "risk_labels": null, "request_id": null, "approver_groups": null, "ttl_seconds": null }),
    ] {
        let _ = scene.ask(request_with(fields)).await;
    }
}

#[tokio::test]
async fn another_environment_than_the_keys_is_forbidden() {
    let scene = Scene::start().await;
    for environment in ["staging", "production"] {
        let body = request_with(json!({ "tool_call": { "tool": "t", "environment": environment } }));
        let answer = scene.client.post(&scene.tenant.agent, "/api/v1/approvals", body).await;
        answer.expect_error(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn a_credential_pasted_into_the_reason_is_not_kept() {
    let scene = Scene::start().await;
    let secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz";
    let body = request_with(json!({ "reason": format!("The old token {secret} leaked") }));
    let made = scene.ask(body).await;
    let reason = made["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("The old token [REDACTED") && reason.ends_with("leaked"),
        "{reason}"
    );
    let kept: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM approval_requests WHERE reason LIKE '%' || $1 || '%')
              + (SELECT count(*) FROM outbox WHERE payload::text LIKE '%' || $1 || '%')
              + (SELECT count(*) FROM audit_events e WHERE e::text LIKE '%' || $1 || '%')",
    )
    .bind(secret)
    .fetch_one(&scene.owner)
    .await
    .expect("counted");
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn a_quorum_nobody_could_reach_is_refused() {
    let scene = Scene::start().await;
    let ask =
        async |key: &TestKey, fields: Value| scene.client.post(key, "/api/v1/approvals", request_with(fields)).await;
    let agent = &scene.tenant.agent;
    // An admin and two approvers; the auditor does not count.
    let _ = ask(agent, json!({ "required_approvals": 3 })).await.expect(201);
    let details = ask(agent, json!({ "required_approvals": 4 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(details["field"], "required_approvals");
    // One person in `ops`.
    let _ = ask(agent, json!({ "approver_groups": ["ops"] })).await.expect(201);
    ask(agent, json!({ "approver_groups": ["ops"], "required_approvals": 2 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    ask(agent, json!({ "approver_groups": ["nobody"] }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    // The requester does not count, nor does the owner of its key.
    ask(&scene.tenant.admin, json!({ "required_approvals": 3 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    let owned = TestKey::of_agent(&scene.stack, scene.tenant.id, "owned", scene.tenant.approver.user_id).await;
    ask(&owned, json!({ "required_approvals": 3 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    let _ = ask(&owned, json!({ "required_approvals": 2 })).await.expect(201);
    // Nor does anyone the requester ever minted a credential for: it could have minted itself another with it.
    let admin = &scene.tenant.admin;
    let minted = scene
        .tenant
        .approver
        .another(&scene.stack, "approver", &admin.principal)
        .await;
    ask(admin, json!({ "required_approvals": 2 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    sqlx::query("UPDATE api_keys SET is_active = false WHERE id = $1")
        .bind(minted.id)
        .execute(&scene.owner)
        .await
        .expect("revoked");
    ask(admin, json!({ "required_approvals": 2 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    let _ = ask(admin, json!({ "required_approvals": 1 })).await.expect(201);
    // Nor do people who are no longer active.
    sqlx::query("UPDATE users SET status = 'DEACTIVATED' WHERE id = $1")
        .bind(scene.tenant.approver.user_id)
        .execute(&scene.owner)
        .await
        .expect("deactivated");
    ask(agent, json!({ "required_approvals": 3 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_admin_may_ask_and_approvers_and_auditors_may_not() {
    let scene = Scene::start().await;
    let created = scene.ask_as(&scene.tenant.admin, request()).await;
    assert_eq!(created["requested_by"], scene.tenant.admin.principal);
    for key in [&scene.tenant.approver, &scene.tenant.auditor] {
        scene
            .client
            .post(key, "/api/v1/approvals", request())
            .await
            .expect_error(403, "FORBIDDEN");
    }
}
