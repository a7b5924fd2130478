//! `Idempotency-Key` over every route that takes one. The list of routes is the description's: one that answers 201 and
//! takes no key fails here, and so does one that nobody says below how to ask.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use std::{cell::Cell, time::Duration};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::testing::{Answer, TestClient, TestRequest, TestStack, TestTenant, poll_until};
use system_tests::{product, routes::routes};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);

/// How to ask one operation: two bodies that both succeed.
struct Case {
    operation: &'static str,
    path: String,
    status: u16,
    bodies: [Value; 2],
    /// What is shown only once, as JSON pointers.
    shown_once: &'static [&'static str],
    /// What counts the objects that were made, in the tenant.
    made: &'static str,
}

/// The operations, for a tenant that has no admin yet where that matters.
fn cases(fresh: Uuid) -> Vec<Case> {
    let case = |operation, path: &str, status, bodies, shown_once, made| Case {
        operation,
        path: path.to_owned(),
        status,
        bodies,
        shown_once,
        made,
    };
    vec![
        case(
            "create_tenant",
            "/api/v1/tenants",
            201,
            [json!({ "name": "Once" }), json!({ "name": "Twice" })],
            &[],
            "SELECT count(*) FROM tenants",
        ),
        case(
            "bootstrap_tenant",
            &format!("/api/v1/tenants/{fresh}/bootstrap"),
            201,
            [
                json!({ "email": "a@example.com", "name": "A" }),
                json!({ "email": "b@example.com", "name": "B" }),
            ],
            &["/key"],
            "SELECT count(*) FROM users",
        ),
        case(
            "create_user",
            "/api/v1/users",
            201,
            [
                json!({ "email": "c@example.com", "name": "C", "role": "approver" }),
                json!({ "email": "d@example.com", "name": "D", "role": "approver" }),
            ],
            &[],
            "SELECT count(*) FROM users",
        ),
        case(
            "create_api_key",
            "/api/v1/api-keys",
            201,
            [
                json!({ "role": "agent", "caller_id": "once" }),
                json!({ "role": "agent", "caller_id": "twice" }),
            ],
            &["/key"],
            "SELECT count(*) FROM api_keys",
        ),
        case(
            "create_approval",
            "/api/v1/approvals",
            201,
            [
                json!({ "tool_call": { "tool": "t", "arguments": { "n": 1.0 } }, "reason": "once" }),
                json!({ "tool_call": { "tool": "t", "arguments": { "n": 2 } }, "reason": "once" }),
            ],
            &["/token"],
            "SELECT count(*) FROM approval_requests",
        ),
        case(
            "record_events",
            "/api/v1/audit/events",
            202,
            [
                json!([{ "request_id": "r1", "caller_id": "c", "tool": "t", "arguments": {} }]),
                json!([{ "request_id": "r2", "caller_id": "c", "tool": "t", "arguments": {} }]),
            ],
            &[],
            "SELECT count(*) FROM audit_request_ids WHERE request_id IN ('r1', 'r2')",
        ),
    ]
}

/// The operations of the description that take a key, and those that must.
fn operations() -> (Vec<String>, Vec<String>) {
    let (mut takes, mut must) = (Vec::new(), vec!["record_events".to_owned()]);
    for route in routes() {
        if route.takes_idempotency_key() {
            takes.push(route.id.clone());
        }
        if route.answers.contains_key(&201) {
            must.push(route.id);
        }
    }
    (takes, must)
}

/// A stage of its own for a case, so that the counts are the case's.
struct Stage {
    stack: TestStack,
    client: TestClient,
    tenant: TestTenant,
    case: Case,
}

