//! `record` when Postgres does not take the event: the spill line, and its replay.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, reason = "what a test cannot set up, it fails on")]
#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use serde_json::{Map, Value, json};
use shared::{
    config::TelemetryConfig,
    data::{TenantScope, TenantTx},
    journal::{
        audit_log::{AppendError, NewAuditEvent, ReplayError, SpilledEvent, record, replay},
        disclosure::{digest, disclosure, open},
        entry::leaf_hash,
    },
    telemetry,
    testing::{TestLog, TestStack},
};
use sqlx::{PgPool, Row as _};
use tracing::subscriber::DefaultGuard;
use uuid::Uuid;

/// The lines' numbers are the process's, so the tests of them take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What the product logs on this thread: JSON lines that went through its mask.
struct Log(TestLog);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = TestLog::default();
        let config = TelemetryConfig {
            log_level: "info".to_owned(),
        };
        let subscriber = telemetry::subscriber(&config, log.clone());
        (Self(log), tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        self.0.text()
    }

    /// The fields of every spill line so far.
    fn spilled(&self) -> Vec<Map<String, Value>> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str::<Map<String, Value>>(line).unwrap())
            .filter(|line| line["target"] == "audit.spill")
            .collect()
    }
}

fn event(stack: &TestStack) -> NewAuditEvent {
    let arguments = json!({"pin": 4711, "note": "hello"}).as_object().unwrap().clone();
    NewAuditEvent::of_product(&stack.ctx, "user:ada", "tool.called", Uuid::from_u128(7)).arguments(arguments)
}

fn spilled_event(line: &Map<String, Value>) -> SpilledEvent {
    serde_json::from_str(line["event"].as_str().unwrap()).unwrap()
}

async fn begin(stack: &TestStack, tenant_id: Uuid) -> TenantTx {
    stack
        .ctx
        .db
        .begin(TenantScope {
            tenant_id,
            user_id: None,
        })
        .await
        .unwrap()
}

/// Does the work while the database refuses every audit event.
async fn spilling(owner: &PgPool, work: impl Future<Output = ()>) {
    sqlx::query("REVOKE INSERT ON audit_events FROM countersign_app")
        .execute(owner)
        .await
        .unwrap();
    work.await;
    sqlx::query("GRANT INSERT ON audit_events TO countersign_app")
        .execute(owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn events_that_the_database_refuses_are_spilled_with_rising_numbers_and_can_be_replayed() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let (log, guard) = Log::start();
    let submitted = [event(&stack), event(&stack)];
    spilling(&pool, async {
        for event in submitted.clone() {
            record(&stack.ctx, tenant, event).await;
        }
    })
    .await;
    drop(guard);

    let lines = log.spilled();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["writer"], lines[1]["writer"]);
    assert_eq!(
        lines[0]["sequence"].as_u64().map(|number| number + 1),
        lines[1]["sequence"].as_u64()
    );
    assert_eq!(lines[0]["tenant_id"], tenant.to_string());

    for (line, submitted) in lines.iter().zip(&submitted) {
        let spilled = spilled_event(line);
        assert_eq!(spilled.tenant_id(), tenant);
        let mut tx = begin(&stack, tenant).await;
        let receipt = replay(&mut tx, &spilled).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(line["event_id"], receipt.event_id.to_string());
        assert_eq!(receipt.request_id, submitted.request_id);
        assert!(!receipt.duplicate);

        let mut tx = begin(&stack, tenant).await;
        let again = replay(&mut tx, &spilled).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(
            (again.event_id, again.received_at),
            (receipt.event_id, receipt.received_at)
        );
        drop(tx);

        let row = sqlx::query("SELECT * FROM audit_events WHERE tenant_id = $1 AND event_id = $2")
            .bind(tenant)
            .bind(receipt.event_id)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(leaf_hash(&row.get::<String, _>("entry")), receipt.leaf_hash);
        assert_eq!(row.get::<Option<Vec<u8>>, _>("args_salt"), None);
        assert_eq!(row.get::<Vec<String>, _>("disclosures").len(), 2);
        assert_eq!(row.get::<Vec<String>, _>("redaction_flags"), ["key:pin"]);
    }
}

