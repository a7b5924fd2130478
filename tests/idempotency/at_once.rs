//! Twins that come at once, and requests that are cut off.

use std::{cell::Cell, time::Duration};

use serde_json::json;
use shared::testing::{Answer, TestStack, poll_until};
use system_tests::product;

use crate::{
    PATIENCE,
    cases::{Before, Stage, cases, is_replay},
};

#[tokio::test]
async fn of_sixteen_at_once_one_does_it() {
    let mut in_flight = 0;
    for case in cases(Before::default()) {
        let stage = Stage::of(case.operation).await;
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
async fn what_was_dropped_midway_is_neither_done_nor_kept() {
    let stage = Stage::of("create_approval").await;
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
    let stage = Stage::of("create_user").await;
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
