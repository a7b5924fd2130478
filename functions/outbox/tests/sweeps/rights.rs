//! What the sweep's database role may not do.

use std::borrow::Cow;

use outbox::run_once;
use shared::testing::TestStack;
use sqlx::AssertSqlSafe;

#[tokio::test]
async fn the_role_reaches_no_further_than_its_work() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    crate::enqueue_test(&stack, tenant_id).await;
    run_once(&stack.sweeper).await;
    let mut refused: Vec<String> = [
        "users",
        "api_keys",
        "api_key_earlier_secrets",
        "tenants",
        "user_settings",
        "delegations",
        "memberships",
        "billing_history",
    ]
    .map(|table| format!("SELECT 1 FROM {table}"))
    .into();
    refused.extend(
        [
            "UPDATE outbox SET payload = '{}'",
            "DELETE FROM outbox",
            "TRUNCATE outbox_deliveries",
            "DELETE FROM outbox_deliveries",
            "UPDATE audit_events SET tool = ''",
            "DELETE FROM audit_events",
            "SELECT 1 FROM audit_events_2026_12",
            "UPDATE approval_requests SET reason = ''",
            "INSERT INTO approval_votes DEFAULT VALUES",
            "INSERT INTO idempotency_keys DEFAULT VALUES",
            "SELECT * FROM lookup.api_key(NULL, NULL)",
        ]
        .map(str::to_owned),
    );
    for sql in refused {
        let outcome = sqlx::raw_sql(AssertSqlSafe(sql.clone()))
            .execute(stack.sweeper.db.without_tenant())
            .await;
        let code = outcome
            .err()
            .and_then(|error| error.into_database_error()?.code().map(Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}");
    }
}

#[tokio::test]
async fn of_an_approval_it_can_make_nothing_but_an_expired_one() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    sqlx::query(
        "INSERT INTO approval_requests (tenant_id, id, request_id, requested_by, tool_call, display_hash, action_digest,
             action_nonce, reason, required_approvals, token_digest, created_at, expires_at)
         VALUES ($1, $1, 'r', 'agent:a', '{}', '', '', '', '', 1, sha256(''), now(), now() + interval '1 hour')",
    )
    .bind(tenant_id)
    .execute(&stack.owner_pool())
    .await
    .unwrap();
    for status in ["APPROVED", "DENIED", "CANCELLED"] {
        let outcome = sqlx::query("UPDATE approval_requests SET status = $1")
            .bind(status)
            .execute(stack.sweeper.db.without_tenant())
            .await;
        let code = outcome
            .err()
            .and_then(|error| error.into_database_error()?.code().map(Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{status}");
    }
}