impl Stage {
    async fn of(index: usize) -> Self {
        let stack = TestStack::start().await;
        let tenant = stack.tenant().await;
        let client = stack.client(product(stack.ctx.clone()));
        let fresh = client
            .request("POST", "/api/v1/tenants")
            .bearer(stack.operator())
            .json(&json!({ "name": "Fresh" }))
            .send()
            .await
            .expect(201);
        let fresh = fresh["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        let case = cases(fresh).swap_remove(index);
        Self {
            stack,
            client,
            tenant,
            case,
        }
    }

    fn ask(&self, key: &str, body: usize) -> TestRequest {
        let request = self
            .client
            .request("POST", &self.case.path)
            .header("idempotency-key", key)
            .json(&self.case.bodies[body]);
        if self.case.path.starts_with("/api/v1/tenants") {
            request.bearer(self.stack.operator())
        } else {
            request.key(&self.tenant.admin)
        }
    }

    async fn made(&self) -> i64 {
        sqlx::query_scalar(self.case.made)
            .fetch_one(&self.stack.owner_pool())
            .await
            .expect("counted")
    }

    async fn run(&self, sql: &'static str) -> u64 {
        let done = sqlx::query(sql).execute(&self.stack.owner_pool()).await;
        done.expect("the statement runs").rows_affected()
    }
}

fn is_replay(answer: &Answer, first: &Answer, case: &Case) {
    assert_eq!(
        answer.header("idempotency-replayed"),
        Some("true"),
        "{}",
        case.operation
    );
    let mut expected = first.json();
    for pointer in case.shown_once {
        let secret = expected.pointer_mut(pointer).expect("what is shown once");
        assert!(secret.is_string(), "{}: {secret}", case.operation);
        *secret = Value::Null;
    }
    assert_eq!(answer.expect(case.status), expected, "{}", case.operation);
}

#[test]
fn every_route_that_makes_something_takes_a_key_and_is_tried_here() {
    let (takes, must) = operations();
    for operation in &must {
        assert!(
            takes.contains(operation),
            "{operation} answers 201 and takes no Idempotency-Key"
        );
    }
    let tried: Vec<&str> = cases(Uuid::nil()).iter().map(|case| case.operation).collect();
    for operation in &takes {
        assert!(tried.contains(&operation.as_str()), "{operation}: say how to ask it");
    }
    assert_eq!(takes.len(), tried.len());
}

#[tokio::test]
async fn the_same_again_is_answered_as_the_first_time_and_done_once() {
    for index in 0..cases(Uuid::nil()).len() {
        let stage = Stage::of(index).await;
        let before = stage.made().await;
        let first = stage.ask("key-1", 0).send().await;
        first.expect(stage.case.status);
        assert_eq!(first.header("idempotency-replayed"), None);
        let after = stage.made().await;
        assert!(after > before, "{}", stage.case.operation);
        for _ in 0..2 {
            is_replay(&stage.ask("key-1", 0).send().await, &first, &stage.case);
        }
        assert_eq!(stage.made().await, after, "{}", stage.case.operation);
        // Another process answers the same.
        let other = TestStack::on_same_servers(&stage.stack);
        let elsewhere = Stage {
            client: stage.stack.client(product(other.ctx.clone())),
            stack: other,
            tenant: stage.tenant.clone(),
            case: cases(Uuid::nil()).swap_remove(index),
        };
        let mut request = elsewhere.ask("key-1", 0);
        if stage.case.operation == "bootstrap_tenant" {
            request = elsewhere
                .client
                .request("POST", &stage.case.path)
                .header("idempotency-key", "key-1")
                .json(&stage.case.bodies[0])
                .bearer(stage.stack.operator());
        }
        is_replay(&request.send().await, &first, &stage.case);

        stage
            .ask("key-1", 1)
            .send()
            .await
            .expect_error(422, "IDEMPOTENCY_MISMATCH");
        assert_eq!(stage.made().await, after, "{}", stage.case.operation);
    }
}

#[tokio::test]
async fn what_is_kept_holds_neither_secret_nor_key_nor_body() {
    for index in 0..cases(Uuid::nil()).len() {
        let stage = Stage::of(index).await;
        let answer = stage.ask("a-telling-key", 0).send().await.expect(stage.case.status);
        let kept: String = sqlx::query_scalar("SELECT string_agg(row_to_json(k)::text, ' ') FROM idempotency_keys k")
            .fetch_one(&stage.stack.owner_pool())
            .await
            .expect("a record");
        assert!(!kept.contains("a-telling-key"), "{kept}");
        let body_hash: Vec<u8> = sqlx::query_scalar("SELECT body_hash FROM idempotency_keys")
            .fetch_one(&stage.stack.owner_pool())
            .await
            .expect("a record");
        assert_eq!(body_hash.len(), 32);
        let unsalted = Sha256::digest(stage.case.bodies[0].to_string());
        assert_ne!(body_hash, unsalted.as_slice(), "a short body could be guessed");
        for pointer in stage.case.shown_once {
            let secret = answer.pointer(pointer).and_then(Value::as_str).expect("a secret");
            assert!(!kept.contains(secret), "{}", stage.case.operation);
        }
    }
}

#[tokio::test]
async fn a_record_lasts_a_day() {
    for index in 0..cases(Uuid::nil()).len() {
        let stage = Stage::of(index).await;
        stage.ask("key-1", 0).send().await.expect(stage.case.status);
        let after = stage.made().await;
        let aged = stage
            .run(
                "UPDATE idempotency_keys SET created_at = created_at - interval '24 hours',
                                             expires_at = expires_at - interval '24 hours'",
            )
            .await;
        assert_eq!(aged, 1);
        let again = stage.ask("key-1", 0).send().await;
        assert_eq!(again.header("idempotency-replayed"), None, "{}", stage.case.operation);
        let did_it_again = match stage.case.operation {
            // Done by itself once: the second time it meets the first one's work.
            "bootstrap_tenant" | "create_user" | "create_api_key" => {
                again.expect_error(409, "CONFLICT");
                false
            }
            "record_events" => {
                assert_eq!(again.expect(202)["events"][0]["duplicate"], true);
                false
            }
            _ => {
                again.expect(stage.case.status);
                true
            }
        };
        assert_eq!(stage.made().await > after, did_it_again, "{}", stage.case.operation);
    }
}

#[tokio::test]
async fn of_sixteen_at_once_one_does_it() {
    let mut in_flight = 0;
    for index in 0..cases(Uuid::nil()).len() {
        let stage = Stage::of(index).await;
        let before = stage.made().await;
        let at_once = (0..16).map(|_| tokio::spawn(stage.ask("key-1", 0).send()));
        let answers: Vec<Answer> = futures_util::future::join_all(at_once)
            .await
            .into_iter()
            .map(|answer| answer.expect("no panic"))
            .collect();
        let is_first =
            |answer: &&Answer| answer.status == stage.case.status && answer.header("idempotency-replayed").is_none();
        let first: Vec<&Answer> = answers.iter().filter(is_first).collect();
        assert_eq!(first.len(), 1, "{}", stage.case.operation);
        for answer in answers.iter().filter(|answer| !is_first(answer)) {
            if answer.status == 409 {
                answer.expect_error(409, "IDEMPOTENCY_IN_FLIGHT");
                assert_eq!(answer.header("retry-after"), Some("1"));
                in_flight += 1;
            } else {
                is_replay(answer, first[0], &stage.case);
            }
        }
        let made = stage.made().await - before;
        assert!((1..=1).contains(&made), "{}: {made}", stage.case.operation);
    }
    println!("of 15 twins each, {in_flight} in all came while the first was in flight");
}

#[tokio::test]
async fn another_principal_another_object_and_a_failure_share_nothing() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let client = stack.client(product(stack.ctx.clone()));
    let body = json!({ "tool_call": { "tool": "t", "arguments": {} }, "reason": "x" });
    let ask = |key: &shared::testing::TestKey, path: &str, body: &Value| {
        client
            .request("POST", path)
            .key(key)
            .header("idempotency-key", "shared")
            .json(body)
            .send()
    };
    let mut ids = Vec::new();
    for key in [&ours.agent, &ours.admin, &theirs.agent] {
        let answer = ask(key, "/api/v1/approvals", &body).await;
        assert_eq!(answer.header("idempotency-replayed"), None);
        ids.push(answer.expect(201)["id"].to_string());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    // The same key on another route is another request.
    let event = json!({ "request_id": "r", "caller_id": "c", "tool": "t", "arguments": {} });
    ask(&ours.agent, "/api/v1/audit/events", &event).await.expect(202);

    // A failure is not kept: the same key with a mended body succeeds.
    let failing = client
        .request("POST", "/api/v1/users")
        .key(&ours.admin)
        .header("idempotency-key", "mended");
    failing
        .json(&json!({ "email": "x@example.com", "name": "X", "role": "agent" }))
        .send()
        .await
        .expect_error(400, "VALIDATION_ERROR");
    client
        .request("POST", "/api/v1/users")
        .key(&ours.admin)
        .header("idempotency-key", "mended")
        .json(&json!({ "email": "x@example.com", "name": "X", "role": "approver" }))
        .send()
        .await
        .expect(201);

    // The same agent under a new key is the same principal.
    let renewed = client
        .post(
            &ours.admin,
            &format!("/api/v1/api-keys/{}/rotate", ours.agent.id),
            json!({ "overlap_seconds": 0 }),
        )
        .await
        .expect(200);
    let mut agent = ours.agent.clone();
    renewed["key"].as_str().expect("a key").clone_into(&mut agent.text);
    let replay = ask(&agent, "/api/v1/approvals", &body).await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
}

#[tokio::test]
async fn a_body_is_the_same_however_it_is_written_and_a_wrong_one_is_told_first() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let ask = |body: &str, key: &str| {
        client
            .request("POST", "/api/v1/approvals")
            .key(&tenant.agent)
            .header("idempotency-key", key)
            .body("application/json", body.to_owned())
            .send()
    };
    let first = ask(
        r#"{"tool_call":{"tool":"t","arguments":{"a":1,"b":[1.50]}},"reason":"x"}"#,
        "k",
    )
    .await;
    first.expect(201);
    let again = ask(
        r#"{ "reason": "\u0078", "tool_call": { "arguments": { "b": [ 15e-1 ], "a": 1.0 }, "tool": "t" } }"#,
        "k",
    )
    .await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.text());
    // The order of checks: a body that is wrong is 400, whatever the key was used for.
    ask(r#"{"tool_call":{"tool":"","arguments":{}},"reason":"x"}"#, "k")
        .await
        .expect_error(400, "VALIDATION_ERROR");
    ask("{", "k").await.expect_error(400, "VALIDATION_ERROR");
    for wrong in ["", "a b", &"x".repeat(256)] {
        let details = ask("{}", wrong).await.expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["header"], "Idempotency-Key");
    }
}

