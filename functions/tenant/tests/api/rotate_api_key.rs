//! `POST /api/v1/api-keys/{id}/rotate`.

use serde_json::{Value, json};
use shared::testing::TestKey;
use uuid::Uuid;

use crate::stage::Stage;

async fn rotate(stage: &Stage, key: &TestKey, overlap_seconds: u32) -> TestKey {
    let body = json!({ "overlap_seconds": overlap_seconds });
    let rotated = stage
        .client
        .post(&stage.tenant.admin, &path(key.id), body)
        .await
        .expect(200);
    Stage::with_text(key, &rotated["key"])
}

fn path(id: Uuid) -> String {
    format!("/api/v1/api-keys/{id}/rotate")
}

/// Lets this many seconds pass for the secrets that rotations left valid.
async fn pass(stage: &Stage, seconds: i32) {
    sqlx::query("UPDATE api_key_earlier_secrets SET expires_at = expires_at - make_interval(secs => $1)")
        .bind(f64::from(seconds))
        .execute(&stage.stack.owner_pool())
        .await
        .expect("time passes");
}

#[tokio::test]
async fn both_secrets_work_until_the_overlap_ends() {
    let stage = Stage::set().await;
    let first = &stage.tenant.agent;
    let body = json!({"overlap_seconds": 3600});
    let answer = stage
        .client
        .post(&stage.tenant.admin, &path(first.id), body)
        .await
        .expect(200);
    assert_eq!(
        (&answer["id"], &answer["caller_id"]),
        (&first.id.to_string().into(), &"dev-agent".into())
    );
    assert_eq!(answer["minted_by"], stage.tenant.admin.principal);
    let second = Stage::with_text(first, &answer["key"]);
    assert_ne!(first.text, second.text);
    // The same key id, so that logs and lists still mean the same key.
    assert_eq!(first.text.split('_').nth(2), second.text.split('_').nth(2));
    assert_eq!(
        (stage.status_of(first).await, stage.status_of(&second).await),
        (200, 200)
    );
    pass(&stage, 3_599).await;
    assert_eq!(
        (stage.status_of(first).await, stage.status_of(&second).await),
        (200, 200)
    );
    pass(&stage, 1).await;
    assert_eq!(
        (stage.status_of(first).await, stage.status_of(&second).await),
        (401, 200)
    );
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("api_key.rotated", &stage.tenant.admin.principal)
    );
    assert_eq!(
        (event.object, event.arguments),
        (first.id.to_string(), json!({"overlap_seconds": 3600}))
    );
}

#[tokio::test]
async fn no_overlap_ends_every_earlier_secret_at_once() {
    let stage = Stage::set().await;
    let first = &stage.tenant.agent;
    let second = rotate(&stage, first, 3_600).await;
    let third = rotate(&stage, first, 0).await;
    let statuses = [first, &second, &third].map(|key| stage.status_of(key));
    let [one, two, three] = statuses;
    assert_eq!((one.await, two.await, three.await), (401, 401, 200));
    // No body at all asks for the same.
    let bare = stage
        .client
        .request("POST", &path(first.id))
        .key(&stage.tenant.admin)
        .send()
        .await
        .expect(200);
    assert_eq!(stage.status_of(&third).await, 401);
    assert_eq!(stage.status_of(&Stage::with_text(first, &bare["key"])).await, 200);
}

#[tokio::test]
async fn a_shorter_overlap_shortens_the_earlier_ones_and_a_longer_one_does_not_lengthen_them() {
    let stage = Stage::set().await;
    let first = &stage.tenant.agent;
    let second = rotate(&stage, first, 600).await;
    let third = rotate(&stage, first, 60).await;
    assert_eq!(
        (stage.status_of(first).await, stage.status_of(&second).await),
        (200, 200)
    );
    let fourth = rotate(&stage, first, 604_800).await;
    pass(&stage, 60).await;
    assert_eq!(
        (stage.status_of(first).await, stage.status_of(&second).await),
        (401, 401)
    );
    assert_eq!(
        (stage.status_of(&third).await, stage.status_of(&fourth).await),
        (200, 200)
    );
}

