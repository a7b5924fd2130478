//! Approvals whose time is over.

use std::time::Duration;

use futures_util::future::join_all;
use outbox::{Handlers, run_once};
use serde_json::{Value, json};
use shared::testing::TestStack;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row as _, pool::PoolConnection};
use uuid::Uuid;

use crate::{count, run, sweep_with};

/// A connection that the triggers of the state machine do not watch, to put things where the story begins.
async fn unguarded(stack: &TestStack) -> PoolConnection<Postgres> {
    let mut connection = stack.owner_pool().acquire().await.unwrap();
    sqlx::raw_sql("SET session_replication_role = replica")
        .execute(&mut *connection)
        .await
        .unwrap();
    connection
}

/// Stores a request that is due `seconds` from now.
async fn insert(stack: &TestStack, tenant_id: Uuid, status: &str, seconds: i32) -> Uuid {
    let id = stack.ctx.ids.next();
    let mut connection = unguarded(stack).await;
    sqlx::query(
        "INSERT INTO approval_requests (
             tenant_id, id, request_id, status, version, requested_by, tool_call, display_hash, action_digest,
             action_nonce, reason, risk_labels, required_approvals, approver_groups, token_digest, created_at,
             expires_at, decided_at)
         VALUES ($1, $2, 'r-1', $3, 3, 'agent:dev-agent',
             '{\"tool\": \"payments.refund\", \"arguments\": {\"amount\": 10.5}, \"environment\": \"staging\"}',
             'd1', 'a1', 'nonce', 'because', '{money}', 2, '{ops}', sha256($2::text::bytea),
             date_trunc('milliseconds', now()) - interval '1 hour',
             date_trunc('milliseconds', now()) + make_interval(secs => $4),
             CASE $3 WHEN 'APPROVED' THEN now() - interval '1 minute' END)",
    )
    .bind(tenant_id)
    .bind(id)
    .bind(status)
    .bind(f64::from(seconds))
    .execute(&mut *connection)
    .await
    .unwrap();
    id
}

async fn status(pool: &PgPool, id: Uuid) -> String {
    sqlx::query_scalar("SELECT status FROM approval_requests WHERE id = $1")
        .bind(id)
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_due_expires_and_nothing_else() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let tenant_id = stack.new_tenant().await;
    let pending = insert(&stack, tenant_id, "PENDING", -1).await;
    let approved = insert(&stack, tenant_id, "APPROVED", -1).await;
    let mut untouched = vec![
        insert(&stack, tenant_id, "PENDING", 60).await,
        insert(&stack, tenant_id, "APPROVED", 60).await,
    ];
    for terminal in ["DENIED", "CANCELLED", "CONSUMED", "REVOKED", "EXPIRED"] {
        untouched.push(insert(&stack, tenant_id, terminal, -1).await);
    }
    let mut before = Vec::new();
    for id in &untouched {
        before.push(status(&pool, *id).await);
    }
    let turn = run_once(&stack.sweeper).await;
    // What it tells is handed on and logged in the same turn.
    assert_eq!(
        (turn.expired, turn.fanned_out, turn.delivered, turn.failures),
        (2, 2, 2, 0)
    );
    assert_eq!(
        (status(&pool, pending).await, status(&pool, approved).await),
        ("EXPIRED".into(), "EXPIRED".into())
    );
    for (id, before) in untouched.iter().zip(before) {
        assert_eq!(status(&pool, *id).await, before);
    }
    assert_eq!(run_once(&stack.sweeper).await.expired, 0);
}