#[tokio::test]
async fn what_was_dropped_midway_is_neither_done_nor_kept() {
    let stage = Stage::of(4).await;
    let before = stage.made().await;
    let dropped = Cell::new(0);
    // Longer and longer, until it is through: so it was cut at one point after the other.
    poll_until(Duration::from_mins(1), "it is through", async || {
        let patience = dropped.get() * Duration::from_micros(200);
        let attempt = tokio::time::timeout(patience, stage.ask("key-1", 0).send()).await;
        if let Ok(answer) = &attempt {
            // What was dropped may still be rolling back.
            if answer.status != 409 {
                answer.expect(201);
                return Ok(());
            }
            answer.expect_error(409, "IDEMPOTENCY_IN_FLIGHT");
        }
        dropped.set(dropped.get() + 1);
        Err(attempt.map(|answer| answer.text()))
    })
    .await;
    println!("dropped {} times before it was through", dropped.get());
    assert_eq!(stage.made().await, before + 1);
    let records: i64 = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys")
        .fetch_one(&stage.stack.owner_pool())
        .await
        .expect("counted");
    assert_eq!(records, 1);
}

#[tokio::test]
async fn a_refusal_is_over_when_it_is_answered() {
    let stack = TestStack::start().await;
    let other = TestStack::on_same_servers(&stack);
    let tenant = stack.tenant().await;
    let clients = [&stack, &other].map(|stack| stack.client(product(stack.ctx.clone())));
    let taken = json!({ "email": "taken@example.com", "name": "T", "role": "approver" });
    clients[0]
        .post(&tenant.admin, "/api/v1/users", taken.clone())
        .await
        .expect(201);
    for round in 0..200 {
        clients[round % 2]
            .request("POST", "/api/v1/users")
            .key(&tenant.admin)
            .header("idempotency-key", "again")
            .json(&taken)
            .send()
            .await
            .expect_error(409, "CONFLICT");
    }
}