/// Events in which the mask of logs would find a credential: across two fields, and in names that the log keeps as they are.
#[tokio::test]
async fn what_the_mask_would_take_for_a_credential_comes_back_as_it_was_hashed() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let arguments = json!({"args": "mysql \"-", "more": ["-pq\\\"", "Bearer", "://a:b"], "z": "c@d"});
    let across = event(&stack)
        .tool("run -prod")
        .arguments(arguments.as_object().unwrap().clone());
    let across = NewAuditEvent {
        action: Some("mysql dump nightly".to_owned()),
        ..across
    };
    let key = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let named = event(&stack).tool(key).caller_id("mysql -phunter2");
    let submitted = [across, named];

    let (log, guard) = Log::start();
    spilling(&pool, async {
        for event in submitted.clone() {
            record(&stack.ctx, tenant, event).await;
        }
    })
    .await;
    drop(guard);
    let lines = log.spilled();
    assert_eq!(lines.len(), submitted.len());
    for (line, submitted) in lines.iter().zip(&submitted) {
        let spilled = spilled_event(line);
        let mut tx = begin(&stack, tenant).await;
        let receipt = replay(&mut tx, &spilled).await.unwrap();
        tx.commit().await.unwrap();

        let row = sqlx::query(
            "SELECT entry::text, tool, action, caller_id, disclosures FROM audit_events WHERE tenant_id = $1 AND event_id = $2",
        )
        .bind(tenant)
        .bind(receipt.event_id)
        .fetch_one(&pool)
        .await
        .unwrap();
        let entry: String = row.get("entry");
        assert_eq!(leaf_hash(&entry), receipt.leaf_hash);
        assert_eq!(row.get::<String, _>("tool"), submitted.tool);
        assert_eq!(row.get::<Option<String>, _>("action"), submitted.action);
        assert_eq!(row.get::<Option<String>, _>("caller_id"), submitted.caller_id);
        let entry: Value = serde_json::from_str(&entry).unwrap();
        assert_eq!(entry["tool"], submitted.tool);
        for disclosure in row.get::<Vec<String>, _>("disclosures") {
            assert!(entry["_sd"].as_array().unwrap().contains(&json!(digest(&disclosure))));
        }
    }
}

