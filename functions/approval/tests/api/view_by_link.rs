//! `POST /decide/{id}/view`.

use serde_json::{Value, json};

use crate::scene::{STATES, Scene, id, linked, request, request_with};

#[tokio::test]
async fn it_shows_what_the_person_would_be_shown_anyway_and_uses_nothing_up() {
    let scene = Scene::start().await;
    let asked = scene
        .ask(request_with(
            json!({ "risk_labels": ["money"], "required_approvals": 2 }),
        ))
        .await;
    let (person, id) = (&scene.tenant.approver, id(&asked));
    let secret = scene.link(person, id).await;
    for _ in 0..3 {
        let seen = scene.view_by_link(id, &secret).await.expect(200);
        assert_eq!(seen, linked(scene.get(person, id).await, None));
    }
    // Somebody else's vote is seen and is not theirs, and the link still works.
    let voted = scene.approve(&scene.tenant.second_approver, id).await.expect(200);
    assert_eq!(scene.view_by_link(id, &secret).await.expect(200), linked(voted, None));
    let _ = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
}

#[tokio::test]
async fn the_holders_own_vote_is_told_and_no_other_verb_tells_it() {
    let scene = Scene::start().await;
    let (away, delegate) = (&scene.tenant.approver, &scene.tenant.second_approver);
    let _colleague = scene.person("approver", &["ops"]).await;
    let two = json!({ "approver_groups": ["ops"], "required_approvals": 2 });
    let asked = scene.ask(request_with(two.clone())).await;
    // A link that was made before its holder voted by another way, and one that was made after.
    let before = scene.link(away, id(&asked)).await;
    let voted = scene.approve(away, id(&asked)).await.expect(200);
    assert_eq!(voted.get("own_vote"), None);
    let seen = scene.view_by_link(id(&asked), &before).await.expect(200);
    assert_eq!(seen, linked(voted, Some("APPROVE")));
    let after = scene.link(away, id(&asked)).await;
    assert_eq!(scene.view_by_link(id(&asked), &after).await.expect(200), seen);
    let denied = scene.deny(away, id(&asked)).await.expect(200);
    assert_eq!(
        scene.view_by_link(id(&asked), &after).await.expect(200),
        linked(denied, Some("DENY"))
    );
    // What somebody answered in their place is not theirs.
    let asked = scene.ask(request_with(two)).await;
    let secret = scene.link(away, id(&asked)).await;
    scene.delegate(away, delegate, ["-1 hour", "1 hour"]).await;
    let voted = scene.approve(delegate, id(&asked)).await.expect(200);
    assert_eq!(voted["decisions"][0]["on_behalf_of"], away.principal);
    assert_eq!(
        scene.view_by_link(id(&asked), &secret).await.expect(200),
        linked(voted, None)
    );
}

#[tokio::test]
async fn a_decided_request_is_shown_until_its_link_expires() {
    let scene = Scene::start().await;
    for state in STATES {
        let asked = scene.ask(request()).await;
        let id = id(&asked);
        let secret = scene.link(&scene.tenant.admin, id).await;
        let moved = if state == "PENDING" {
            String::new()
        } else {
            format!("status = '{state}', version = 2")
        };
        if !moved.is_empty() {
            scene.force(id, &moved).await;
        }
        let seen = scene.view_by_link(id, &secret).await.expect(200);
        assert_eq!(seen["status"], state);
        sqlx::query("UPDATE decision_links SET expires_at = now() WHERE approval_id = $1::uuid")
            .bind(id)
            .execute(&scene.owner)
            .await
            .expect("expired");
        scene.view_by_link(id, &secret).await.expect_error(404, "NOT_FOUND");
    }
}

/// Replaces the letter at `at` by another of the alphabet.
fn changed(secret: &str, at: usize) -> String {
    let mut letters: Vec<char> = secret.chars().collect();
    letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
    letters.into_iter().collect()
}

#[tokio::test]
async fn every_link_that_does_not_work_is_the_same_404() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    let other_tenant = scene.stack.tenant().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 3 }))).await;
    let other = scene.ask(request()).await;
    let id = id(&asked);
    let good = scene.link(&tenant.approver, id).await;

    // Used, and of somebody who was deactivated.
    let used = scene.link(&tenant.second_approver, id).await;
    let _ = scene.decide_by_link(&asked, &used, "APPROVE").await.expect(200);
    let gone = shared::testing::TestKey::of_user(&scene.stack, tenant.id, "approver", &[]).await;
    let of_gone = scene.link(&gone, id).await;
    sqlx::query("UPDATE users SET status = 'DEACTIVATED' WHERE id = $1")
        .bind(gone.user_id)
        .execute(&scene.owner)
        .await
        .expect("deactivated");
    // A secret that says it is of another tenant.
    let theirs = scene
        .client
        .post(&other_tenant.agent, "/api/v1/approvals", request())
        .await
        .expect(201);
    let elsewhere = scene.link(&other_tenant.approver, crate::scene::id(&theirs)).await;
    let transplanted = format!("{}{}", &elsewhere[..4 + 21], &good[4 + 21..]);

    let mut bodies: Vec<Value> = Vec::new();
    let secrets = [
        "",
        "csl_",
        "nonsense",
        &good[4..],
        &used,
        &of_gone,
        &elsewhere,
        &transplanted,
        &changed(&good, 67),
        &changed(&good, 40),
        &changed(&good, 10),
        &format!("{good}A"),
        &good.to_uppercase(),
    ];
    let wrong_ids = [
        (crate::scene::id(&other), good.as_str()),
        (crate::scene::id(&theirs), &good),
        (id, "csl_"),
        ("01930000-0000-7000-8000-000000000000", &good),
    ];
    for (id, secret) in secrets.into_iter().map(|secret| (id, secret)).chain(wrong_ids) {
        let viewed = scene.view_by_link(id, secret).await;
        viewed.expect_error(404, "NOT_FOUND");
        let body = json!({ "secret": secret, "decision": "APPROVE", "display_hash": asked["display_hash"] });
        let decided = scene
            .client
            .request("POST", &format!("/decide/{id}"))
            .json(&body)
            .send()
            .await;
        decided.expect_error(404, "NOT_FOUND");
        bodies.extend([viewed, decided].map(|answer| answer.json()["error"].clone()));
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(scene.get(&tenant.agent, id).await["approvals"], 1);

    let _ = scene.view_by_link(id, &good).await.expect(200);
    sqlx::query("UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1")
        .bind(tenant.id)
        .execute(&scene.owner)
        .await
        .expect("suspended");
    scene.view_by_link(id, &good).await.expect_error(404, "NOT_FOUND");
    scene
        .decide_by_link(&asked, &good, "APPROVE")
        .await
        .expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_wrong_body_is_named_before_the_secret_is_looked_at() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    for (body, field) in [
        (json!({}), "secret"),
        (json!({ "secret": 1 }), "secret"),
        (json!({ "secret": null }), "secret"),
        (json!({ "secret": "x", "decision": "APPROVE" }), "decision"),
    ] {
        let request = scene.client.request("POST", &format!("/decide/{}/view", id(&asked)));
        let answer = request.json(&body).send().await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
}