#[tokio::test]
async fn a_twin_that_comes_while_the_first_is_in_flight_is_told_so() {
    let stage = Stage::of(2).await;
    // Whoever inserts a user waits here.
    let mut held = stage.stack.owner_pool().begin().await.expect("begun");
    sqlx::query("LOCK TABLE users IN SHARE MODE")
        .execute(&mut *held)
        .await
        .expect("locked");
    let first = tokio::spawn(stage.ask("key-1", 0).send());
    let blocked = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND NOT granted";
    poll_until(PATIENCE, "the first waits for the table", async || {
        let waiting: i64 = sqlx::query_scalar(blocked)
            .fetch_one(&stage.stack.owner_pool())
            .await
            .expect("counted");
        if waiting == 1 { Ok(()) } else { Err(waiting) }
    })
    .await;

    let twin = stage.ask("key-1", 0).send().await;
    twin.expect_error(409, "IDEMPOTENCY_IN_FLIGHT");
    assert_eq!(twin.header("retry-after"), Some("1"));
    let with_another_body = stage.ask("key-1", 1).send().await;
    with_another_body.expect_error(409, "IDEMPOTENCY_IN_FLIGHT");

    held.rollback().await.expect("released");
    let first = first.await.expect("no panic");
    first.expect(201);
    is_replay(&stage.ask("key-1", 0).send().await, &first, &stage.case);
}