#[tokio::test]
async fn it_is_told_as_the_object_stands_and_recorded_as_the_sweeps_doing() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let tenant_id = stack.new_tenant().await;
    let id = insert(&stack, tenant_id, "APPROVED", -1).await;
    let mut unguarded = unguarded(&stack).await;
    for (approver, decision, note, seconds) in [
        ("user:b", "APPROVE", None, 20.0),
        ("user:a", "APPROVE", Some("fine"), 40.0),
    ] {
        sqlx::query(
            "INSERT INTO approval_votes (tenant_id, approval_id, approver, decision, note, voted_at)
             VALUES ($1, $2, $3, $4, $5, '2026-11-20T08:00:00.123456Z'::timestamptz - make_interval(secs => $6))",
        )
        .bind(tenant_id)
        .bind(id)
        .bind(approver)
        .bind(decision)
        .bind(note)
        .bind(seconds)
        .execute(&mut *unguarded)
        .await
        .unwrap();
    }
    sqlx::raw_sql(r#"UPDATE approval_requests SET tool_call = jsonb_set(tool_call, '{server}', '"b\u200bank"')"#)
        .execute(&mut *unguarded)
        .await
        .unwrap();
    run_once(&stack.sweeper).await;

    let event = sqlx::query("SELECT * FROM outbox WHERE aggregate_id = $1")
        .bind(id)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(event.get::<Uuid, _>("tenant_id"), tenant_id);
    assert_eq!(event.get::<String, _>("aggregate_type"), "approval");
    assert_eq!(event.get::<String, _>("event_type"), "approval.expired");
    assert_eq!(event.get::<i32, _>("aggregate_version"), 4);
    let payload: Value = event.get("payload");
    assert_eq!(
        payload,
        json!({
            "id": id, "request_id": "r-1", "status": "EXPIRED", "version": 4, "requested_by": "agent:dev-agent",
            "tool_call": {"tool": "payments.refund", "arguments": {"amount": 10.5}, "environment": "staging",
                          "server": "b\u{200b}ank"},
            "display_hash": "d1", "display_warnings": ["INVISIBLE_CHARACTERS"], "action_digest": "a1", "reason": "because", "risk_labels": ["money"],
            "required_approvals": 2, "approver_groups": ["ops"], "approvals": 2,
            "decisions": [
                {"by": "user:a", "decision": "APPROVE", "note": "fine", "at": "2026-11-20T07:59:20.123Z"},
                {"by": "user:b", "decision": "APPROVE", "note": null, "at": "2026-11-20T07:59:40.123Z"},
            ],
            "created_at": payload["created_at"], "expires_at": payload["expires_at"], "decided_at": null,
            "policy": null, "poll_after_ms": 0,
        })
    );
    for field in ["created_at", "expires_at"] {
        let at: chrono::DateTime<chrono::Utc> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT {field} FROM approval_requests WHERE id = $1"
        )))
        .bind(id)
        .fetch_one(&pool)
        .await
        .unwrap();
        assert_eq!(payload[field], shared::http::timestamp::format(at));
    }

    let recorded = sqlx::query("SELECT * FROM audit_events WHERE correlation_id = $1")
        .bind(id.to_string())
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(recorded.len(), 1);
    let column = |name: &str| recorded[0].get::<Option<String>, _>(name).unwrap_or_default();
    assert_eq!(recorded[0].get::<Uuid, _>("tenant_id"), tenant_id);
    assert_eq!(
        (column("recorded_by"), column("action")),
        ("system:sweep".into(), "approval.expired".into())
    );
    assert_eq!(
        (column("tool"), column("environment")),
        ("payments.refund".into(), "staging".into())
    );
    assert_eq!(
        (column("outcome"), column("caller_id")),
        ("EXPIRED".into(), "sweep".into())
    );
}

