//! `POST /api/v1/tool-calls`.

use serde_json::{Value, json};
use shared::{
    http::app,
    testing::{TestKey, TestStack},
};

use crate::scene::{Scene, id};

/// Everything in the log about an object: action, tool, decision, outcome, sanitized arguments, labels.
type Logged = (String, String, Option<String>, Option<String>, Value, Vec<String>);

async fn log(scene: &Scene) -> Vec<Logged> {
    sqlx::query_as(
        "SELECT action, tool, decision, outcome, sanitized_args, risk_labels FROM audit_events
         WHERE action IN ('tool_call.decided', 'approval.requested') ORDER BY event_id",
    )
    .fetch_all(&scene.owner)
    .await
    .expect("the log is read")
}

fn call(tool: &str, arguments: impl Into<Value>) -> Value {
    json!({ "tool_call": { "tool": tool, "arguments": arguments.into() } })
}

const ALLOW: &str = "@id(\"all\") permit (principal, action, resource);";

#[tokio::test]
async fn a_new_tenant_has_the_default_policies() {
    let scene = Scene::start().await;
    let agent = &scene.tenant.agent;
    let read = scene
        .call_tool(agent, call("read_file", json!({ "path": "/a" })))
        .await
        .expect(200);
    assert_eq!(
        read,
        json!({ "decision": "ALLOW", "policy_ids": ["low-risk-reads"], "reasons": ["Reading with low risk needs nobody"] })
    );
    let secret = scene.call_tool(agent, call("get_secret", json!({}))).await.expect(200);
    assert_eq!(
        secret,
        json!({ "decision": "DENY", "policy_ids": ["secrets-never"], "reasons": ["Secrets are never handed to an agent"] })
    );
    let logged = log(&scene).await;
    let decision = |decision: &str, tool: &str, outcome: &str, arguments: Value| {
        let some = |text: &str| Some(text.to_owned());
        (
            "tool_call.decided".to_owned(),
            tool.to_owned(),
            some(decision),
            some(&format!("version 1: {outcome}")),
            arguments,
            vec![],
        )
    };
    assert_eq!(
        logged,
        [
            decision("ALLOW", "read_file", "low-risk-reads", json!({ "path": "/a" })),
            decision("DENY", "get_secret", "secrets-never", json!({})),
        ]
    );
}

