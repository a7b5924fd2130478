//! `Idempotency-Key` over every route that takes one. The list of routes is the description's: one that answers 201 and
//! takes no key fails here, and so does one that nobody says below how to ask.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod at_once;
mod cases;
mod sameness;

use std::time::Duration;

use serde_json::Value;

use cases::{Before, Stage, cases, is_replay, operations};

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn every_route_that_makes_something_takes_a_key_and_is_tried_here() {
    let (takes, must) = operations();
    for operation in &must {
        assert!(
            takes.contains(operation),
            "{operation} answers 201 and takes no Idempotency-Key"
        );
    }
    let tried: Vec<&str> = cases(Before::default()).iter().map(|case| case.operation).collect();
    for operation in &takes {
        assert!(tried.contains(&operation.as_str()), "{operation}: say how to ask it");
    }
    assert_eq!(takes.len(), tried.len());
}

#[tokio::test]
async fn the_same_again_is_answered_as_the_first_time_and_done_once() {
    for case in cases(Before::default()) {
        let stage = Stage::of(case.operation).await;
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
        let again = stage.elsewhere().ask("key-1", 0).send().await;
        is_replay(&again, &first, &stage.case);

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
    let mut compared = 0;
    for case in cases(Before::default()) {
        let stage = Stage::of(case.operation).await;
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
        // Where the same may be made twice, its hash is another under another key.
        if stage.ask("another-key", 0).send().await.status == stage.case.status {
            let hashes: Vec<Vec<u8>> = sqlx::query_scalar("SELECT DISTINCT body_hash FROM idempotency_keys")
                .fetch_all(&stage.stack.owner_pool())
                .await
                .expect("two records");
            assert_eq!(
                hashes.len(),
                2,
                "{}: a short body could be guessed",
                stage.case.operation
            );
            compared += 1;
        }
        for pointer in stage.case.shown_once {
            let secret = answer.pointer(pointer).and_then(Value::as_str).expect("a secret");
            assert!(!kept.contains(secret), "{}", stage.case.operation);
        }
    }
    assert!(compared >= 3, "{compared}: most of what is made can be made twice");
}

#[tokio::test]
async fn a_record_lasts_a_day() {
    for case in cases(Before::default()) {
        let stage = Stage::of(case.operation).await;
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
            "redeem_approval" => {
                again.expect_error(409, "ALREADY_CONSUMED");
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