#[tokio::test]
async fn at_most_four_earlier_secrets_are_kept() {
    let stage = Stage::set().await;
    let mut keys = vec![stage.tenant.agent.clone()];
    for round in 0..6 {
        let next = rotate(&stage, &stage.tenant.agent, 3_600 + round).await;
        keys.push(next);
    }
    let mut statuses = Vec::new();
    for key in &keys {
        statuses.push(stage.status_of(key).await);
    }
    assert_eq!(statuses, [401, 401, 200, 200, 200, 200, 200]);
}

#[tokio::test]
async fn whoever_saw_a_secret_stays_on_record() {
    let stage = Stage::set().await;
    let second_admin = TestKey::of_user(&stage.stack, stage.tenant.id, "admin", &[]).await;
    let agent = &stage.tenant.agent;
    rotate(&stage, agent, 3_600).await;
    stage
        .client
        .post(&second_admin, &path(agent.id), json!({"overlap_seconds": 3600}))
        .await
        .expect(200);
    let former = async || {
        sqlx::query_scalar::<_, Vec<String>>("SELECT former_minters FROM api_keys WHERE id = $1")
            .bind(agent.id)
            .fetch_one(&stage.stack.owner_pool())
            .await
            .expect("read")
    };
    let admin = &stage.tenant.admin.principal;
    assert_eq!(former().await, ["operator", admin]);
    // Each once, and also when nothing of an earlier secret is left.
    rotate(&stage, agent, 0).await;
    rotate(&stage, agent, 0).await;
    assert_eq!(former().await, ["operator", second_admin.principal.as_str(), admin]);
    stage
        .client
        .post(&second_admin, &path(agent.id), json!({}))
        .await
        .expect(200);
    let listed = stage
        .client
        .get(&second_admin, "/api/v1/api-keys?caller_id=dev-agent")
        .await
        .expect(200);
    assert_eq!(listed["data"][0]["minted_by"], second_admin.principal);
}

#[tokio::test]
async fn rotations_at_the_same_time_lose_no_secret() {
    let stage = Stage::set().await;
    let agent = &stage.tenant.agent;
    let body = json!({"overlap_seconds": 3600});
    let attempts: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(
                stage
                    .client
                    .request("POST", &path(agent.id))
                    .key(&stage.tenant.admin)
                    .json(&body)
                    .send(),
            )
        })
        .collect();
    for attempt in attempts {
        let rotated = attempt.await.expect("it ran").expect(200);
        assert_eq!(stage.status_of(&Stage::with_text(agent, &rotated["key"])).await, 200);
    }
    assert_eq!(stage.status_of(agent).await, 200);
}

#[tokio::test]
async fn what_has_ended_cannot_be_rotated() {
    let stage = Stage::set().await;
    let (admin, agent) = (&stage.tenant.admin, &stage.tenant.agent);
    let expired = admin.another(&stage.stack, "admin", "operator").await;
    stage
        .meddle("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired.id)
        .await;
    stage
        .client
        .post(admin, &path(expired.id), json!({}))
        .await
        .expect_error(409, "CONFLICT");
    let _ = stage
        .client
        .delete(admin, &format!("/api/v1/api-keys/{}", agent.id))
        .await
        .expect(204);
    stage
        .client
        .post(admin, &path(agent.id), json!({}))
        .await
        .expect_error(409, "CONFLICT");
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    for value in [json!(-1), json!(604_801), json!(1.5), json!("60"), Value::Null] {
        let body = json!({ "overlap_seconds": value });
        let answer = stage
            .client
            .post(&stage.tenant.admin, &path(stage.tenant.agent.id), body.clone())
            .await;
        assert_eq!(
            answer.expect_error(400, "VALIDATION_ERROR")["field"],
            "overlap_seconds",
            "{body}"
        );
    }
    assert_eq!(stage.status_of(&stage.tenant.agent).await, 200);
}