#[tokio::test]
async fn a_call_that_needs_approval_makes_the_request_that_policy_describes() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    for key in [&tenant.approver, &tenant.second_approver] {
        sqlx::query("UPDATE users SET groups = '{finance}' WHERE id = $1")
            .bind(key.user_id)
            .execute(&scene.owner)
            .await
            .expect("in the group");
    }
    let text = "@id(\"refunds\") @reason(\"Refunds are for finance\")
        @require_approval(\"quorum=2; groups=finance; ttl=1800; risk=high\")
        permit (principal, action, resource == Tool::\"refund\")
        when { context.arguments has amount && context.arguments.amount > 1000 };";
    let policies = scene.put_policies(&tenant.admin, text).await.expect(200);
    let body = json!({
        "tool_call": { "tool": "refund", "arguments": { "amount": 1200, "password": "hunter2" }, "server": "shop" },
        "reason": "Order 7", "risk_labels": ["money"], "request_id": "order-7",
    });
    let answer = scene.call_tool(&tenant.agent, body).await.expect(200);
    assert_eq!(
        (&answer["decision"], &answer["policy_ids"], &answer["reasons"]),
        (
            &json!("REQUIRE_APPROVAL"),
            &json!(["refunds"]),
            &json!(["Refunds are for finance"])
        )
    );
    let approval = &answer["approval"];
    assert!(
        approval["token"]
            .as_str()
            .is_some_and(|token| token.starts_with("cst_"))
    );
    let told = [
        ("status", json!("PENDING")),
        ("request_id", json!("order-7")),
        ("requested_by", json!("agent:dev-agent")),
        ("reason", json!("Order 7")),
        ("risk_labels", json!(["money", "high"])),
        ("required_approvals", json!(2)),
        ("approver_groups", json!(["finance"])),
        ("policy", json!({ "id": policies["id"], "version": 2 })),
        (
            "tool_call",
            json!({ "tool": "refund", "arguments": { "amount": 1200, "password": "[REDACTED]" }, "server": "shop", "environment": "dev" }),
        ),
    ];
    for (field, value) in told {
        assert_eq!(approval[field], value, "{field}");
    }
    let time =
        |field: &str| shared::http::timestamp::parse(approval[field].as_str().expect("a time")).expect("RFC 3339");
    assert_eq!((time("expires_at") - time("created_at")).num_seconds(), 1_800);
    let mut status = approval.clone();
    status.as_object_mut().expect("an object").remove("token");
    assert_eq!(scene.get(&tenant.agent, id(approval)).await, status);

    let actions: Vec<String> = scene
        .audit(id(approval))
        .await
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(actions, ["approval.requested", "tool_call.decided"]);
    let sent = scene.outbox(id(approval)).await;
    assert_eq!(sent, [("approval.requested".to_owned(), 1, status)]);
    let (_, tool, decision, outcome, arguments, labels) = log(&scene).await.pop().expect("decided");
    assert_eq!(
        (tool.as_str(), decision.as_deref(), outcome.as_deref()),
        ("refund", Some("REQUIRE_APPROVAL"), Some("version 2: refunds"))
    );
    assert_eq!(
        (arguments, labels),
        (
            json!({ "amount": 1200, "password": "[REDACTED]" }),
            vec!["money".to_owned()]
        )
    );

    // Two of finance, and the very call.
    let _ = scene.approve(&tenant.approver, id(approval)).await.expect(200);
    let approved = scene.approve(&tenant.second_approver, id(approval)).await.expect(200);
    assert_eq!(approved["status"], "APPROVED");
    let live = json!({ "tool": "refund", "arguments": { "password": "hunter2", "amount": 1200.0 }, "server": "shop" });
    let redeemed = scene.redeem(&tenant.agent, id(approval), live).await.expect(200);
    assert_eq!(redeemed["status"], "CONSUMED");
}

#[tokio::test]
async fn later_edits_do_not_change_a_request() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    let asked = scene
        .call_tool(&tenant.agent, call("deploy", json!({})))
        .await
        .expect(200);
    let (approval, before) = (id(&asked["approval"]), asked["approval"]["policy"].clone());
    let _ = scene
        .put_policies(&tenant.admin, "forbid (principal, action, resource);")
        .await
        .expect(200);
    let after = scene.approve(&tenant.approver, approval).await.expect(200);
    assert_eq!((&after["status"], &after["policy"]), (&json!("APPROVED"), &before));
    assert_eq!(before["version"], 1);
}

#[tokio::test]
async fn what_is_not_said_has_its_default() {
    let scene = Scene::with(&[("APPROVAL_TOKEN_TTL_SECONDS", "120")]).await;
    let _ = scene.put_policies(&scene.tenant.admin, "").await.expect(200);
    let answer = scene
        .call_tool(&scene.tenant.agent, json!({ "tool_call": { "tool": "t" } }))
        .await
        .expect(200);
    assert_eq!(
        (&answer["decision"], &answer["policy_ids"]),
        (&json!("REQUIRE_APPROVAL"), &json!([]))
    );
    let approval = &answer["approval"];
    assert_eq!(
        (
            &approval["required_approvals"],
            &approval["approver_groups"],
            &approval["reason"],
            &approval["risk_labels"]
        ),
        (&json!(1), &json!([]), &answer["reasons"][0], &json!([])),
        "people read why policy asks them"
    );
    let time =
        |field: &str| shared::http::timestamp::parse(approval[field].as_str().expect("a time")).expect("RFC 3339");
    assert_eq!((time("expires_at") - time("created_at")).num_seconds(), 120);
    let outcome: Option<String> = log(&scene).await.pop().expect("decided").3;
    assert_eq!(outcome.as_deref(), Some("version 2"));
}

