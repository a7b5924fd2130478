//! `POST /api/v1/approvals/{id}/redeem`.

use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::testing::{TestKey, TestStack};

use crate::scene::{STATES, Scene, call, id, request_with};

const CLIENTS: usize = 16;

/// The call with some fields of its own set.
fn call_with(fields: Value) -> Value {
    let mut call = call();
    let (Value::Object(call_fields), Value::Object(fields)) = (&mut call, fields) else {
        panic!("fields are an object");
    };
    call_fields.extend(fields);
    call
}

/// A request for this call, approved.
async fn approved(scene: &Scene, call: Value) -> String {
    let asked = scene.ask(request_with(json!({ "tool_call": call }))).await;
    let _ = scene.approve(&scene.tenant.approver, id(&asked)).await.expect(200);
    id(&asked).to_owned()
}

#[tokio::test]
async fn the_approved_action_may_be_executed_once() {
    let scene = Scene::start().await;
    let (id, token) = scene.request_in("APPROVED").await;
    let status = scene.redeem(&scene.tenant.agent, &id, call()).await.expect(200);
    assert_eq!((&status["status"], &status["version"]), (&json!("CONSUMED"), &json!(3)));
    assert!(status["decided_at"].is_string(), "when people decided");
    scene
        .expect_events(
            &id,
            &["approval.requested", "approval.approved", "approval.consumed"],
            &status,
        )
        .await;
    assert_eq!(scene.audit(&id).await[2].1, scene.tenant.agent.principal);
    scene
        .redeem(&scene.tenant.agent, &id, call())
        .await
        .expect_error(409, "ALREADY_CONSUMED");
    let check = json!({ "token": token });
    let seen = scene
        .client
        .post(&scene.tenant.agent, "/api/v1/approvals/check", check)
        .await;
    assert_eq!(seen.expect(200), status);
}

#[tokio::test]
async fn every_state_answers_as_the_table_says() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let before = scene.outbox(&id).await.len();
        let answer = scene.redeem(&scene.tenant.agent, &id, call()).await;
        let code = match state {
            "APPROVED" => {
                assert_eq!(answer.expect(200)["status"], "CONSUMED");
                continue;
            }
            "EXPIRED" => "APPROVAL_EXPIRED",
            "CONSUMED" => "ALREADY_CONSUMED",
            "REVOKED" => "REVOKED",
            _ => "NOT_APPROVED",
        };
        assert_eq!(answer.expect_error(409, code)["status"], state);
        assert_eq!(scene.outbox(&id).await.len(), before, "{state}");
    }
}

