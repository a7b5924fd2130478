//! A server that vanishes without a word, at every point of a request, before a pool of one.

use std::time::Duration;

use shared::testing::{ProxyMode, poll_until};
use tokio::time::timeout;

use super::*;

#[tokio::test]
async fn a_statement_that_is_never_answered_ends_and_leaves_the_pool_usable() {
    let (proxied, tenant) = pool_of_one().await;
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    rename(&mut tx, "before").await.expect("renamed");
    proxied.postgres.set(ProxyMode::BlackHole);
    assert_eq!(status(rename(&mut tx, "lost").await.expect_err("no answer")), 503);
    drop(tx);
    proxied.postgres.set(ProxyMode::Pass);
    write(&proxied, &tenant, "after").await.expect("a fresh connection");
    assert_eq!(named(&proxied, &tenant, "after").await, 4);
}

#[tokio::test]
async fn a_commit_that_is_never_answered_is_unknown_and_never_acknowledged() {
    let (proxied, tenant) = pool_of_one().await;
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    rename(&mut tx, "lost").await.expect("renamed");
    proxied.postgres.set(ProxyMode::BlackHole);
    assert_eq!(status(bounded(tx.commit()).await.expect_err("no answer")), 503);
    proxied.postgres.set(ProxyMode::Pass);
    // The server rolls back what it was never told to commit, once it ends the idle transaction; until then the rows are
    // locked, and the statement timeout bounds the wait for them too.
    poll_until(PATIENCE, "the rows are unlocked", async || {
        let written = write(&proxied, &tenant, "after").await;
        written.map_err(|error| assert_eq!(status(error), 503))
    })
    .await;
    assert_eq!(named(&proxied, &tenant, "lost").await, 0);
}

#[tokio::test]
async fn a_begin_that_is_never_answered_ends_and_is_not_repeated() {
    let (proxied, tenant) = pool_of_one().await;
    begin(&proxied, &tenant)
        .await
        .expect("begun")
        .commit()
        .await
        .expect("committed");
    proxied.stack.ctx.db.settle().await;
    proxied.postgres.set(ProxyMode::BlackHole);
    assert_eq!(status(begin(&proxied, &tenant).await.err().expect("no answer")), 503);
    assert_eq!(
        proxied.postgres.traffic().accepted,
        1,
        "no second attempt into the same silence"
    );
    proxied.postgres.set(ProxyMode::Pass);
    write(&proxied, &tenant, "after").await.expect("a fresh connection");
}

#[tokio::test]
async fn a_read_that_is_never_answered_ends_and_leaves_the_pool_usable() {
    let (proxied, _) = pool_of_one().await;
    let db = &proxied.stack.ctx.db;
    db.ping().await.expect("answers");
    db.settle().await;
    proxied.postgres.set(ProxyMode::BlackHole);
    let mut attempts = 0;
    let read = db.retry_read(|connections| {
        attempts += 1;
        async move { sqlx::query("SELECT 1").execute(&connections).await }
    });
    assert_eq!(status(bounded(read).await.expect_err("no answer")), 503);
    assert_eq!(attempts, 1, "the server may still be at it");
    proxied.postgres.set(ProxyMode::Pass);
    bounded(db.ping()).await.expect("a fresh connection");
}

#[tokio::test]
async fn a_read_is_bounded_as_a_whole() {
    let (proxied, _) = pool_of_one().await;
    let read = proxied
        .stack
        .ctx
        .db
        .retry_read(|_| std::future::pending::<Result<(), _>>());
    assert_eq!(status(bounded(read).await.expect_err("overdue")), 503);
}

