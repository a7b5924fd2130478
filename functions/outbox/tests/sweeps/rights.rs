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
        "stops",
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
            "UPDATE approval_requests SET reason = ''",
            "INSERT INTO approval_votes DEFAULT VALUES",
            "INSERT INTO idempotency_keys DEFAULT VALUES",
            "SELECT * FROM lookup.api_key(NULL, NULL)",
        ]
        .map(str::to_owned),
    );
    let partition: String = sqlx::query_scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_events'::regclass",
    )
    .fetch_one(&stack.owner_pool())
    .await
    .expect("a partition");
    refused.push(format!("SELECT 1 FROM {partition}"));
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
         VALUES ($1, $1, 'r', 'agent:a', '{}', '', '', '', '', 1, sha256(''), now() - interval '2 hours', now() - interval '1 hour'),
                ($1, $2, 'r', 'agent:a', '{}', '', '', '', '', 1, sha256('x'), now(), now() + interval '1 hour')",
    )
    .bind(tenant_id)
    .bind(stack.ctx.ids.next())
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
        // The state machine's trigger runs before the policy would refuse.
        assert_eq!(code.as_deref(), Some("23514"), "{status}");
    }
    // Of the two, the one that is not due is not even seen.
    let expired = sqlx::query("UPDATE approval_requests SET status = 'EXPIRED', version = version + 1")
        .execute(stack.sweeper.db.without_tenant())
        .await
        .unwrap();
    assert_eq!(expired.rows_affected(), 1);
}
