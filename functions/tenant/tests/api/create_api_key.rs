//! `POST /api/v1/api-keys`.

use chrono::{Duration, SecondsFormat};
use serde_json::{Value, json};

use crate::stage::{Stage, id};

const PATH: &str = "/api/v1/api-keys";

fn in_an_hour(stage: &Stage) -> String {
    (stage.stack.clock.now() + Duration::hours(1)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[tokio::test]
async fn an_agents_key_works_at_once_and_is_shown_once() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let owner = stage.tenant.approver.user_id.expect("a user");
    let expires_at = in_an_hour(&stage);
    let body = json!({"role": "agent", "caller_id": "billing-bot", "trust_level": 3, "environment": "production",
                      "owner_user_id": owner, "expires_at": expires_at});
    let made = stage.client.post(admin, PATH, body.clone()).await.expect(201);
    for field in [
        "role",
        "caller_id",
        "trust_level",
        "environment",
        "owner_user_id",
        "expires_at",
    ] {
        assert_eq!(made[field], body[field], "{field}");
    }
    assert_eq!(
        (&made["minted_by"], &made["is_active"]),
        (&admin.principal.clone().into(), &true.into())
    );
    for field in ["user_id", "last_used_at", "revoked_at"] {
        assert_eq!(made[field], Value::Null, "{field}");
    }
    let text = made["key"].as_str().expect("a key");
    assert!(text.starts_with("cs_production_"), "{text}");
    assert_eq!(stage.status_of(&Stage::with_text(admin, &made["key"])).await, 200);

    let listed = stage.client.get(admin, &format!("{PATH}?caller_id=billing-bot")).await;
    assert!(
        !listed.text().contains(text) && !listed.text().contains("hash"),
        "{}",
        listed.text()
    );
    assert_eq!(listed.expect(200)["data"][0]["id"], made["id"]);
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("api_key.created", &admin.principal)
    );
    assert_eq!(
        (event.object.as_str(), &event.arguments["caller_id"]),
        (made["id"].as_str().unwrap(), &"billing-bot".into())
    );
    assert!(!event.arguments.to_string().contains(text));
}

#[tokio::test]
async fn a_persons_key_has_their_role() {
    let stage = Stage::set().await;
    let (admin, auditor) = (&stage.tenant.admin, &stage.tenant.auditor);
    let body = json!({"role": "auditor", "user_id": auditor.user_id});
    let made = stage.client.post(admin, PATH, body).await.expect(201);
    assert_eq!((&made["trust_level"], &made["environment"]), (&1.into(), &"dev".into()));
    assert_eq!((&made["caller_id"], &made["expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!(stage.status_of(&Stage::with_text(auditor, &made["key"])).await, 200);
    let wrong = json!({"role": "approver", "user_id": auditor.user_id});
    let answer = stage.client.post(admin, PATH, wrong).await;
    assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], "role");
}

#[tokio::test]
async fn a_caller_id_in_use_is_409_until_its_key_has_ended() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let body = json!({"role": "agent", "caller_id": "bot", "expires_at": in_an_hour(&stage)});
    let first = stage.client.post(admin, PATH, body.clone()).await.expect(201);
    let taken = stage.client.post(admin, PATH, body.clone()).await;
    assert_eq!(taken.expect_error(409, "CONFLICT")["field"], "caller_id");
    assert!(!taken.text().contains("unique"), "{}", taken.text());
    // Another tenant's caller of the same name is no obstacle.
    let other = stage.stack.tenant().await;
    stage.client.post(&other.admin, PATH, body.clone()).await.expect(201);

    stage
        .meddle(
            "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1",
            id(&first),
        )
        .await;
    let second = stage.client.post(admin, PATH, body.clone()).await.expect(201);
    let _ = stage
        .client
        .delete(admin, &format!("{PATH}/{}", id(&second)))
        .await
        .expect(204);
    stage.client.post(admin, PATH, body).await.expect(201);
}

#[tokio::test]
async fn of_many_keys_for_one_caller_at_once_one_is_made() {
    let stage = Stage::set().await;
    let body = json!({"role": "agent", "caller_id": "bot"});
    let attempts: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn(
                stage
                    .client
                    .request("POST", PATH)
                    .key(&stage.tenant.admin)
                    .json(&body)
                    .send(),
            )
        })
        .collect();
    let mut statuses = Vec::new();
    for attempt in attempts {
        statuses.push(attempt.await.expect("it ran").status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
}

#[tokio::test]
async fn whoever_it_names_must_be_in_this_tenant() {
    let stage = Stage::set().await;
    let admin = &stage.tenant.admin;
    let theirs = stage.stack.tenant().await.approver.user_id;
    let nobody = Some(stage.stack.ctx.ids.next());
    for user in [theirs, nobody] {
        let person = json!({"role": "approver", "user_id": user});
        stage
            .client
            .post(admin, PATH, person)
            .await
            .expect_error(404, "NOT_FOUND");
        let agent = json!({"role": "agent", "caller_id": "bot", "owner_user_id": user});
        stage
            .client
            .post(admin, PATH, agent)
            .await
            .expect_error(404, "NOT_FOUND");
    }
    let gone = stage.tenant.approver.user_id.expect("a user");
    let _ = stage
        .client
        .delete(admin, &format!("/api/v1/users/{gone}"))
        .await
        .expect(204);
    let inactive = json!({"role": "approver", "user_id": gone});
    stage
        .client
        .post(admin, PATH, inactive)
        .await
        .expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    let user = stage.tenant.approver.user_id;
    let agent = |field: &str, value: Value| {
        let mut body = json!({"role": "agent", "caller_id": "bot"});
        body[field] = value;
        body
    };
    let cases: [(Value, &str); 17] = [
        (json!({}), "role"),
        (json!({"role": "root", "user_id": user}), "role"),
        (json!({"role": "agent"}), "caller_id"),
        (json!({"role": "approver"}), "user_id"),
        (json!({"role": "approver", "user_id": "me"}), "user_id"),
        (
            json!({"role": "approver", "user_id": user, "caller_id": "bot"}),
            "caller_id",
        ),
        (
            json!({"role": "approver", "user_id": user, "owner_user_id": user}),
            "owner_user_id",
        ),
        (agent("user_id", json!(user)), "user_id"),
        (agent("caller_id", json!("")), "caller_id"),
        (agent("caller_id", json!("a b")), "caller_id"),
        (agent("caller_id", json!("x".repeat(201))), "caller_id"),
        (agent("trust_level", json!(5)), "trust_level"),
        (agent("trust_level", json!("1")), "trust_level"),
        (agent("environment", json!("DEV")), "environment"),
        (agent("expires_at", json!("2020-01-01T00:00:00Z")), "expires_at"),
        (agent("expires_at", json!("tomorrow")), "expires_at"),
        (agent("key_hash", json!("x")), "key_hash"),
    ];
    for (body, field) in cases {
        let answer = stage.client.post(&stage.tenant.admin, PATH, body.clone()).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    assert_eq!(stage.audited(stage.tenant.id).await, []);
}