#[tokio::test]
async fn the_bare_connections_are_bounded_too() {
    let (proxied, _) = pool_of_one().await;
    let connections = proxied.stack.ctx.db.without_tenant();
    sqlx::query("SELECT 1").execute(connections).await.expect("answers");
    proxied.stack.ctx.db.settle().await;
    proxied.postgres.set(ProxyMode::BlackHole);
    let all = bounded(sqlx::query("SELECT 1").fetch_all(connections)).await;
    assert_eq!(status(all.expect_err("no answer")), 503);
    let one = bounded(sqlx::query("SELECT 1").fetch_optional(connections)).await;
    assert_eq!(status(one.expect_err("no answer")), 503);
    proxied.postgres.set(ProxyMode::Pass);
    bounded(sqlx::query("SELECT 1").execute(connections))
        .await
        .expect("a fresh connection");
}

#[tokio::test]
async fn what_is_given_up_here_is_given_up_at_the_server() {
    let (proxied, _) = pool_of_one().await;
    let connections = proxied.stack.ctx.db.without_tenant();
    for _ in 0..3 {
        let given_up = bounded(sqlx::query("SELECT pg_sleep(600)").execute(connections)).await;
        assert_eq!(status(given_up.expect_err("too slow")), 503);
    }
    poll_until(Duration::from_mins(1), "the server notices", async || {
        let still: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep(600)%'",
        )
        .fetch_one(&proxied.stack.owner_pool())
        .await
        .expect("the catalogue answers");
        if still == 0 { Ok(()) } else { Err(still) }
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_gives_up_on_a_silent_server_does_not_take_the_pool_along() {
    let (proxied, tenant) = pool_of_one().await;
    for in_transaction in [true, false] {
        proxied.postgres.set(ProxyMode::Pass);
        write(&proxied, &tenant, "before").await.expect("a connection");
        let mut tx = Some(begin(&proxied, &tenant).await.expect("begun"));
        if !in_transaction {
            tx = None;
            proxied.stack.ctx.db.settle().await;
        }
        proxied.postgres.set(ProxyMode::BlackHole);
        let given_up = match &mut tx {
            Some(tx) => timeout(Duration::from_millis(50), rename(tx, "lost")).await.is_err(),
            None => timeout(Duration::from_millis(50), proxied.stack.ctx.db.ping())
                .await
                .is_err(),
        };
        assert!(given_up);
        drop(tx);
        proxied.postgres.set(ProxyMode::Pass);
        // One attempt, so within `DATABASE_ACQUIRE_TIMEOUT_MS`.
        begin(&proxied, &tenant).await.expect("a fresh connection");
    }
}

#[tokio::test]
async fn a_connection_that_was_lost_while_it_idled_is_noticed_and_replaced() {
    let settings = [&POOL_OF_ONE[..], &[("DATABASE_IDLE_CHECK_SECONDS", "0")]].concat();
    let proxied = ProxiedStack::with(&settings).await;
    let tenant = proxied.stack.tenant().await;
    for lost in 1..=2 {
        write(&proxied, &tenant, "before").await.expect("written");
        proxied.stack.ctx.db.settle().await;
        proxied.postgres.lose();
        write(&proxied, &tenant, "after")
            .await
            .expect("the same request is served");
        assert_eq!(proxied.postgres.traffic().accepted, 1 + lost);
    }
    assert_eq!(named(&proxied, &tenant, "after").await, 4);
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up_and_comes_back() {
    let (proxied, tenant) = pool_of_one().await;
    proxied.postgres.set(ProxyMode::BlackHole);
    assert_eq!(status(begin(&proxied, &tenant).await.err().expect("no answer")), 503);
    let ping = bounded(proxied.stack.ctx.db.ping()).await;
    assert_eq!(status(ping.expect_err("no answer")), 503);
    proxied.postgres.set(ProxyMode::Pass);
    write(&proxied, &tenant, "after").await.expect("a fresh connection");
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let (proxied, tenant) = pool_of_one().await;
    write(&proxied, &tenant, "before").await.expect("written");
    proxied.postgres.set(ProxyMode::Delay(Duration::from_millis(100)));
    write(&proxied, &tenant, "after").await.expect("written slowly");
    assert_eq!(proxied.postgres.traffic().accepted, 1, "on the same connection");
    assert_eq!(named(&proxied, &tenant, "after").await, 4);
}
