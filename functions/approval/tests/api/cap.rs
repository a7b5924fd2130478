//! How many requests one caller may leave undecided.

use futures_util::future::join_all;
use serde_json::json;
use shared::{
    http::app,
    testing::{TestKey, TestStack},
};

use crate::scene::{Scene, id, request};

const PATH: &str = "/api/v1/approvals";

#[tokio::test]
async fn what_is_over_the_cap_is_429_until_something_is_decided() {
    let scene = Scene::with(&[("APPROVAL_MAX_PENDING_PER_CALLER", "3")]).await;
    let tenant = &scene.tenant;
    let other = TestKey::of_agent(&scene.stack, tenant.id, "dev-agent-2", None).await;
    for round in 0..4 {
        let mut asked = Vec::new();
        for _ in 0..3 - i32::from(round > 0) * 2 {
            asked.push(scene.ask(request()).await);
        }
        for _ in 0..2 {
            let refused = scene.client.post(&tenant.agent, PATH, request()).await;
            let details = refused.expect_error(429, "RATE_LIMITED");
            assert_eq!(details, json!({ "limit": 3, "retry_after_seconds": 30 }));
            assert_eq!(refused.header("retry-after"), Some("30"));
        }
        // Of the others nobody is the fourth.
        if round == 0 {
            for key in [&other, &tenant.admin] {
                let _ = scene.ask_as(key, request()).await;
            }
        }
        let last = id(asked.last().expect("one"));
        match round {
            0 => drop(scene.approve(&tenant.approver, last).await.expect(200)),
            1 => drop(scene.act(&tenant.agent, last, "cancel", json!({})).await.expect(200)),
            // Over before the sweep says so.
            _ => scene.expire(last).await,
        }
    }
}

#[tokio::test]
async fn a_tool_call_that_would_ask_people_is_denied_and_recorded() {
    let scene = Scene::with(&[("APPROVAL_MAX_PENDING_PER_CALLER", "1")]).await;
    let _ = scene.ask(request()).await;
    let call_tool = async |tool: &str| {
        let body = json!({ "tool_call": { "tool": tool } });
        let answer = scene.client.post(&scene.tenant.agent, "/api/v1/tool-calls", body).await;
        answer.expect(200)
    };
    assert_eq!(call_tool("list_files").await["decision"], "ALLOW");
    let denied = call_tool("deploy").await;
    assert_eq!(
        (&denied["decision"], &denied["policy_ids"]),
        (&json!("DENY"), &json!(["writes"]))
    );
    let reason = denied["reasons"][0].as_str().unwrap_or_default();
    assert!(reason.contains("1 requests pending"), "{denied}");
    let outcome: Vec<String> = sqlx::query_scalar("SELECT outcome FROM audit_events WHERE decision = 'DENY'")
        .fetch_all(&scene.owner)
        .await
        .expect("the log is read");
    assert_eq!(outcome, ["version 1 (too many pending): writes"]);
}

#[tokio::test]
async fn a_refused_request_leaves_nothing() {
    let scene = Scene::with(&[("APPROVAL_MAX_PENDING_PER_CALLER", "1")]).await;
    let _ = scene.ask(request()).await;
    let before = scene.stack.snapshot().await;
    scene
        .client
        .post(&scene.tenant.agent, PATH, request())
        .await
        .expect_error(429, "RATE_LIMITED");
    assert_eq!(scene.stack.snapshot().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_as_many_are_let_through_as_fit() {
    const CAP: usize = 5;
    let setting = [("APPROVAL_MAX_PENDING_PER_CALLER", "5")];
    let scene = Scene::with(&setting).await;
    let second = TestStack::sharing(&scene.stack, &setting);
    let clients = [
        scene.client.clone(),
        second.client(app(second.ctx.clone(), approval::routes()).0),
    ];
    for round in 0..10 {
        let agent = TestKey::of_agent(&scene.stack, scene.tenant.id, &format!("crowd-{round}"), None).await;
        let asked = (0..16).map(|n| clients[n % 2].post(&agent, PATH, request()));
        let made = join_all(asked)
            .await
            .iter()
            .filter(|answer| {
                let is_made = answer.status == 201;
                if !is_made {
                    answer.expect_error(429, "RATE_LIMITED");
                }
                is_made
            })
            .count();
        assert_eq!(made, CAP, "round {round}");
    }
}