#[tokio::test]
async fn what_was_in_time_when_it_was_first_sent_is_replayed_when_it_no_longer_is() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = stack.client(product(stack.ctx.clone()));
    let soon = chrono::SubsecRound::trunc_subsecs(stack.clock.now() + chrono::Duration::seconds(2), 3);
    let body = json!({ "role": "agent", "caller_id": "brief", "expires_at": soon.to_rfc3339_opts(chrono::SecondsFormat::Millis, true) });
    let ask = |key: &str| {
        client
            .request("POST", "/api/v1/api-keys")
            .key(&tenant.admin)
            .header("idempotency-key", key)
            .json(&body)
            .send()
    };
    let first = ask("brief").await.expect(201);
    poll_until(PATIENCE, "the key has expired", async || {
        let past: bool = sqlx::query_scalar("SELECT clock_timestamp() > $1")
            .bind(soon)
            .fetch_one(&stack.owner_pool())
            .await
            .expect("asked");
        if past { Ok(()) } else { Err("not yet") }
    })
    .await;
    let replay = ask("brief").await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"), "{}", replay.text());
    assert_eq!(replay.json()["id"], first["id"]);
    ask("another").await.expect_error(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_object_that_is_spelt_otherwise_is_the_same() {
    let stage = Stage::of(1).await;
    let first = stage.ask("key-1", 0).send().await;
    first.expect(201);
    let (start, id) = stage.case.path.split_at("/api/v1/tenants/".len());
    let (id, end) = id.split_at(36);
    for spelt in [id.to_uppercase(), id.replacen('0', "%30", 1)] {
        let again = stage
            .client
            .request("POST", &format!("{start}{spelt}{end}"))
            .header("idempotency-key", "key-1")
            .bearer(stage.stack.operator())
            .json(&stage.case.bodies[0])
            .send()
            .await;
        is_replay(&again, &first, &stage.case);
    }
}