/// Each change that somebody, or something on the way, might make to the event in a line.
#[tokio::test]
async fn an_event_that_is_not_the_one_that_was_hashed_is_refused() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let (log, guard) = Log::start();
    let submitted = event(&stack)
        .decision("ALLOW")
        .outcome("OK")
        .environment("dev")
        .trust_level(2)
        .risk_labels(vec!["money".to_owned()]);
    let submitted = NewAuditEvent {
        latency_ms: Some(12),
        ..submitted
    };
    spilling(&pool, record(&stack.ctx, tenant, submitted)).await;
    drop(guard);
    let whole: Value = serde_json::from_str(log.spilled()[0]["event"].as_str().unwrap()).unwrap();
    let event = whole["event"].as_object().unwrap();

    let mut changes: Vec<(String, Value)> = Vec::new();
    let mut change = |name: &str, to: Value| {
        let mut other = whole.clone();
        other["event"][name] = to;
        changes.push((format!("{name} to {}", other["event"][name]), other));
    };
    for (name, value) in event {
        match value {
            // Its salt was never logged, so nobody can tell.
            _ if name == "content_hash" => {}
            Value::String(text) if name == "event_id" => change(name, json!(text.replacen('0', "1", 1))),
            Value::String(text) if name == "occurred_at" => change(name, json!(text.replacen("20", "21", 1))),
            Value::String(text) if name == "leaf_hash" => {
                change(name, json!(text.chars().rev().collect::<String>()));
            }
            Value::String(text) => change(name, json!(text.replacen(|c: char| c.is_alphanumeric(), "*", 1))),
            Value::Number(number) => change(name, json!(number.as_i64().unwrap() + 1)),
            Value::Array(items) => {
                change(name, json!([]));
                let mut more = items.clone();
                more.push(json!("x"));
                change(name, Value::Array(more));
            }
            _ => panic!("{name} is {value}"),
        }
    }
    let disclosures: Vec<&str> = event["disclosures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d.as_str().unwrap())
        .collect();
    let (name, _) = open(disclosures[1]).unwrap();
    change(
        "disclosures",
        json!([disclosures[0], disclosure(&[0; 16], &name, &json!("another"))]),
    );
    change("caller_id", Value::Null);
    change("caller_id", json!("another"));
    change("sanitized_args", json!("{}"));
    let mut elsewhere = whole.clone();
    elsewhere["tenant_id"] = json!(stack.new_tenant().await);
    changes.push(("the tenant".to_owned(), elsewhere));

    println!("{} changes of an event", changes.len());
    assert!(changes.len() > event.len());
    for (what, other) in changes {
        let spilled: SpilledEvent = serde_json::from_value(other).unwrap();
        let mut tx = begin(&stack, spilled.tenant_id()).await;
        let outcome = replay(&mut tx, &spilled).await;
        assert!(
            matches!(outcome, Err(ReplayError::Altered { .. })),
            "{what}: {outcome:?}"
        );
        tx.commit().await.unwrap();
    }
    let count = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM audit_request_ids");
    assert_eq!(count().fetch_one(&pool).await.unwrap(), 0);

    let mut tx = begin(&stack, tenant).await;
    replay(&mut tx, &serde_json::from_value(whole).unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count().fetch_one(&pool).await.unwrap(), 1);
}

#[tokio::test]
async fn a_spill_line_holds_no_raw_argument() {
    let _turn = TURN.lock().await;
    let stack = TestStack::with(&[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")]).await;
    let (log, _guard) = Log::start();
    record(&stack.ctx, Uuid::from_u128(1), event(&stack)).await;
    assert_eq!(log.spilled().len(), 1);
    assert!(log.text().contains("hello"));
    assert!(!log.text().contains("4711"));
}

#[tokio::test]
async fn a_database_that_hangs_holds_nobody_up() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let mut lock = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE audit_request_ids IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let (log, guard) = Log::start();
    // Returns although the lock is still held.
    record(&stack.ctx, tenant, event(&stack)).await;
    drop(guard);
    let lines = log.spilled();
    assert_eq!(lines[0]["reason"], "the deadline passed");
    lock.rollback().await.unwrap();

    let mut tx = begin(&stack, tenant).await;
    replay(&mut tx, &spilled_event(&lines[0])).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_event_stored_after_all_is_not_stored_twice_by_its_replay() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let (pool, tenant) = (stack.owner_pool(), stack.new_tenant().await);
    let submitted = event(&stack);
    let (log, guard) = Log::start();
    spilling(&pool, record(&stack.ctx, tenant, submitted.clone())).await;
    drop(guard);
    // The recorder tries again by itself, so the log has the request id under another event id.
    record(&stack.ctx, tenant, submitted).await;

    let mut tx = begin(&stack, tenant).await;
    let outcome = replay(&mut tx, &spilled_event(&log.spilled()[0])).await;
    assert!(
        matches!(outcome, Err(ReplayError::Append(AppendError::Conflict { .. }))),
        "{outcome:?}"
    );
    drop(tx);
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_events")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn an_event_that_no_log_can_take_is_reported_without_its_arguments() {
    let _turn = TURN.lock().await;
    let stack = TestStack::start().await;
    let tenant = stack.new_tenant().await;
    let (log, _guard) = Log::start();
    let submitted = event(&stack).outcome("x".repeat(70_000));
    record(&stack.ctx, tenant, submitted.clone()).await;
    let lines = log.spilled();
    assert_eq!(lines[0]["request_id"], submitted.request_id);
    assert!(!log.text().contains("4711"));
}
