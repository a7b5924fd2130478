//! `GET`, `PUT` and `DELETE /api/v1/users/me/delegation`.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use shared::{
    http::timestamp,
    testing::{Answer, TestKey},
};
use uuid::Uuid;

use crate::stage::Stage;

const PATH: &str = "/api/v1/users/me/delegation";

/// A delegation for the hours from `from` to `until`, counted from now.
fn delegation(stage: &Stage, delegate_to: Option<Uuid>, from: i64, until: i64) -> Value {
    let now: DateTime<Utc> = stage.stack.ctx.clock.now();
    let at = |hours| timestamp::format(now + TimeDelta::hours(hours));
    json!({ "delegate_to": delegate_to, "from": at(from), "until": at(until) })
}

async fn put(stage: &Stage, key: &TestKey, body: &Value) -> Answer {
    stage.client.request("PUT", PATH).key(key).json(body).send().await
}

#[tokio::test]
async fn it_is_set_shown_replaced_and_ended() {
    let stage = Stage::set().await;
    let (approver, admin) = (&stage.tenant.approver, &stage.tenant.admin);
    let first = delegation(&stage, stage.tenant.second_approver.user_id, -1, 24);
    let second = delegation(&stage, admin.user_id, 1, 90 * 24);
    stage.client.get(approver, PATH).await.expect_error(404, "NOT_FOUND");
    for body in [&first, &second] {
        assert_eq!(put(&stage, approver, body).await.expect(200), *body);
        assert_eq!(stage.client.get(approver, PATH).await.expect(200), *body);
    }
    // The same person under another key; and nobody else.
    let again = approver.another(&stage.stack, "approver", "operator").await;
    assert_eq!(stage.client.get(&again, PATH).await.expect(200), second);
    stage.client.get(admin, PATH).await.expect_error(404, "NOT_FOUND");
    for _ in 0..2 {
        stage.client.delete(approver, PATH).await.expect(204);
        stage.client.get(approver, PATH).await.expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn the_log_tells_who_handed_what_to_whom() {
    let stage = Stage::set().await;
    let (approver, admin) = (&stage.tenant.approver, &stage.tenant.admin);
    let first = delegation(&stage, stage.tenant.second_approver.user_id, 0, 24);
    let second = delegation(&stage, admin.user_id, 0, 24);
    for body in [&first, &first, &second] {
        put(&stage, approver, body).await.expect(200);
    }
    for _ in 0..2 {
        stage.client.delete(approver, PATH).await.expect(204);
    }
    let logged: Vec<_> = stage
        .audited(stage.tenant.id)
        .await
        .into_iter()
        .map(|event| {
            assert_eq!(event.recorded_by, approver.principal);
            assert_eq!(event.object, approver.user_id.expect("a person").to_string());
            (event.action, event.arguments)
        })
        .collect();
    let expected = [
        ("delegation.set".to_owned(), first),
        ("delegation.set".to_owned(), second.clone()),
        ("delegation.ended".to_owned(), second),
    ];
    assert_eq!(logged, expected);
    assert_eq!(stage.enqueued(stage.tenant.id).await, []);
}

#[tokio::test]
async fn one_that_is_over_is_none() {
    let stage = Stage::set().await;
    let approver = &stage.tenant.approver;
    let body = delegation(&stage, stage.tenant.second_approver.user_id, 0, 24);
    put(&stage, approver, &body).await.expect(200);
    stage
        .meddle(
            "UPDATE delegations SET from_at = now() - interval '1 day', until_at = now() WHERE user_id = $1",
            approver.user_id.expect("a person"),
        )
        .await;
    stage.client.get(approver, PATH).await.expect_error(404, "NOT_FOUND");
    // It ended by itself, so nobody ended it.
    stage.client.delete(approver, PATH).await.expect(204);
    assert_eq!(stage.audited(stage.tenant.id).await.len(), 1);
    put(&stage, approver, &body).await.expect(200);
    assert_eq!(stage.client.get(approver, PATH).await.expect(200), body);
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    let approver = &stage.tenant.approver;
    let other = stage.tenant.second_approver.user_id;
    let with = |field: &str, value: Value| {
        let mut body = delegation(&stage, other, 0, 1);
        body[field] = value;
        body
    };
    for (body, field) in [
        (delegation(&stage, approver.user_id, 0, 1), "delegate_to"),
        (delegation(&stage, stage.tenant.auditor.user_id, 0, 1), "delegate_to"),
        (delegation(&stage, other, 1, 1), "until"),
        (delegation(&stage, other, 2, 1), "until"),
        (delegation(&stage, other, -2, -1), "until"),
        (delegation(&stage, other, 0, 90 * 24 + 1), "until"),
        (with("delegate_to", json!("ada")), "delegate_to"),
        (with("delegate_to", Value::Null), "delegate_to"),
        (with("from", json!("yesterday")), "from"),
        (with("until", json!(1_800_000_000)), "until"),
        (with("surprise", json!(1)), "surprise"),
        (json!({ "delegate_to": other }), "from"),
    ] {
        let details = put(&stage, approver, &body).await.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], field, "{body}");
    }
    stage.client.get(approver, PATH).await.expect_error(404, "NOT_FOUND");
    assert_eq!(stage.audited(stage.tenant.id).await, []);
}

#[tokio::test]
async fn whoever_is_not_in_the_tenant_does_not_exist_and_whoever_left_cannot_decide() {
    let stage = Stage::set().await;
    let approver = &stage.tenant.approver;
    let elsewhere = stage.stack.tenant().await;
    for nobody in [Some(stage.stack.ctx.ids.next()), elsewhere.approver.user_id] {
        let body = delegation(&stage, nobody, 0, 1);
        put(&stage, approver, &body).await.expect_error(404, "NOT_FOUND");
    }
    let left = stage.tenant.second_approver.user_id;
    stage
        .meddle(
            "UPDATE users SET status = 'DEACTIVATED' WHERE id = $1",
            left.expect("a person"),
        )
        .await;
    let details = put(&stage, approver, &delegation(&stage, left, 0, 1))
        .await
        .expect_error(400, "VALIDATION_ERROR");
    assert_eq!(details["field"], "delegate_to");
}
