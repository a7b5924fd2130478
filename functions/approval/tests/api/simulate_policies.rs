//! `POST /api/v1/policies/simulate`.

use serde_json::{Value, json};
use shared::testing::{Answer, TestKey};

use crate::scene::Scene;

const ALLOW: &str = "@id(\"all\") permit (principal, action, resource);";
const BIG: &str =
    "@id(\"big\") forbid (principal, action, resource) when { context.arguments has n && context.arguments.n > 3 };";

async fn simulate(scene: &Scene, key: &TestKey, body: Value) -> Answer {
    scene.client.post(key, "/api/v1/policies/simulate", body).await
}

async fn call(scene: &Scene, key: &TestKey, tool: &str, n: i64) {
    let body = json!({ "tool_call": { "tool": tool, "arguments": { "n": n } }, "risk_labels": ["read"] });
    let _ = scene.call_tool(key, body).await.expect(200);
}

#[tokio::test]
async fn what_was_denied_whatever_the_policies_said_is_not_tried() {
    let scene = Scene::with(&[("APPROVAL_MAX_PENDING_PER_CALLER", "1")]).await;
    let tenant = &scene.tenant;
    for tool in ["read_file", "deploy", "deploy"] {
        call(&scene, &tenant.agent, tool, 1).await;
    }
    let stop = json!({ "reason": "it went wild" });
    let _ = scene
        .client
        .post(&tenant.admin, "/api/v1/stops", stop)
        .await
        .expect(201);
    call(&scene, &tenant.agent, "read_file", 1).await;
    // A read, and a deployment that people were asked about; neither the one at the cap nor what was stopped.
    let tried = simulate(&scene, &tenant.admin, json!({})).await.expect(200);
    assert_eq!((&tried["evaluated"], &tried["changed"]), (&json!(2), &json!(0)));
    let logged: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events WHERE action = 'tool_call.decided'")
        .fetch_one(&scene.owner)
        .await
        .expect("counted");
    assert_eq!(logged, 4);
}

#[tokio::test]
async fn a_text_is_tried_on_what_was_called_before() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    for (tool, n) in [("read_file", 1), ("read_file", 5), ("deploy", 9)] {
        call(&scene, &tenant.agent, tool, n).await;
    }
    let tried = simulate(&scene, &tenant.admin, json!({ "cedar": format!("{ALLOW}{BIG}") }))
        .await
        .expect(200);
    assert_eq!(
        (&tried["evaluated"], &tried["changed"], &tried["by_decision"]),
        (
            &json!(3),
            &json!(2),
            &json!({ "ALLOW": 1, "DENY": 2, "REQUIRE_APPROVAL": 0 })
        )
    );
    let changes = tried["changes"].as_array().expect("a list");
    let told: Vec<_> = changes
        .iter()
        .map(|change| {
            (
                change["tool"].as_str(),
                change["was"].as_str(),
                change["would_be"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (Some("deploy"), Some("REQUIRE_APPROVAL"), Some("DENY")),
            (Some("read_file"), Some("ALLOW"), Some("DENY")),
        ]
    );
    assert_eq!(
        (&changes[0]["caller_id"], &changes[0]["policy_ids"]),
        (&json!("dev-agent"), &json!(["big"]))
    );
    let event: String = sqlx::query_scalar(
        "SELECT event_id::text FROM audit_events WHERE tool = 'deploy' AND action = 'tool_call.decided'",
    )
    .fetch_one(&scene.owner)
    .await
    .expect("the event");
    assert_eq!(changes[0]["event_id"], event);
}

#[tokio::test]
async fn the_policies_in_force_and_earlier_ones_can_be_tried_too() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    call(&scene, &tenant.agent, "read_file", 5).await;
    let same = simulate(&scene, &tenant.admin, json!({})).await.expect(200);
    assert_eq!(
        (&same["evaluated"], &same["changed"], &same["changes"]),
        (&json!(1), &json!(0), &json!([]))
    );
    let _ = scene.put_policies(&tenant.admin, BIG).await.expect(200);
    assert_eq!(
        simulate(&scene, &tenant.admin, json!({})).await.expect(200)["changed"],
        1
    );
    assert_eq!(
        simulate(&scene, &tenant.admin, json!({ "version": 1 }))
            .await
            .expect(200)["changed"],
        0
    );
    assert_eq!(
        simulate(&scene, &tenant.admin, json!({ "version": 2 }))
            .await
            .expect(200)["changed"],
        1
    );
    simulate(&scene, &tenant.admin, json!({ "version": 3 }))
        .await
        .expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn times_and_limits_choose_the_calls() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    for n in 0..4 {
        call(&scene, &tenant.agent, "read_file", n).await;
    }
    let times: Vec<chrono::DateTime<chrono::Utc>> =
        sqlx::query_scalar("SELECT received_at FROM audit_events WHERE action = 'tool_call.decided' ORDER BY event_id")
            .fetch_all(&scene.owner)
            .await
            .expect("times");
    let evaluated = async |body: Value| simulate(&scene, &tenant.admin, body).await.expect(200)["evaluated"].clone();
    assert_eq!(evaluated(json!({ "limit": 0 })).await, 0);
    assert_eq!(evaluated(json!({ "limit": 3 })).await, 3);
    assert_eq!(evaluated(json!({ "limit": 1000 })).await, 4);
    assert_eq!(evaluated(json!({ "since": "2100-01-01T00:00:00Z" })).await, 0);
    assert_eq!(evaluated(json!({ "until": "2001-01-01T00:00:00Z" })).await, 0);
    // To the millisecond the contract's times are cut, so the third is in it however it was cut.
    let since = shared::http::timestamp::format(times[2]);
    let later = evaluated(json!({ "since": since })).await;
    assert!(
        later == 2 || times[1] >= shared::http::timestamp::parse(&since).expect("a time"),
        "{later}"
    );
    assert_eq!(
        evaluated(json!({ "since": since })).await.as_u64().unwrap_or_default()
            + evaluated(json!({ "until": since })).await.as_u64().unwrap_or_default(),
        4
    );
}

