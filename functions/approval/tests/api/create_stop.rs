//! `POST /api/v1/stops`, and what a stop does to those it stops.

use std::time::Instant;

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::scene::{STATES, Scene, call, id, request, request_with};

const PATH: &str = "/api/v1/stops";

#[tokio::test]
async fn it_answers_with_the_stop_and_tells_log_and_outbox() {
    let scene = Scene::start().await;
    let admin = &scene.tenant.admin;
    for caller_id in [json!("dev-agent"), Value::Null] {
        let mut body = json!({ "reason": "  it went wild " });
        if !caller_id.is_null() {
            body["caller_id"] = caller_id.clone();
        }
        let stop = scene.client.post(admin, PATH, body).await.expect(201);
        let expected = json!({
            "id": stop["id"], "caller_id": caller_id, "reason": "it went wild", "created_by": admin.principal,
            "created_at": stop["created_at"],
        });
        assert_eq!(stop, expected);
        let logged = scene.audit(id(&stop)).await;
        assert_eq!(logged, [("stop.created".to_owned(), admin.principal.clone())]);
        let sent: (String, i32, Value) = sqlx::query_as(
            "SELECT event_type, aggregate_version, payload FROM outbox
             WHERE aggregate_type = 'stop' AND aggregate_id = $1::uuid",
        )
        .bind(id(&stop))
        .fetch_one(&scene.owner)
        .await
        .expect("one event");
        assert_eq!(sent, ("stop.created".to_owned(), 1, stop));
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let scene = Scene::start().await;
    for (body, field) in [
        (json!({}), "reason"),
        (json!({ "reason": " " }), "reason"),
        (json!({ "reason": "x".repeat(2_001) }), "reason"),
        (json!({ "reason": "bell\u{7}" }), "reason"),
        (json!({ "reason": "x", "caller_id": "" }), "caller_id"),
        (json!({ "reason": "x", "caller_id": "two words" }), "caller_id"),
        (json!({ "reason": "x", "caller_id": "é" }), "caller_id"),
        (json!({ "reason": "x", "caller_id": "x".repeat(201) }), "caller_id"),
        (
            json!({ "reason": "x", "caller_id": format!("cst_{}", "x".repeat(43)) }),
            "caller_id",
        ),
        (json!({ "reason": "x", "caller_id": 1 }), "caller_id"),
        (json!({ "reason": "x", "tenant": true }), "tenant"),
    ] {
        let answer = scene.client.post(&scene.tenant.admin, PATH, body.clone()).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    let stops: i64 = sqlx::query_scalar("SELECT count(*) FROM stops")
        .fetch_one(&scene.owner)
        .await
        .expect("counted");
    assert_eq!(stops, 0);
}

#[tokio::test]
async fn what_the_caller_has_pending_is_cancelled_and_nothing_else() {
    let scene = Scene::start().await;
    let other = TestKey::of_agent(&scene.stack, scene.tenant.id, "dev-agent-2", None).await;
    let (pending, token) = scene.request_in("PENDING").await;
    let (expired, _) = scene.request_in("EXPIRED").await;
    let halfway = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let _ = scene.approve(&scene.tenant.approver, id(&halfway)).await.expect(200);
    let mut left = vec![
        scene.ask_as(&other, request()).await,
        scene.ask_as(&scene.tenant.admin, request()).await,
    ];
    for state in ["APPROVED", "DENIED", "CONSUMED", "REVOKED"] {
        left.push(json!({ "id": scene.request_in(state).await.0 }));
    }
    let mut before = Vec::new();
    for status in &left {
        before.push(scene.get(&scene.tenant.admin, id(status)).await);
    }
    // Known to the cache as PENDING.
    let check = json!({ "token": token });
    let _ = scene
        .client
        .post(&scene.tenant.agent, "/api/v1/approvals/check", check.clone())
        .await
        .expect(200);

    let stop = scene.stop(Some("dev-agent")).await;
    for (cancelled, names) in [
        (pending.as_str(), &["approval.requested", "approval.cancelled"][..]),
        (
            id(&halfway),
            &["approval.requested", "approval.voted", "approval.cancelled"][..],
        ),
    ] {
        let status = scene.get(&scene.tenant.agent, cancelled).await;
        assert_eq!(
            (&status["status"], &status["decided_at"]),
            (&json!("CANCELLED"), &Value::Null)
        );
        scene.expect_events(cancelled, names, &status).await;
        let (by, evidence): (String, Value) = sqlx::query_as(
            "SELECT recorded_by, sanitized_args::jsonb FROM audit_events
             WHERE correlation_id = $1 AND action = 'approval.cancelled'",
        )
        .bind(cancelled)
        .fetch_one(&scene.owner)
        .await
        .expect("one event");
        assert_eq!(
            (&by, &evidence["stop_id"]),
            (&scene.tenant.admin.principal, &stop["id"])
        );
        assert_eq!(evidence["version"], status["version"]);
    }
    let checked = scene
        .client
        .post(&scene.tenant.agent, "/api/v1/approvals/check", check)
        .await
        .expect(200);
    assert_eq!(checked, scene.get(&scene.tenant.agent, &pending).await);
    for (status, before) in left.iter().zip(before) {
        assert_eq!(scene.get(&scene.tenant.admin, id(status)).await, before);
    }
    // Its time was over before; the sweep says so.
    assert_eq!(scene.get(&scene.tenant.admin, &expired).await["status"], "EXPIRED");
    assert_eq!(scene.audit(&expired).await.len(), 1);
}

#[tokio::test]
async fn a_stop_of_the_tenant_cancels_what_people_asked_for_too() {
    let scene = Scene::start().await;
    let elsewhere = scene.stack.tenant().await;
    let theirs = scene.ask_as(&elsewhere.agent, request()).await;
    let by_agent = scene.ask(request()).await;
    let by_admin = scene.ask_as(&scene.tenant.admin, request()).await;
    let _ = scene.stop(None).await;
    for asked in [&by_agent, &by_admin] {
        assert_eq!(scene.get(&scene.tenant.admin, id(asked)).await["status"], "CANCELLED");
    }
    for key in [&scene.tenant.agent, &scene.tenant.admin] {
        let refused = scene.client.post(key, "/api/v1/approvals", request()).await;
        let details = refused.expect_error(409, "STOPPED");
        assert_eq!(details, json!({ "scope": "TENANT", "reason": "it went wild" }));
    }
    let untouched = scene
        .client
        .get(&elsewhere.agent, &format!("/api/v1/approvals/{}", id(&theirs)))
        .await;
    assert_eq!(untouched.expect(200)["status"], "PENDING");
    let _ = scene.ask_as(&elsewhere.agent, request()).await;
}

#[tokio::test]
async fn who_is_stopped_cannot_ask_and_others_can() {
    let scene = Scene::start().await;
    let _ = scene.stop(Some("dev-agent")).await;
    let _ = scene.stop(Some("not-yet")).await;
    let not_yet = TestKey::of_agent(&scene.stack, scene.tenant.id, "not-yet", None).await;
    let other = TestKey::of_agent(&scene.stack, scene.tenant.id, "dev-agent-2", None).await;
    for key in [&scene.tenant.agent, &not_yet] {
        let refused = scene.client.post(key, "/api/v1/approvals", request()).await;
        let details = refused.expect_error(409, "STOPPED");
        assert_eq!(details, json!({ "scope": "CALLER", "reason": "it went wild" }));
    }
    for key in [&other, &scene.tenant.admin] {
        let _ = scene.ask_as(key, request()).await;
    }
    // What is wrong with the request itself comes first.
    let unreachable = request_with(json!({ "required_approvals": 9 }));
    scene
        .client
        .post(&scene.tenant.agent, "/api/v1/approvals", unreachable)
        .await
        .expect_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_tool_calls_of_who_is_stopped_are_denied_and_recorded() {
    let scene = Scene::start().await;
    let evaluate = async || {
        let body = json!({ "tool_call": { "tool": "list_files" } });
        let answer = scene.client.post(&scene.tenant.agent, "/api/v1/tool-calls", body).await;
        answer.expect(200)
    };
    assert_eq!(evaluate().await["decision"], "ALLOW");
    for caller_id in [json!("dev-agent"), Value::Null] {
        let mut body = json!({ "reason": "it went wild" });
        if !caller_id.is_null() {
            body["caller_id"] = caller_id.clone();
        }
        let stop = scene.client.post(&scene.tenant.admin, PATH, body).await.expect(201);
        let decided = evaluate().await;
        assert_eq!(
            (&decided["decision"], &decided["policy_ids"]),
            (&json!("DENY"), &json!([]))
        );
        let reason = decided["reasons"][0].as_str().unwrap_or_default();
        assert!(reason.ends_with("it went wild"), "{decided}");
        let lift = format!("{PATH}/{}", id(&stop));
        assert_eq!(scene.client.delete(&scene.tenant.admin, &lift).await.status, 204);
        assert_eq!(evaluate().await["decision"], "ALLOW");
    }
    let decided: Vec<(String, String)> = sqlx::query_as(
        "SELECT decision, outcome FROM audit_events WHERE action = 'tool_call.decided' ORDER BY received_at, event_id",
    )
    .fetch_all(&scene.owner)
    .await
    .expect("the log is read");
    let allowed = || ("ALLOW".to_owned(), "version 1: low-risk-reads".to_owned());
    let denied = || ("DENY".to_owned(), "version 1 (stopped)".to_owned());
    assert_eq!(decided, [allowed(), denied(), allowed(), denied(), allowed()]);
}

#[tokio::test]
async fn what_was_approved_cannot_be_redeemed_and_every_other_state_answers_as_ever() {
    let scene = Scene::start().await;
    let mut made = Vec::new();
    for state in STATES {
        made.push((state, scene.request_in(state).await.0));
    }
    let _ = scene.stop(Some("dev-agent")).await;
    let agent = &scene.tenant.agent;
    for (state, id) in made {
        let code = match state {
            "APPROVED" => "STOPPED",
            "EXPIRED" => "APPROVAL_EXPIRED",
            "CONSUMED" => "ALREADY_CONSUMED",
            "REVOKED" => "REVOKED",
            _ => "NOT_APPROVED",
        };
        scene.redeem(agent, &id, call()).await.expect_error(409, code);
        // Before it is looked at whether the action is the approved one.
        scene
            .redeem(agent, &id, json!({ "tool": "other" }))
            .await
            .expect_error(409, code);
    }
}

#[tokio::test]
async fn two_thousand_requests_are_stopped_at_once() {
    const MANY: i64 = 2_000;
    let scene = Scene::start().await;
    let _ = scene.ask(request()).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO approval_requests (tenant_id, id, request_id, requested_by, tool_call, display_hash, action_digest,
                                        action_nonce, reason, required_approvals, token_digest, created_at, expires_at)
         SELECT r.tenant_id, gen_random_uuid(), n::text, r.requested_by, r.tool_call, r.display_hash, r.action_digest,
                r.action_nonce, r.reason, r.required_approvals, sha256(n::text::bytea), r.created_at, r.expires_at
         FROM approval_requests r, generate_series(2, {MANY}) n"
    )))
    .execute(&scene.owner)
    .await
    .expect("stored");
    let before = Instant::now();
    let stop = scene.stop(None).await;
    println!("{MANY} pending requests were stopped in {:?}", before.elapsed());
    let told: (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE status = 'CANCELLED' AND version = 2),
                (SELECT count(DISTINCT correlation_id) FROM audit_events
                 WHERE action = 'approval.cancelled' AND sanitized_args ->> 'stop_id' = $1),
                (SELECT count(DISTINCT aggregate_id) FROM outbox
                 WHERE event_type = 'approval.cancelled' AND aggregate_version = 2
                   AND payload ->> 'status' = 'CANCELLED' AND payload ->> 'id' = aggregate_id::text)
         FROM approval_requests",
    )
    .bind(id(&stop))
    .fetch_one(&scene.owner)
    .await
    .expect("counted");
    assert_eq!(told, (MANY, MANY, MANY));
}