#[tokio::test]
async fn four_sweeps_at_once_expire_each_request_once() {
    let stack = TestStack::with(&[("OUTBOX_BATCH", "10")]).await;
    let pool = stack.owner_pool();
    let tenants = [stack.new_tenant().await, stack.new_tenant().await];
    for n in 0..80 {
        insert(
            &stack,
            tenants[n % 2],
            if n % 3 == 0 { "APPROVED" } else { "PENDING" },
            -1,
        )
        .await;
    }
    let expired = join_all((0..4).map(|_| async {
        let mut sweep = sweep_with(&stack, &Handlers::standard());
        let mut expired = 0;
        loop {
            let turn = sweep.turn().await;
            assert_eq!(turn.failures, 0);
            expired += turn.expired;
            if turn.expired == 0 {
                return expired;
            }
        }
    }))
    .await;
    // A sweep skips what another holds, so the last of them may have stopped a batch early.
    let rest = run_once(&stack.sweeper).await.expired;
    eprintln!("requests expired by each of four sweeps: {expired:?}, and after them {rest}");
    assert_eq!(expired.iter().sum::<u64>() + rest, 80);
    for sql in [
        "SELECT count(*) FROM approval_requests WHERE status = 'EXPIRED' AND version = 4",
        "SELECT count(*) FROM outbox WHERE event_type = 'approval.expired' AND aggregate_version = 4",
        "SELECT count(DISTINCT aggregate_id) FROM outbox",
        "SELECT count(*) FROM audit_events WHERE action = 'approval.expired'",
        "SELECT count(DISTINCT correlation_id) FROM audit_events",
    ] {
        assert_eq!(count(&pool, sql).await, 80, "{sql}");
    }
}

#[tokio::test]
async fn one_that_cannot_expire_keeps_nothing_of_it_and_nobody_else() {
    let stack = TestStack::with(&[("OUTBOX_BATCH", "1")]).await;
    let pool = stack.owner_pool();
    let tenant_id = stack.new_tenant().await;
    let broken = insert(&stack, tenant_id, "PENDING", -9).await;
    let sound = insert(&stack, stack.new_tenant().await, "PENDING", -1).await;
    let refuse = format!(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN IF NEW.aggregate_id = '{broken}' THEN RAISE 'refused'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    sqlx::raw_sql(AssertSqlSafe(refuse)).execute(&pool).await.unwrap();
    let mut sweep = sweep_with(&stack, &Handlers::standard());
    assert_eq!(sweep.turn().await.expired, 0);
    assert_eq!(
        sweep.turn().await.expired,
        1,
        "the batch of one is not taken up by what failed before"
    );
    assert_eq!(
        (status(&pool, broken).await, status(&pool, sound).await),
        ("PENDING".into(), "EXPIRED".into())
    );
    let traces = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM audit_events WHERE correlation_id = $1")
        .bind(broken.to_string())
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(traces, 0);

    run(&pool, "DROP TRIGGER refuse ON outbox").await;
    assert_eq!(
        run_once(&stack.sweeper).await.expired,
        1,
        "the next invocation tries again"
    );
}

#[tokio::test]
async fn what_somebody_is_deciding_on_is_left_to_them() {
    let stack = TestStack::start().await;
    let pool = stack.owner_pool();
    let id = insert(&stack, stack.new_tenant().await, "PENDING", -1).await;
    let mut deciding = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM approval_requests WHERE id = $1 FOR NO KEY UPDATE")
        .bind(id)
        .execute(&mut *deciding)
        .await
        .unwrap();
    assert_eq!(run_once(&stack.sweeper).await.expired, 0);
    deciding.rollback().await.unwrap();
    assert_eq!(run_once(&stack.sweeper).await.expired, 1);
}

#[tokio::test]
async fn those_who_wait_are_woken() {
    let stack = TestStack::start().await;
    let tenant_id = stack.new_tenant().await;
    let id = insert(&stack, tenant_id, "PENDING", -1).await;
    let mut subscription = stack
        .ctx
        .cache
        .subscribe(&format!("approval:{tenant_id}:{id}"))
        .await
        .unwrap();
    let (turn, woken) = tokio::join!(run_once(&stack.sweeper), async {
        tokio::select! {
            intact = subscription.wait(Duration::from_hours(1)) => intact,
            () = tokio::time::sleep(Duration::from_mins(1)) => false,
        }
    });
    assert_eq!(turn.expired, 1);
    assert!(woken, "no message came");
}
