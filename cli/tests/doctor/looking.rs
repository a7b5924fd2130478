//! What stands in the way of looking: locks, logins that fail, a server that froze. None of it hides anything else.

use shared::testing::{FaultProxy, ProxyMode, TestDatabase};
use sqlx::{Connection as _, PgConnection};

use crate::examined::{NOWHERE, complaints, environment, only, plant, with};

#[tokio::test]
async fn a_lock_that_somebody_holds_is_told_and_not_waited_for() {
    let database = TestDatabase::create().await;
    let environment = environment(&database);
    let mut holder = PgConnection::connect_with(&database.superuser().connect_options())
        .await
        .expect("connects");
    let mut tx = holder.begin().await.expect("begun");
    sqlx::query("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *tx)
        .await
        .expect("locked");
    let found = complaints(&environment, 1);
    // Newer servers lock a table to show its policies.
    assert!(
        found
            .iter()
            .all(|told| told.contains("canceling statement due to lock timeout")),
        "{found:#?}"
    );
    let of_outbox: Vec<_> = found
        .into_iter()
        .filter(|told| told.starts_with("failed outbox "))
        .collect();
    only(
        &of_outbox,
        "failed outbox Postgres did not answer",
        "`SELECT pg_terminate_backend(<pid>);`",
    );
    tx.rollback().await.expect("let go");
    assert_eq!(complaints(&environment, 0), [""; 0]);
}

#[tokio::test]
async fn a_login_that_fails_hides_only_what_no_other_can_see() {
    let database = TestDatabase::create().await;
    let environment = environment(&database);
    plant(&database, "ALTER TABLE users NO FORCE ROW LEVEL SECURITY").await;
    let of = |variables: &[&str]| {
        let nowhere = format!("postgres://countersign_app:hunter2@{NOWHERE}/countersign");
        let changes: Vec<_> = variables.iter().map(|variable| (*variable, nowhere.as_str())).collect();
        complaints(&with(environment.clone(), &changes), 1)
    };
    let beginnings = |found: &[String], wanted: &[&str]| {
        assert_eq!(found.len(), wanted.len(), "{found:#?}");
        for (told, beginning) in found.iter().zip(wanted) {
            assert!(told.starts_with(beginning), "{told} does not begin {beginning}");
        }
    };
    // The planted fault is found through whoever is left.
    beginnings(
        &of(&["ADMIN_DATABASE_URL"]),
        &["failed migrator ", "failed catalogue row_security: users. "],
    );
    beginnings(
        &of(&["DATABASE_URL"]),
        &["failed app ", "failed catalogue row_security: users. "],
    );
    // The sweep may neither read the migrations nor count what waits.
    beginnings(
        &of(&["ADMIN_DATABASE_URL", "DATABASE_URL"]),
        &[
            "failed migrator ",
            "failed app ",
            "warning migrations not looked at, because none of the logins migrator, app stands -> ",
            "warning catalogue not looked at, because it is not known which migrations there are -> ",
            "warning partitions not looked at, because it is not known which migrations there are -> ",
            "warning outbox not looked at, because none of the logins app, migrator stands -> mend the logins first",
        ],
    );
    beginnings(
        &of(&["ADMIN_DATABASE_URL", "DATABASE_URL", "SWEEPER_DATABASE_URL"]),
        &[
            "failed migrator ",
            "failed app ",
            "failed sweeper ",
            "warning postgres not looked at, because none of the logins migrator, app, sweeper stands -> ",
            "warning roles not looked at, ",
            "warning migrations not looked at, ",
            "warning catalogue not looked at, ",
            "warning partitions not looked at, ",
            "warning clocks not looked at, ",
            "warning outbox not looked at, ",
        ],
    );
}

/// A server, or something before it, that takes a question and never answers.
#[tokio::test]
async fn a_question_that_is_never_answered_ends_and_the_rest_is_asked_elsewhere() {
    let database = TestDatabase::create().await;
    let proxy = FaultProxy::before(&database.url("countersign_migrator"));
    proxy.set(ProxyMode::Answer(std::sync::Arc::new(|chunk: &[u8]| {
        // What the look at the server itself asks for.
        let asks = chunk
            .windows(b"full_page_writes".len())
            .any(|part| part == b"full_page_writes");
        asks.then(Vec::new)
    })));
    let through = proxy.url(&database.url("countersign_migrator"));
    let found = complaints(&with(environment(&database), &[("ADMIN_DATABASE_URL", &through)]), 1);
    only(
        &found,
        "failed postgres Postgres did not answer: ",
        "run `countersign doctor` again",
    );
}