#[tokio::test]
async fn whoever_waits_for_a_decision_hears_of_the_stop() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let path = format!("/api/v1/approvals/{id}?wait=25");
    let wait = scene.client.get(&scene.tenant.agent, &path);
    let (answer, _) = tokio::join!(wait, scene.stop(Some("dev-agent")));
    assert_eq!(answer.expect(200)["status"], "CANCELLED");
}

#[tokio::test]
async fn a_stop_that_cannot_be_logged_stopped_nothing() {
    let scene = Scene::start().await;
    let (pending, _) = scene.request_in("PENDING").await;
    let run = async |sql: &'static str| {
        sqlx::raw_sql(sql).execute(&scene.owner).await.expect("run");
    };
    for (revoke, grant) in [
        (
            "REVOKE INSERT ON audit_events FROM countersign_app",
            "GRANT INSERT ON audit_events TO countersign_app",
        ),
        (
            "REVOKE INSERT ON outbox FROM countersign_app",
            "GRANT INSERT ON outbox TO countersign_app",
        ),
    ] {
        run(revoke).await;
        scene
            .client
            .post(&scene.tenant.admin, PATH, json!({ "reason": "x" }))
            .await
            .expect_error(500, "INTERNAL_ERROR");
        run(grant).await;
        assert_eq!(scene.get(&scene.tenant.agent, &pending).await["version"], 1);
        let _ = scene.ask(request()).await;
    }
}