#[tokio::test]
async fn the_same_action_spelt_otherwise_is_the_same() {
    let scene = Scene::start().await;
    let arguments = json!({ "a": 1, "b": [2, { "c": 300, "d": "é" }], "e": null });
    let call = json!({ "tool": "deploy", "server": "mcp-1", "arguments": arguments });
    let spelt = [
        call.to_string(),
        // Another order of keys, other spellings of numbers and characters.
        r#"{"server":"mcp-1","arguments":{"e":null,"b":[2.0,{"d":"\u00e9","c":3e2}],"a":1.0},"tool":"deploy"}"#
            .to_owned(),
        // What is the default may be said.
        json!({ "tool": "deploy", "server": "mcp-1", "environment": "dev", "arguments": arguments }).to_string(),
    ];
    for live in spelt {
        let id = approved(&scene, call.clone()).await;
        let answer = scene
            .client
            .request("POST", &format!("/api/v1/approvals/{id}/redeem"))
            .key(&scene.tenant.agent)
            .body("application/json", format!(r#"{{"tool_call":{live}}}"#))
            .send()
            .await;
        assert_eq!(answer.expect(200)["status"], "CONSUMED", "{live}");
    }
}

#[tokio::test]
async fn any_other_action_is_a_mismatch_and_uses_nothing_up() {
    let scene = Scene::start().await;
    let arguments = json!({ "service": "billing", "replicas": 3, "list": [1, 2], "deep": { "flag": true } });
    let approved_call = call_with(json!({ "arguments": arguments }));
    let id = approved(&scene, approved_call.clone()).await;
    let with = |changes: &[(&str, Value)]| {
        let mut call = approved_call.clone();
        for (pointer, value) in changes {
            *call.pointer_mut(pointer).expect("a field") = value.clone();
        }
        call
    };
    let mut fewer = approved_call.clone();
    let _ = fewer["arguments"].as_object_mut().expect("an object").remove("list");
    let others = [
        // Mutated.
        with(&[("/arguments/replicas", json!(4))]),
        with(&[("/arguments/service", json!("billing "))]),
        with(&[("/arguments/service", json!("Billing"))]),
        with(&[("/arguments/deep/flag", json!(false))]),
        with(&[("/tool", json!("deploy2"))]),
        // Re-ordered where order means something.
        with(&[("/arguments/list", json!([2, 1]))]),
        // Re-typed.
        with(&[("/arguments/replicas", json!("3"))]),
        with(&[("/arguments/deep/flag", json!("true"))]),
        with(&[("/arguments/list", json!({ "0": 1, "1": 2 }))]),
        with(&[("/arguments/list", Value::Null)]),
        // More, less, elsewhere.
        with(&[("/arguments/list", json!([1, 2, 3]))]),
        fewer,
        call(),
        json!({ "tool": "deploy" }),
        call_with(json!({ "arguments": arguments, "server": "mcp-1" })),
        call_with(json!({ "arguments": arguments, "environment": "staging" })),
        call_with(json!({ "arguments": arguments, "environment": "production" })),
    ];
    for other in others {
        let answer = scene.redeem(&scene.tenant.agent, &id, other.clone()).await;
        assert_eq!(
            answer.expect_error(409, "DIGEST_MISMATCH")["status"],
            "APPROVED",
            "{other}"
        );
    }
    // What a canonicaliser would collapse is refused before anything is compared.
    for arguments in [r#"{"replicas":3,"replicas":3}"#, r#"{"replicas":9007199254740993}"#] {
        scene
            .client
            .request("POST", &format!("/api/v1/approvals/{id}/redeem"))
            .key(&scene.tenant.agent)
            .body(
                "application/json",
                format!(r#"{{"tool_call":{{"tool":"deploy","arguments":{arguments}}}}}"#),
            )
            .send()
            .await
            .expect_error(400, "VALIDATION_ERROR");
    }
    let status = scene.redeem(&scene.tenant.agent, &id, approved_call).await.expect(200);
    assert_eq!(status["version"], 3, "no mismatch left a trace on it");
}

#[tokio::test]
async fn an_approval_of_one_environment_is_none_in_another() {
    let scene = Scene::start().await;
    let id = approved(&scene, call()).await;
    let moved = "UPDATE api_keys SET environment = 'production' WHERE id = $1";
    let _ = sqlx::query(moved)
        .bind(scene.tenant.agent.id)
        .execute(&scene.owner)
        .await
        .expect("the caller has moved");
    for live in [
        call(),
        call_with(json!({ "environment": "dev" })),
        call_with(json!({ "environment": "production" })),
    ] {
        scene
            .redeem(&scene.tenant.agent, &id, live)
            .await
            .expect_error(409, "DIGEST_MISMATCH");
    }
}

#[tokio::test]
async fn only_the_requester_redeems() {
    let scene = Scene::start().await;
    let (agents, _) = scene.request_in("APPROVED").await;
    let other = TestKey::of_agent(&scene.stack, scene.tenant.id, "other-agent", None).await;
    scene
        .redeem(&other, &agents, call())
        .await
        .expect_error(404, "NOT_FOUND");
    scene
        .redeem(&scene.tenant.admin, &agents, call())
        .await
        .expect_error(403, "FORBIDDEN");

    let asked = scene.ask_as(&scene.tenant.admin, request_with(json!({}))).await;
    let _ = scene.approve(&scene.tenant.approver, id(&asked)).await.expect(200);
    scene
        .redeem(&scene.tenant.agent, id(&asked), call())
        .await
        .expect_error(404, "NOT_FOUND");
    let consumed = scene.redeem(&scene.tenant.admin, id(&asked), call()).await.expect(200);
    assert_eq!(consumed["status"], "CONSUMED");
}

#[tokio::test]
async fn a_call_that_is_none_is_told_so() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("APPROVED").await;
    for (body, field) in [
        (json!({}), "tool_call"),
        (json!({ "tool_call": { "arguments": {} } }), "tool_call.tool"),
        (
            json!({ "tool_call": { "tool": "", "arguments": {} } }),
            "tool_call.tool",
        ),
        (
            json!({ "tool_call": { "tool": "t", "arguments": [] } }),
            "tool_call.arguments",
        ),
        (json!({ "tool_call": call(), "note": "x" }), "note"),
    ] {
        let answer = scene.act(&scene.tenant.agent, &id, "redeem", body.clone()).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_redeemers_one_wins() {
    let scene = Scene::start().await;
    let other = TestStack::on_same_servers(&scene.stack);
    let elsewhere = other.client(shared::http::app(other.ctx.clone(), approval::routes()).0);
    let rounds = 100;
    let mut winners = 0;
    for _ in 0..rounds {
        let (id, _) = scene.request_in("APPROVED").await;
        let path = format!("/api/v1/approvals/{id}/redeem");
        let answers = join_all((0..CLIENTS).map(|n| {
            let client = if n % 2 == 0 { &scene.client } else { &elsewhere };
            let asked = client.request("POST", &path).key(&scene.tenant.agent);
            tokio::spawn(asked.json(&json!({ "tool_call": call() })).send())
        }))
        .await;
        let mut won = 0;
        for answer in answers {
            let answer = answer.expect("no panic");
            if answer.status == 200 {
                assert_eq!(answer.expect(200)["status"], "CONSUMED");
                won += 1;
            } else {
                answer.expect_error(409, "ALREADY_CONSUMED");
            }
        }
        assert_eq!(won, 1, "{id}");
        let logged = scene.audit(&id).await;
        assert_eq!(
            logged
                .iter()
                .filter(|(action, _)| action == "approval.consumed")
                .count(),
            1
        );
        assert_eq!(scene.outbox(&id).await.len(), 3);
        winners += won;
    }
    println!("{rounds} races of {CLIENTS} clients: {winners} winners");
}
