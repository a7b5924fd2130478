//! What the database refuses whatever code runs: the trigger of the state machine, and the rights of the role.

use std::borrow::Cow;

use serde_json::json;
use shared::data::TenantScope;
use sqlx::AssertSqlSafe;

use crate::scene::Scene;

/// The SQLSTATE that a statement of the function's own role ends with; `None` when it is let through.
async fn refusal(scene: &Scene, statement: &str) -> Option<String> {
    let scope = TenantScope {
        tenant_id: scene.tenant.id,
        user_id: None,
    };
    let mut tx = scene.stack.ctx.db.begin(scope).await.expect("begun");
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut *tx)
        .await
        .err()
        .and_then(|error| error.into_database_error()?.code().map(Cow::into_owned))
}

#[tokio::test]
async fn no_statement_leaves_the_state_machine() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let set = |assignments: &str| format!("UPDATE approval_requests SET {assignments} WHERE id = '{id}'");
    let (check, privilege) = (Some("23514".to_owned()), Some("42501".to_owned()));
    for (statement, expected) in [
        (set("status = 'CANCELLED', version = version + 1"), None),
        (set("status = 'DENIED', version = version + 1"), None),
        (set("version = version + 1"), None),
        // Without its votes, before its deadline, out of order, or without counting up.
        (set("status = 'APPROVED', version = version + 1"), check.clone()),
        (set("status = 'EXPIRED', version = version + 1"), check.clone()),
        (set("status = 'CONSUMED', version = version + 1"), check.clone()),
        (set("status = 'CANCELLED'"), check.clone()),
        (set("version = version + 2"), check.clone()),
        (set("version = version - 1"), check),
        // What was asked for.
        (set("reason = 'another', version = version + 1"), privilege.clone()),
        (
            set("expires_at = now() + interval '1 day', version = version + 1"),
            privilege.clone(),
        ),
        (set("required_approvals = 1, version = version + 1"), privilege.clone()),
        (
            "UPDATE approval_votes SET approver = 'user:x'".to_owned(),
            privilege.clone(),
        ),
        ("DELETE FROM approval_votes".to_owned(), privilege.clone()),
        ("DELETE FROM approval_requests".to_owned(), privilege),
    ] {
        assert_eq!(refusal(&scene, &statement).await, expected, "{statement}");
    }
}

#[tokio::test]
async fn votes_are_cast_while_the_request_is_pending_and_turn_only_to_a_denial() {
    let scene = Scene::start().await;
    let vote = |id: &str, decision: &str| {
        format!(
            "INSERT INTO approval_votes (tenant_id, approval_id, approver, decision, voted_at)
             VALUES ('{}', '{id}', 'user:x', '{decision}', now())",
            scene.tenant.id
        )
    };
    let turn = |id: &str, to: &str| format!("UPDATE approval_votes SET decision = '{to}' WHERE approval_id = '{id}'");
    let (pending, _) = scene.request_in("PENDING").await;
    assert_eq!(refusal(&scene, &vote(&pending, "APPROVE")).await, None);
    let change = |first: &str, then: &str| format!("{}; {}", vote(&pending, first), turn(&pending, then));
    assert_eq!(refusal(&scene, &change("APPROVE", "DENY")).await, None);
    assert_eq!(
        refusal(&scene, &change("DENY", "APPROVE")).await.as_deref(),
        Some("23514")
    );
    let (approved, _) = scene.request_in("APPROVED").await;
    assert_eq!(
        refusal(&scene, &vote(&approved, "DENY")).await.as_deref(),
        Some("23514")
    );
    assert_eq!(
        refusal(&scene, &turn(&approved, "DENY")).await.as_deref(),
        Some("23514")
    );
}

#[tokio::test]
async fn what_has_ended_stays_as_it_ended() {
    let scene = Scene::start().await;
    for state in ["DENIED", "CANCELLED"] {
        let (id, _) = scene.request_in(state).await;
        for status in ["PENDING", "APPROVED", "DENIED", "CANCELLED"] {
            let statement =
                format!("UPDATE approval_requests SET status = '{status}', version = version + 1 WHERE id = '{id}'");
            assert_eq!(
                refusal(&scene, &statement).await.as_deref(),
                Some("23514"),
                "{state} to {status}"
            );
        }
        assert_eq!(scene.get(&scene.tenant.agent, &id).await["status"], json!(state));
    }
}

#[tokio::test]
async fn an_authority_is_used_once() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let cast = |approver: &str, on_behalf_of: &str, decision: &str| {
        format!(
            "INSERT INTO approval_votes (tenant_id, approval_id, approver, on_behalf_of, decision, voted_at)
             VALUES ('{}', '{id}', '{approver}', {on_behalf_of}, '{decision}', now());",
            scene.tenant.id
        )
    };
    let vote = |approver: &str, on_behalf_of: &str| cast(approver, on_behalf_of, "APPROVE");
    for (first, second, expected) in [
        (vote("user:x", "NULL"), vote("user:y", "NULL"), None),
        (vote("user:x", "NULL"), vote("user:y", "'user:z'"), None),
        (vote("user:x", "NULL"), vote("user:y", "'user:x'"), Some("23505")),
        (vote("user:y", "'user:x'"), vote("user:x", "NULL"), Some("23505")),
        (vote("user:y", "'user:x'"), vote("user:z", "'user:x'"), Some("23505")),
        (vote("user:y", "'user:x'"), vote("user:y", "NULL"), Some("23505")),
        (vote("user:y", "NULL"), vote("user:x", "'user:x'"), Some("23514")),
        // A denial is not counted, so it uses nothing.
        (vote("user:y", "'user:x'"), cast("user:x", "NULL", "DENY"), None),
    ] {
        let both = first + &second;
        assert_eq!(refusal(&scene, &both).await.as_deref(), expected, "{both}");
    }
}
