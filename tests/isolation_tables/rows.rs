//! Rows of a tenant in every table, each with texts that no other tenant's rows hold.

use shared::testing::{TestStack, TestTenant};
use sqlx::AssertSqlSafe;

/// Fills every table but those that a fresh tenant has rows in already. A table that is forgotten here fails the test.
pub(crate) async fn fill(stack: &TestStack, tenant: &TestTenant) {
    let id = |name: &str| (format!(":{name}"), stack.ctx.ids.next().to_string());
    let user = |name: &str, user: Option<uuid::Uuid>| (format!(":{name}"), user.expect("a person").to_string());
    let mut sql = ROWS.to_owned();
    // Longer names first: one is the beginning of another.
    for (name, value) in [
        user("second_approver", tenant.second_approver.user_id),
        user("approver", tenant.approver.user_id),
        user("admin", tenant.admin.user_id),
        (":agent_key".to_owned(), tenant.agent.id.to_string()),
        id("owned_key"),
        id("approval"),
        id("audit_event"),
        id("stop"),
        id("outbox_event"),
        id("invoice"),
        (":tenant".to_owned(), tenant.id.to_string()),
    ] {
        sql = sql.replace(&name, &value);
    }
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&stack.owner_pool())
        .await
        .expect("the rows are stored");
}

const ROWS: &str = "
    INSERT INTO user_settings (tenant_id, user_id, time_zone, locale, notifications, updated_at)
    VALUES (':tenant', ':admin', 'zone of :tenant', 'en', '{\"note\": \"settings of :tenant\"}', now());

    INSERT INTO delegations (tenant_id, user_id, delegate_to, from_at, until_at, created_at)
    VALUES (':tenant', ':approver', ':second_approver', now(), now() + interval '1 day', now());

    INSERT INTO api_key_earlier_secrets (tenant_id, api_key_id, key_hash, expires_at)
    VALUES (':tenant', ':agent_key', 'earlier hash of :tenant', now() + interval '1 day');

    INSERT INTO api_keys (tenant_id, id, caller_id, owner_user_id, key_hash, minted_by, role, created_at)
    VALUES (':tenant', ':owned_key', 'caller of :tenant', ':admin', 'hash of :tenant', 'minter of :tenant', 'agent', now());

    INSERT INTO approval_requests (tenant_id, id, request_id, requested_by, owner_user_id, tool_call, display_hash, action_digest,
                                   action_nonce, reason, required_approvals, token_digest, created_at, expires_at)
    VALUES (':tenant', ':approval', 'request of :tenant', 'agent of :tenant', ':admin', '{\"tool\": \"tool of :tenant\"}',
            'display hash of :tenant', 'digest of :tenant', 'nonce', 'reason of :tenant', 2, sha256(':tenant'), now(),
            now() + interval '1 day');

    INSERT INTO approval_votes (tenant_id, approval_id, approver, decision, note, voted_at)
    VALUES (':tenant', ':approval', 'approver of :tenant', 'APPROVE', 'note of :tenant', now());

    INSERT INTO decision_links (tenant_id, approval_id, user_id, secret_digest, api_key_id, key_digest, created_at, expires_at)
    VALUES (':tenant', ':approval', ':approver', sha256('link of :tenant'), ':owned_key', sha256('hash of :tenant'), now(), now() + interval '1 day');
    INSERT INTO stops (tenant_id, id, caller_id, reason, created_by, created_at)
    VALUES (':tenant', ':stop', 'stopped caller of :tenant', 'stop reason of :tenant', 'stopper of :tenant', now());

    INSERT INTO audit_events (tenant_id, event_id, request_id, recorded_by, tool, raw_args_hash, entry, leaf_hash, caller_id)
    VALUES (':tenant', ':audit_event', 'audited of :tenant', 'recorder of :tenant', 'tool of :tenant', 'hash of :tenant',
            'entry of :tenant', sha256('leaf of :tenant'), 'caller of :tenant');

    INSERT INTO audit_request_ids (tenant_id, recorded_by, request_id, content_salt, content_hash, event_id)
    VALUES (':tenant', 'recorder of :tenant', 'audited of :tenant', 'salt of :tenant', 'content of :tenant', ':audit_event');

    INSERT INTO audit_pending (tenant_id, event_id) VALUES (':tenant', ':audit_event');

    INSERT INTO outbox (tenant_id, id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, created_at)
    VALUES (':tenant', ':outbox_event', 'approval', ':approval', 1, 'approval.requested', '{\"of\": \"payload of :tenant\"}', now());

    INSERT INTO outbox_deliveries (tenant_id, event_id, destination, next_attempt_at, last_error)
    VALUES (':tenant', ':outbox_event', 'destination of :tenant', now(), 'error of :tenant');

    INSERT INTO processed_events (tenant_id, event_id, handler_name, processed_at)
    VALUES (':tenant', 'event of :tenant', 'handler of :tenant', now());

    INSERT INTO idempotency_keys (tenant_id, principal, route, idempotency_key, body_hash, response_status, response_body,
                                  created_at, expires_at)
    VALUES (':tenant', 'principal of :tenant', 'POST /api/v1/approvals', 'key of :tenant', 'body of :tenant', 201,
            '{\"of\": \"answer of :tenant\"}', now(), now() + interval '1 day');

    INSERT INTO memberships (tenant_id, status, stripe_customer_id, created_at, updated_at)
    VALUES (':tenant', 'ACTIVE', 'customer of :tenant', now(), now());

    INSERT INTO billing_history (tenant_id, id, amount_cents, currency, stripe_invoice_id, status, occurred_at)
    VALUES (':tenant', ':invoice', 4900, 'EUR', 'invoice of :tenant', 'paid', now());
";
