//! `POST /api/v1/approvals/{id}/links`.

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::scene::{STATES, Scene, id, request, request_with, secret};

#[tokio::test]
async fn a_link_is_of_the_person_who_asks_and_lives_as_long_as_the_request() {
    let scene = Scene::with(&[("PUBLIC_URL", "https://sign.example.com/")]).await;
    let asked = scene.ask(request()).await;
    let id = id(&asked);
    let made = scene
        .act(&scene.tenant.approver, id, "links", json!({}))
        .await
        .expect(201);
    assert_eq!(made.as_object().expect("an object").len(), 2);
    assert_eq!(made["expires_at"], asked["expires_at"]);
    let url = made["url"].as_str().expect("a link");
    let (page, secret) = url.split_once('#').expect("a fragment");
    assert_eq!(page, format!("https://sign.example.com/decide/{id}"));
    assert!(secret.len() == 68 && secret.starts_with("csl_"), "{secret}");

    assert_eq!(
        scene.get(&scene.tenant.agent, id).await["version"],
        1,
        "the request is as it was"
    );
    let log = scene.audit(id).await;
    assert_eq!(
        log.last(),
        Some(&(
            "decision_link.created".to_owned(),
            scene.tenant.approver.principal.clone()
        ))
    );
    assert_eq!(
        (log.len(), scene.outbox(id).await.len()),
        (2, 1),
        "nobody else is told of it"
    );
    // Only its digest is kept; whatever else is left behind, every test's database is searched for in the end.
    let kept: Vec<u8> = sqlx::query_scalar("SELECT secret_digest FROM decision_links")
        .fetch_one(&scene.owner)
        .await
        .expect("one link");
    assert_eq!(kept.len(), 32);
}

#[tokio::test]
async fn asking_again_replaces_it() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let (person, id) = (&scene.tenant.approver, id(&asked));
    let first = scene.link(person, id).await;
    let second = scene.link(person, id).await;
    assert_ne!(first, second);
    scene.view_by_link(id, &first).await.expect_error(404, "NOT_FOUND");
    scene
        .decide_by_link(&asked, &first, "APPROVE")
        .await
        .expect_error(404, "NOT_FOUND");
    let _ = scene.view_by_link(id, &second).await.expect(200);
    // Another's is another's.
    let others = scene.link(&scene.tenant.second_approver, id).await;
    let _ = scene.view_by_link(id, &second).await.expect(200);
    let _ = scene.view_by_link(id, &others).await.expect(200);
    // One that was used up may be replaced while there is something to decide.
    let two = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let used = scene.link(person, crate::scene::id(&two)).await;
    let _ = scene.decide_by_link(&two, &used, "APPROVE").await.expect(200);
    let again = scene.link(person, crate::scene::id(&two)).await;
    let denied = scene.decide_by_link(&two, &again, "DENY").await.expect(200);
    assert_eq!(denied["status"], "DENIED");
}

#[tokio::test]
async fn whoever_may_not_decide_gets_none() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    let link = async |key: &TestKey, id: &str| scene.act(key, id, "links", json!({})).await;

    let own = scene.ask_as(&tenant.admin, request()).await;
    link(&tenant.admin, id(&own)).await.expect_error(403, "SELF_APPROVAL");
    let owned = TestKey::of_agent(&scene.stack, tenant.id, "owned", tenant.approver.user_id).await;
    let of_owned = scene.ask_as(&owned, request()).await;
    link(&tenant.approver, id(&of_owned))
        .await
        .expect_error(403, "SELF_APPROVAL");
    let of_finance = scene.ask(request_with(json!({ "approver_groups": ["finance"] }))).await;
    link(&tenant.approver, id(&of_finance))
        .await
        .expect_error(403, "NOT_ELIGIBLE");
    link(&tenant.admin, id(&of_finance))
        .await
        .expect_error(403, "NOT_ELIGIBLE");
    let _ = link(&tenant.second_approver, id(&of_finance)).await.expect(201);
    let puppet = tenant
        .approver
        .another(&scene.stack, "approver", "agent:dev-agent")
        .await;
    let asked = scene.ask_as(&tenant.admin, request()).await;
    let _ = link(&tenant.approver, id(&asked)).await.expect(201);
    let asked = scene
        .ask(request_with(json!({ "approver_groups": ["finance", "ops"] })))
        .await;
    link(&puppet, id(&asked)).await.expect_error(403, "NOT_ELIGIBLE");
    let links: i64 = sqlx::query_scalar("SELECT count(*) FROM decision_links")
        .fetch_one(&scene.owner)
        .await
        .expect("counted");
    assert_eq!(links, 2);
}

#[tokio::test]
async fn what_is_of_high_risk_has_none() {
    let scene = Scene::start().await;
    for label in ["high", "HIGH", " High "] {
        let asked = scene
            .ask(request_with(json!({ "risk_labels": ["money", label] })))
            .await;
        let refused = scene.act(&scene.tenant.approver, id(&asked), "links", json!({})).await;
        assert_eq!(
            refused.expect_error(403, "FORBIDDEN"),
            json!({ "risk": "high" }),
            "{label}"
        );
    }
    let asked = scene.ask(request_with(json!({ "risk_labels": ["highway"] }))).await;
    let _ = scene.link(&scene.tenant.approver, id(&asked)).await;
}

#[tokio::test]
async fn only_what_waits_for_a_decision_has_one() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let answer = scene.act(&scene.tenant.admin, &id, "links", json!({})).await;
        match state {
            "PENDING" => {
                let _ = answer.expect(201);
            }
            "EXPIRED" => {
                answer.expect_error(409, "APPROVAL_EXPIRED");
            }
            _ => assert_eq!(answer.expect_error(409, "ALREADY_DECIDED")["status"], state),
        }
    }
}

#[tokio::test]
async fn a_replay_does_not_show_it_again_and_leaves_the_first_working() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let path = format!("/api/v1/approvals/{}/links", id(&asked));
    let ask = || {
        let request = scene.client.request("POST", &path).key(&scene.tenant.approver);
        request.header("idempotency-key", "once").send()
    };
    let first = ask().await.expect(201);
    let again = ask().await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        again.expect(201),
        json!({ "url": Value::Null, "expires_at": first["expires_at"] })
    );
    let _ = scene.view_by_link(id(&asked), &secret(&first)).await.expect(200);
}

#[tokio::test]
async fn it_has_nothing_to_say() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    for (body, field) in [
        (json!({ "user_id": scene.tenant.admin.user_id }), "user_id"),
        (json!({ "ttl_seconds": 60 }), "ttl_seconds"),
    ] {
        let answer = scene.act(&scene.tenant.approver, id(&asked), "links", body).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
}
