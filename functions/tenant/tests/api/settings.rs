//! `GET` and `PATCH /api/v1/users/me/settings`.

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::stage::Stage;

const PATH: &str = "/api/v1/users/me/settings";

fn defaults() -> Value {
    json!({"time_zone": "UTC", "locale": "en", "notifications": {}})
}

async fn settings_of(stage: &Stage, key: &TestKey) -> Value {
    stage.client.get(key, PATH).await.expect(200)
}

#[tokio::test]
async fn what_was_never_set_has_defaults() {
    let stage = Stage::set().await;
    for key in [&stage.tenant.admin, &stage.tenant.approver, &stage.tenant.auditor] {
        assert_eq!(settings_of(&stage, key).await, defaults());
    }
}

#[tokio::test]
async fn a_person_sets_their_own_and_nobody_elses() {
    let stage = Stage::set().await;
    let approver = &stage.tenant.approver;
    let first = json!({"time_zone": "Europe/Zurich", "notifications": {"digest": true, "mail": false}});
    let after = stage.client.patch(approver, PATH, first).await.expect(200);
    let expected =
        json!({"time_zone": "Europe/Zurich", "locale": "en", "notifications": {"digest": true, "mail": false}});
    assert_eq!(after, expected);
    let second = stage
        .client
        .patch(approver, PATH, json!({"locale": "de-CH", "notifications": {}}))
        .await
        .expect(200);
    assert_eq!(
        second,
        json!({"time_zone": "Europe/Zurich", "locale": "de-CH", "notifications": {}})
    );
    assert_eq!(settings_of(&stage, approver).await, second);
    // The same person under another key; and everybody else, admins too.
    let again = approver.another(&stage.stack, "approver", "operator").await;
    assert_eq!(settings_of(&stage, &again).await, second);
    for other in [
        &stage.tenant.admin,
        &stage.tenant.second_approver,
        &stage.tenant.auditor,
    ] {
        assert_eq!(settings_of(&stage, other).await, defaults());
    }
}

#[tokio::test]
async fn the_log_tells_which_settings_and_not_what_they_are() {
    let stage = Stage::set().await;
    let approver = &stage.tenant.approver;
    let body = json!({"time_zone": "Asia/Tokyo", "locale": "ja"});
    stage.client.patch(approver, PATH, body.clone()).await.expect(200);
    let event = stage.audited_once(stage.tenant.id).await;
    assert_eq!(
        (event.action.as_str(), &event.recorded_by),
        ("settings.updated", &approver.principal)
    );
    assert_eq!(event.object, approver.user_id.expect("a user").to_string());
    assert_eq!(event.arguments, json!({"changed": ["time_zone", "locale"]}));
    for unchanged in [body, json!({})] {
        stage.client.patch(approver, PATH, unchanged).await.expect(200);
    }
    assert_eq!(stage.audited(stage.tenant.id).await.len(), 1);
}

#[tokio::test]
async fn mistakes_are_named() {
    let stage = Stage::set().await;
    let many: serde_json::Map<String, Value> = (0..51).map(|number| (number.to_string(), true.into())).collect();
    let cases: [(&str, Value, &str); 11] = [
        ("time_zone", json!("Mars/Olympus"), "time_zone"),
        ("time_zone", json!("europe/zurich"), "time_zone"),
        ("time_zone", json!("UTC; DROP"), "time_zone"),
        ("time_zone", json!(null), "time_zone"),
        ("locale", json!("english language"), "locale"),
        ("locale", json!("e"), "locale"),
        ("notifications", json!([]), "notifications"),
        ("notifications", json!(many), "notifications"),
        ("notifications", json!({"": true}), "notifications"),
        ("notifications", json!({"mail": "yes"}), "notifications.mail"),
        ("theme", json!("dark"), "theme"),
    ];
    for (name, value, field) in cases {
        let body = json!({ name: value });
        let answer = stage.client.patch(&stage.tenant.auditor, PATH, body.clone()).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    assert_eq!(settings_of(&stage, &stage.tenant.auditor).await, defaults());
}