#[tokio::test]
async fn what_nobody_could_approve_is_denied_with_a_reason() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    let ask = |requirement: &str| {
        format!("@id(\"ask\") @require_approval({requirement:?}) permit (principal, action, resource);")
    };
    // An admin and two approvers.
    for (requirement, quorum, people) in [("quorum=4", 4, 3), ("groups=nobody", 1, 0)] {
        let _ = scene.put_policies(&tenant.admin, &ask(requirement)).await.expect(200);
        let answer = scene
            .call_tool(&tenant.agent, call("deploy", json!({})))
            .await
            .expect(200);
        assert_eq!(
            (&answer["decision"], &answer["policy_ids"]),
            (&json!("DENY"), &json!(["ask"]))
        );
        assert_eq!(
            answer["reasons"][1],
            format!(
                "Approval is out of reach: {quorum} needed, and the people who could approve this call are {people}"
            )
        );
        assert!(answer.get("approval").is_none());
    }
    let _ = scene.put_policies(&tenant.admin, &ask("quorum=3")).await.expect(200);
    let answer = scene
        .call_tool(&tenant.agent, call("deploy", json!({})))
        .await
        .expect(200);
    assert_eq!(answer["decision"], "REQUIRE_APPROVAL");
    // Nor by the person who answers for the agent.
    let owned = TestKey::of_agent(&scene.stack, tenant.id, "owned", tenant.approver.user_id).await;
    let answer = scene.call_tool(&owned, call("deploy", json!({}))).await.expect(200);
    assert_eq!(answer["decision"], "DENY");
    let requests: i64 = sqlx::query_scalar("SELECT count(*) FROM approval_requests")
        .fetch_one(&scene.owner)
        .await
        .expect("counted");
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn an_error_in_evaluation_denies() {
    let scene = Scene::start().await;
    let text = format!(
        "{ALLOW}@id(\"big\") permit (principal, action, resource) when {{ context.arguments has n && context.arguments.n > 3 }};"
    );
    let _ = scene.put_policies(&scene.tenant.admin, &text).await.expect(200);
    let answer = scene
        .call_tool(&scene.tenant.agent, call("t", json!({ "n": "many" })))
        .await
        .expect(200);
    assert_eq!(
        (&answer["decision"], &answer["policy_ids"]),
        (&json!("DENY"), &json!(["big"]))
    );
    let fine = scene
        .call_tool(&scene.tenant.agent, call("t", json!({ "n": 1 })))
        .await
        .expect(200);
    assert_eq!(
        (&fine["decision"], &fine["policy_ids"]),
        (&json!("ALLOW"), &json!(["all"]))
    );
}

