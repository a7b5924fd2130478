//! `POST /api/v1/approvals/check`.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::testing::{Answer, TestKey};

use crate::scene::{STATES, Scene, request};

async fn check(scene: &Scene, key: &TestKey, token: &str) -> Answer {
    scene
        .client
        .post(key, "/api/v1/approvals/check", json!({ "token": token }))
        .await
}

fn cache_key(scene: &Scene, token: &str) -> String {
    format!("approval:{}:{}", scene.tenant.id, hex::encode(Sha256::digest(token)))
}

#[tokio::test]
async fn it_tells_every_status_with_and_without_redis_entry() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, token) = scene.request_in(state).await;
        let expected = scene.get(&scene.tenant.agent, &id).await;
        // States forced behind the product's back were never written to Redis.
        let _ = scene
            .stack
            .ctx
            .cache
            .delete(&cache_key(&scene, &token))
            .await
            .expect("Redis answers");
        for _ in 0..2 {
            let status = check(&scene, &scene.tenant.agent, &token).await.expect(200);
            assert_eq!((&status, &status["status"]), (&expected, &json!(state)));
        }
    }
}

#[tokio::test]
async fn it_follows_each_change_at_once() {
    let scene = Scene::start().await;
    let created = scene.ask(request()).await;
    let (id, token) = (
        created["id"].as_str().expect("id"),
        created["token"].as_str().expect("token"),
    );
    let agent = &scene.tenant.agent;
    assert_eq!(check(&scene, agent, token).await.expect(200)["status"], "PENDING");
    let approved = scene.approve(&scene.tenant.approver, id).await.expect(200);
    assert_eq!(check(&scene, agent, token).await.expect(200), approved);
    let cancelled = scene.act(agent, id, "cancel", json!({})).await.expect(200);
    assert_eq!(check(&scene, agent, token).await.expect(200), cancelled);
}

#[tokio::test]
async fn it_answers_from_redis_when_that_knows() {
    let scene = Scene::start().await;
    let (_, token) = scene.request_in("PENDING").await;
    let key = cache_key(&scene, &token);
    let mut entry: Value = scene
        .stack
        .ctx
        .cache
        .get_json(&key)
        .await
        .expect("JSON")
        .expect("an entry");
    entry["reason"] = json!("only Redis says this");
    scene
        .stack
        .ctx
        .cache
        .set_json(&key, &entry, shared::data::Ttl::seconds(5))
        .await
        .expect("stored");
    let status = check(&scene, &scene.tenant.agent, &token).await.expect(200);
    assert_eq!(status["reason"], "only Redis says this");
    // What is not a status is as good as nothing.
    scene
        .stack
        .ctx
        .cache
        .set(&key, "{}", shared::data::Ttl::seconds(5))
        .await
        .expect("stored");
    let status = check(&scene, &scene.tenant.agent, &token).await.expect(200);
    assert_eq!(status["reason"], "Release 4.2");
}

#[tokio::test]
async fn entries_live_for_seconds_while_they_can_change_and_until_expiry_when_they_cannot() {
    let scene = Scene::start().await;
    for (state, range) in [
        ("PENDING", 1..=5),
        ("APPROVED", 1..=5),
        ("DENIED", 3_500..=3_600),
        ("CANCELLED", 3_500..=3_600),
    ] {
        let (_, token) = scene.request_in(state).await;
        let ttl = scene
            .stack
            .ctx
            .cache
            .ttl(&cache_key(&scene, &token))
            .await
            .expect("Redis answers");
        assert!(range.contains(&ttl), "{state}: {ttl}");
    }
}

#[tokio::test]
async fn an_entry_past_its_deadline_is_not_believed() {
    let scene = Scene::start().await;
    for state in ["PENDING", "APPROVED"] {
        let (id, token) = scene.request_in(state).await;
        scene.expire(&id).await;
        // The entry still says otherwise; only the clock contradicts it.
        scene.shift_clock(TimeDelta::hours(2));
        assert!(
            scene
                .stack
                .ctx
                .cache
                .exists(&cache_key(&scene, &token))
                .await
                .expect("Redis answers")
        );
        assert_eq!(
            check(&scene, &scene.tenant.agent, &token).await.expect(200)["status"],
            "EXPIRED"
        );
        scene.shift_clock(-TimeDelta::hours(2));
    }
}

#[tokio::test]
async fn unknown_malformed_and_other_peoples_tokens_are_all_404() {
    let scene = Scene::start().await;
    let (_, token) = scene.request_in("PENDING").await;
    let other_agent = TestKey::of_agent(&scene.stack, scene.tenant.id, "other-agent", None).await;
    let other_tenant = scene.stack.tenant().await;
    for cached in [true, false] {
        for key in [
            &other_agent,
            &scene.tenant.admin,
            &other_tenant.agent,
            &other_tenant.admin,
        ] {
            check(&scene, key, &token).await.expect_error(404, "NOT_FOUND");
        }
        if cached {
            assert!(
                scene
                    .stack
                    .ctx
                    .cache
                    .delete(&cache_key(&scene, &token))
                    .await
                    .expect("Redis answers")
            );
        }
    }
    for token in [
        "",
        "cst_",
        "cst_AAAA",
        "nonsense",
        &format!("{token}x"),
        &"x".repeat(10_000),
    ] {
        check(&scene, &scene.tenant.agent, token)
            .await
            .expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn the_same_caller_under_a_new_key_is_the_same_requester() {
    let scene = Scene::start().await;
    let (_, token) = scene.request_in("PENDING").await;
    sqlx::query("UPDATE api_keys SET is_active = false WHERE id = $1")
        .bind(scene.tenant.agent.id)
        .execute(&scene.owner)
        .await
        .expect("revoked");
    let new_key = TestKey::of_agent(&scene.stack, scene.tenant.id, "dev-agent", None).await;
    assert_eq!(check(&scene, &new_key, &token).await.expect(200)["status"], "PENDING");
}

#[tokio::test]
async fn without_redis_postgres_answers() {
    let scene = Scene::with(&[("REDIS_URL", "redis://127.0.0.1:1"), ("REDIS_TIMEOUT_MS", "100")]).await;
    for state in STATES {
        let (_, token) = scene.request_in(state).await;
        assert_eq!(
            check(&scene, &scene.tenant.agent, &token).await.expect(200)["status"],
            state
        );
    }
}

#[tokio::test]
async fn what_is_sent_is_the_token_and_nothing_else() {
    let scene = Scene::start().await;
    for (body, field) in [
        (json!({}), "token"),
        (json!({ "token": 1 }), "token"),
        (json!({ "token": "a", "id": 1 }), "id"),
    ] {
        let answer = scene
            .client
            .post(&scene.tenant.agent, "/api/v1/approvals/check", body)
            .await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
}
