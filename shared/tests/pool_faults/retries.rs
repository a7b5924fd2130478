//! Connections that break: once more where nothing was written, never after a write.

use shared::testing::ProxyMode;

use super::*;

/// Ends every connection of the application to the test's database, as an administrator would.
async fn terminate(proxied: &ProxiedStack) {
    let ended: Vec<bool> = sqlx::query_scalar(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'countersign_app'",
    )
    .fetch_all(&proxied.stack.owner_pool())
    .await
    .expect("the superuser may");
    assert_eq!(ended, [true]);
}

#[tokio::test]
async fn a_connection_that_broke_is_replaced_within_the_request() {
    let (proxied, tenant) = pool_of_one().await;
    for broken in 1..=4 {
        write(&proxied, &tenant, "before").await.expect("written");
        proxied.stack.ctx.db.settle().await;
        if broken % 2 == 0 {
            proxied.postgres.cut();
        } else {
            terminate(&proxied).await;
        }
        if broken > 2 {
            bounded(proxied.stack.ctx.db.ping())
                .await
                .expect("once more, on a fresh connection");
        } else {
            write(&proxied, &tenant, "after")
                .await
                .expect("once more, on a fresh connection");
        }
        assert_eq!(proxied.postgres.traffic().accepted, 1 + broken);
    }
    let mut tx = proxied.stack.ctx.db.begin_without_tenant().await.expect("begun");
    sqlx::query("SELECT 1").execute(&mut *tx).await.expect("answers");
    tx.commit().await.expect("committed");
    proxied.stack.ctx.db.settle().await;
    proxied.postgres.cut();
    let tx = bounded(proxied.stack.ctx.db.begin_without_tenant())
        .await
        .expect("once more");
    bounded(tx.commit()).await.expect("committed");
}

#[tokio::test]
async fn what_breaks_twice_is_not_tried_a_third_time() {
    let (proxied, _) = pool_of_one().await;
    let mut attempts = 0;
    let read = proxied.stack.ctx.db.retry_read(|connections| {
        attempts += 1;
        let cut = || proxied.postgres.cut();
        async move {
            let mut connection = connections.acquire().await?;
            cut();
            sqlx::query("SELECT 1").execute(&mut connection).await
        }
    });
    assert_eq!(status(bounded(read).await.expect_err("broken twice")), 503);
    assert_eq!(attempts, 2);
}

#[tokio::test]
async fn nothing_is_repeated_after_a_write() {
    let (proxied, tenant) = pool_of_one().await;
    for by_cut in [true, false] {
        let mut tx = begin(&proxied, &tenant).await.expect("begun");
        rename(&mut tx, "first").await.expect("renamed");
        if by_cut {
            proxied.postgres.cut();
        } else {
            terminate(&proxied).await;
        }
        let accepted = proxied.postgres.traffic().accepted;
        assert_eq!(status(rename(&mut tx, "second").await.expect_err("broken")), 503);
        let error = bounded(tx.commit()).await.expect_err("nothing to commit");
        assert!(!sqlstate(&error).starts_with('0'), "{error}");
        assert_eq!(
            proxied.postgres.traffic().accepted,
            accepted,
            "no attempt on another connection"
        );

        let mut tx = begin(&proxied, &tenant).await.expect("begun");
        rename(&mut tx, "third").await.expect("renamed");
        if by_cut {
            proxied.postgres.cut();
        } else {
            terminate(&proxied).await;
        }
        assert_eq!(status(bounded(tx.commit()).await.expect_err("unknown")), 503);
        for name in ["first", "second", "third"] {
            assert_eq!(named(&proxied, &tenant, name).await, 0, "{name}");
        }
    }
}

#[tokio::test]
async fn a_server_that_was_stopped_is_503_and_needs_no_restart_of_ours() {
    let (proxied, tenant) = pool_of_one().await;
    for _ in 0..2 {
        write(&proxied, &tenant, "before").await.expect("written");
        proxied.postgres.stop();
        assert_eq!(status(begin(&proxied, &tenant).await.err().expect("refused")), 503);
        proxied.postgres.set(ProxyMode::Pass);
        write(&proxied, &tenant, "after").await.expect("a fresh connection");
        assert_eq!(named(&proxied, &tenant, "after").await, 4);
    }
}

#[tokio::test]
async fn a_server_that_starts_within_the_wait_for_a_connection_is_not_even_noticed() {
    let (proxied, tenant) = pool_of_one().await;
    proxied.postgres.set(ProxyMode::Refuse);
    let (written, ()) = tokio::join!(write(&proxied, &tenant, "after"), async {
        // The first attempt is refused before this runs.
        tokio::task::yield_now().await;
        proxied.postgres.set(ProxyMode::Pass);
    });
    written.expect("written");
}

#[tokio::test]
async fn after_a_failed_statement_a_commit_is_refused_instead_of_lying() {
    let (proxied, tenant) = pool_of_one().await;
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    rename(&mut tx, "lost").await.expect("renamed");
    let failed = sqlx::query("SELECT 1 / 0").execute(&mut *tx).await.expect_err("fails");
    assert_eq!(sqlstate(&failed), "22012");
    // Postgres answers such a COMMIT well, and rolls back.
    assert_eq!(status(tx.commit().await.expect_err("nothing would be written")), 500);
    assert_eq!(named(&proxied, &tenant, "lost").await, 0);

    // Within a savepoint that is undone it is another matter.
    let mut tx = proxied.stack.ctx.db.begin_without_tenant().await.expect("begun");
    let mut part = tx.savepoint().await.expect("begun");
    sqlx::query("SELECT 1 / 0")
        .execute(&mut *part)
        .await
        .expect_err("fails");
    assert_eq!(status(part.commit().await.expect_err("it failed")), 500);
    let mut part = tx.savepoint().await.expect("begun");
    sqlx::query("SELECT 1 / 0")
        .execute(&mut *part)
        .await
        .expect_err("fails");
    part.rollback().await.expect("undone");
    let mut part = tx.savepoint().await.expect("begun");
    sqlx::query("SELECT 1").execute(&mut *part).await.expect("answers");
    part.commit().await.expect("kept");
    tx.commit().await.expect("committed");
}