#[tokio::test]
async fn a_stored_text_that_no_longer_compiles_denies() {
    let scene = Scene::start().await;
    sqlx::query("INSERT INTO policies SELECT tenant_id, 2, id, 'permit (all);', 'system', now() FROM policies WHERE tenant_id = $1")
        .bind(scene.tenant.id)
        .execute(&scene.owner)
        .await
        .expect("stored behind the product's back");
    for _ in 0..2 {
        let answer = scene
            .call_tool(&scene.tenant.agent, call("read_file", json!({})))
            .await
            .expect(200);
        assert_eq!(
            (&answer["decision"], &answer["policy_ids"]),
            (&json!("DENY"), &json!([]))
        );
        let reason = answer["reasons"][0].as_str().expect("a reason");
        assert!(
            reason.starts_with("The tenant's policies cannot be read, so nothing is allowed: line 1, column 9: "),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn another_tenants_policies_never_decide() {
    let scene = Scene::start().await;
    let other = scene.stack.tenant().await;
    let forbid = "@id(\"none\") forbid (principal, action, resource);";
    // Both at the same version, in one process, asked in turns.
    let _ = scene.put_policies(&scene.tenant.admin, ALLOW).await.expect(200);
    let _ = scene.put_policies(&other.admin, forbid).await.expect(200);
    for _ in 0..3 {
        let ours = scene
            .call_tool(&scene.tenant.agent, call("t", json!({})))
            .await
            .expect(200);
        let theirs = scene.call_tool(&other.agent, call("t", json!({}))).await.expect(200);
        assert_eq!(
            (&ours["policy_ids"], &theirs["policy_ids"]),
            (&json!(["all"]), &json!(["none"]))
        );
    }
    let shown = scene.client.get(&other.admin, "/api/v1/policies").await.expect(200);
    assert_eq!(shown["cedar"], forbid);
}

#[tokio::test]
async fn a_text_put_in_one_process_decides_in_the_other_on_the_next_call() {
    let scene = Scene::start().await;
    let second = TestStack::on_same_servers(&scene.stack);
    let second = second.client(app(second.ctx.clone(), approval::routes()).0);
    let ask = async || {
        second
            .post(&scene.tenant.agent, "/api/v1/tool-calls", call("t", json!({})))
            .await
            .expect(200)
    };
    for round in 0..5 {
        let text = format!("@id(\"round{round}\") permit (principal, action, resource);");
        let _ = scene.put_policies(&scene.tenant.admin, &text).await.expect(200);
        for _ in 0..2 {
            assert_eq!(ask().await["policy_ids"], json!([format!("round{round}")]));
        }
    }
}

#[tokio::test]
async fn a_repeated_key_makes_one_decision_and_never_shows_the_token_again() {
    let scene = Scene::start().await;
    let ask = async |tool: &str, key: &str| {
        let request = scene
            .client
            .request("POST", "/api/v1/tool-calls")
            .key(&scene.tenant.agent);
        request
            .header("idempotency-key", key)
            .json(&call(tool, json!({ "n": 1 })))
            .send()
            .await
    };
    for (tool, key) in [("deploy", "asked"), ("read_file", "allowed"), ("get_secret", "denied")] {
        let first = ask(tool, key).await;
        let decided = log(&scene).await.len();
        let again = ask(tool, key).await;
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        let (mut first, again) = (first.expect(200), again.expect(200));
        if tool == "deploy" {
            assert!(first["approval"]["token"].is_string() && again["approval"]["token"].is_null());
            first["approval"]["token"] = Value::Null;
        }
        assert_eq!(first, again);
        assert_eq!(log(&scene).await.len(), decided, "{tool} was decided once");
        ask("other", key).await.expect_error(422, "IDEMPOTENCY_MISMATCH");
    }
}

#[tokio::test]
async fn what_is_malformed_is_400_and_another_environment_403() {
    let scene = Scene::start().await;
    let ask = async |body: Value| scene.call_tool(&scene.tenant.agent, body).await;
    for (body, field) in [
        (json!({ "tool_call": { "tool": "" } }), "tool_call.tool"),
        (
            json!({ "tool_call": { "tool": "t", "server": "" } }),
            "tool_call.server",
        ),
        (json!({ "tool_call": { "tool": "t" }, "reason": " " }), "reason"),
        (
            json!({ "tool_call": { "tool": "t" }, "risk_labels": [""] }),
            "risk_labels",
        ),
        (
            json!({ "tool_call": { "tool": "t" }, "request_id": "a/b" }),
            "request_id",
        ),
    ] {
        assert_eq!(ask(body).await.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
    for body in [
        json!({}),
        json!({ "tool_call": {} }),
        json!({ "tool_call": { "tool": "t" }, "required_approvals": 1 }),
    ] {
        ask(body).await.expect_error(400, "VALIDATION_ERROR");
    }
    ask(json!({ "tool_call": { "tool": "t", "environment": "production" } }))
        .await
        .expect_error(403, "FORBIDDEN");
    assert!(log(&scene).await.is_empty());
}

#[tokio::test]
async fn raw_arguments_are_stored_nowhere() {
    let scene = Scene::start().await;
    let arguments = json!({ "password": "hunter2-and-more", "note": "call me" });
    for tool in ["deploy", "read_file", "get_secret"] {
        let _ = scene
            .call_tool(&scene.tenant.agent, call(tool, arguments.clone()))
            .await
            .expect(200);
    }
    for table in [
        "approval_requests",
        "audit_events",
        "audit_request_ids",
        "outbox",
        "idempotency_keys",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT row_to_json(t)::text FROM {table} t"
        )))
        .fetch_all(&scene.owner)
        .await
        .expect("rows");
        assert!(!rows.iter().any(|row| row.contains("hunter2")), "{table}: {rows:?}");
    }
}

#[tokio::test]
async fn a_decision_with_large_arguments_and_many_policies_is_still_recorded() {
    let scene = Scene::start().await;
    let texts = (0..900).map(|n| format!("@id(\"p{n}\") permit (principal, action, resource);"));
    let text = texts.collect::<Vec<_>>().concat();
    let _ = scene.put_policies(&scene.tenant.admin, &text).await.expect(200);
    let answer = scene
        .call_tool(&scene.tenant.agent, call("t", json!({ "text": "x".repeat(900_000) })))
        .await
        .expect(200);
    assert_eq!(answer["policy_ids"].as_array().map(Vec::len), Some(900));
    let outcome = log(&scene).await.pop().expect("decided").3.expect("an outcome");
    assert!(
        outcome.starts_with("version 2: p0, p1, ") && outcome.ends_with(" more"),
        "{outcome}"
    );
}
