//! `GET /api/v1/api-keys`.

use crate::stage::{Stage, column};

const PATH: &str = "/api/v1/api-keys";

async fn ids(stage: &Stage, query: &str) -> Vec<String> {
    column(
        &stage
            .client
            .get(&stage.tenant.admin, &format!("{PATH}?{query}"))
            .await
            .expect(200),
        "id",
    )
}

#[tokio::test]
async fn an_admin_walks_the_keys_newest_first_and_sees_no_secret() {
    let stage = Stage::set().await;
    let _ = stage.stack.tenant().await;
    let tenant = &stage.tenant;
    let expected: Vec<String> = [
        &tenant.agent,
        &tenant.auditor,
        &tenant.second_approver,
        &tenant.approver,
        &tenant.admin,
    ]
    .map(|key| key.id.to_string())
    .into();
    let first = stage
        .client
        .get(&tenant.admin, &format!("{PATH}?limit=3"))
        .await
        .expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(column(&first, "id"), expected[..3]);
    assert_eq!(ids(&stage, &format!("limit=3&cursor={cursor}")).await, expected[3..]);
    let other_filter = format!("{PATH}?is_active=true&cursor={cursor}");
    stage
        .client
        .get(&tenant.admin, &other_filter)
        .await
        .expect_error(400, "INVALID_CURSOR");
    let mut fields: Vec<&String> = first["data"][0].as_object().expect("a key").keys().collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "caller_id",
            "created_at",
            "environment",
            "expires_at",
            "id",
            "is_active",
            "last_used_at",
            "minted_by",
            "owner_user_id",
            "revoked_at",
            "role",
            "trust_level",
            "user_id"
        ]
    );
    // The key that asked was used in this minute.
    let own = &stage
        .client
        .get(&tenant.admin, &format!("{PATH}?role=admin"))
        .await
        .expect(200)["data"][0];
    assert!(
        own["last_used_at"].as_str().is_some_and(|at| at.ends_with(":00.000Z")),
        "{own}"
    );
}

#[tokio::test]
async fn filters_narrow_and_unknown_values_are_400() {
    let stage = Stage::set().await;
    let tenant = &stage.tenant;
    let expired = tenant.approver.another(&stage.stack, "approver", "operator").await;
    stage
        .meddle("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired.id)
        .await;
    let revoked = tenant.auditor.another(&stage.stack, "auditor", "operator").await;
    let _ = stage
        .client
        .delete(&tenant.admin, &format!("{PATH}/{}", revoked.id))
        .await
        .expect(204);

    assert_eq!(ids(&stage, "role=agent").await, [tenant.agent.id.to_string()]);
    assert_eq!(ids(&stage, "caller_id=dev-agent").await, [tenant.agent.id.to_string()]);
    assert_eq!(ids(&stage, "caller_id=nobody").await.len(), 0);
    let user = tenant.approver.user_id.expect("a user");
    assert_eq!(
        ids(&stage, &format!("user_id={user}")).await,
        [expired.id, tenant.approver.id].map(|id| id.to_string())
    );
    assert_eq!(
        ids(&stage, "is_active=false").await,
        [revoked.id, expired.id].map(|id| id.to_string())
    );
    assert_eq!(ids(&stage, "is_active=true").await.len(), 5);
    for (query, field) in [
        ("role=root", "role"),
        ("user_id=x", "user_id"),
        ("is_active=1", "is_active"),
    ] {
        let answer = stage.client.get(&tenant.admin, &format!("{PATH}?{query}")).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
}