#[tokio::test]
async fn simulating_writes_nothing_and_shows_only_the_tenants_own_calls() {
    let scene = Scene::start().await;
    let other = scene.stack.tenant_with_agent("theirs").await;
    call(&scene, &other.agent, "read_file", 1).await;
    call(&scene, &scene.tenant.agent, "deploy", 1).await;
    let rows = async || {
        let mut counts = Vec::new();
        for table in ["audit_events", "outbox", "approval_requests", "policies"] {
            let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&scene.owner).await.expect("counted");
            counts.push(count);
        }
        counts
    };
    let before = rows().await;
    let tried = simulate(&scene, &scene.tenant.admin, json!({ "cedar": ALLOW }))
        .await
        .expect(200);
    assert_eq!((&tried["evaluated"], &tried["changed"]), (&json!(1), &json!(1)));
    assert_eq!(rows().await, before);
}

#[tokio::test]
async fn what_cannot_be_evaluated_is_left_out() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    call(&scene, &tenant.agent, "read_file", 1).await;
    call(&scene, &tenant.agent, "read_file", 2).await;
    sqlx::query("UPDATE audit_events SET sanitized_args = NULL WHERE sanitized_args::text LIKE '%2%'")
        .execute(&scene.owner)
        .await
        .expect("erased");
    // An event that only looks like one.
    sqlx::query(
        "INSERT INTO audit_events (tenant_id, event_id, request_id, recorded_by, tool, action, decision, raw_args_hash, entry,
                                   leaf_hash, sanitized_args)
         SELECT tenant_id, $1, 'x', recorded_by, tool, action, 'MAYBE', raw_args_hash, entry, leaf_hash, '[]'
         FROM audit_events WHERE sanitized_args IS NOT NULL",
    )
    .bind(scene.stack.ctx.ids.next())
    .execute(&scene.owner)
    .await
    .expect("made up");
    assert_eq!(
        simulate(&scene, &tenant.admin, json!({})).await.expect(200)["evaluated"],
        1
    );
}

#[tokio::test]
async fn many_changes_are_counted_and_a_hundred_shown() {
    let scene = Scene::start().await;
    call(&scene, &scene.tenant.agent, "read_file", 1).await;
    for _ in 0..149 {
        sqlx::query(
            "INSERT INTO audit_events (tenant_id, event_id, request_id, recorded_by, tool, action, decision, environment,
                                       trust_level, raw_args_hash, entry, leaf_hash, sanitized_args)
             SELECT tenant_id, $1, request_id, recorded_by, tool, action, decision, environment, trust_level, raw_args_hash,
                    entry, leaf_hash, sanitized_args FROM audit_events LIMIT 1",
        )
        .bind(scene.stack.ctx.ids.next())
        .execute(&scene.owner)
        .await
        .expect("recorded");
    }
    let tried = simulate(&scene, &scene.tenant.admin, json!({ "cedar": "" }))
        .await
        .expect(200);
    assert_eq!(
        (
            &tried["evaluated"],
            &tried["changed"],
            tried["changes"].as_array().map(Vec::len)
        ),
        (&json!(150), &json!(150), Some(100))
    );
}

#[tokio::test]
async fn what_is_malformed_is_400() {
    let scene = Scene::start().await;
    let admin = &scene.tenant.admin;
    let details = simulate(&scene, admin, json!({ "cedar": "\npermit (x);", "limit": 0 }))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(
        (&details["field"], &details["line"], &details["column"]),
        (&json!("cedar"), &json!(2), &json!(9))
    );
    for body in [
        json!({ "cedar": "", "version": 1 }),
        json!({ "version": 0 }),
        json!({ "limit": 1001 }),
        json!({ "limit": -1 }),
        json!({ "since": "yesterday" }),
        json!({ "from": "2026-11-20T00:00:00Z" }),
    ] {
        simulate(&scene, admin, body)
            .await
            .expect_error(400, "VALIDATION_ERROR");
    }
}
