//! What Postgres itself says, and what a client is told of it.

use super::*;

/// Every SQLSTATE that means something for the client: the status, and how often a read is attempted. PostgreSQL manual,
/// appendix A.
const TABLE: [(&str, u16, u32); 36] = [
    // Ended by an administrator, by a crash, for idling, for idling in a transaction: the connection is gone.
    ("57P01", 503, 2),
    ("57P02", 503, 2),
    ("57P05", 503, 2),
    ("25P03", 503, 2),
    // Cancelled, among others by the statement timeout; starting up; dropped.
    ("57014", 503, 1),
    ("57P03", 503, 1),
    ("57P04", 503, 1),
    ("57000", 503, 1),
    // Connection exceptions.
    ("08000", 503, 1),
    ("08003", 503, 1),
    ("08006", 503, 1),
    ("08P01", 503, 1),
    // Disk, memory, connections, limits.
    ("53000", 503, 1),
    ("53100", 503, 1),
    ("53200", 503, 1),
    ("53300", 503, 1),
    ("53400", 503, 1),
    // Serialization failure, deadlock, rollback for other reasons.
    ("40000", 503, 1),
    ("40001", 503, 1),
    ("40002", 503, 1),
    ("40P01", 503, 1),
    // Input and output below Postgres.
    ("58000", 503, 1),
    ("58030", 503, 1),
    // Lock not available; read-only; role, password and database refused.
    ("55P03", 503, 1),
    ("25006", 503, 1),
    ("28000", 503, 1),
    ("28P01", 503, 1),
    ("3D000", 503, 1),
    // Mistakes of ours.
    ("22012", 500, 1),
    ("23505", 500, 1),
    ("25P02", 500, 1),
    ("42501", 500, 1),
    ("42601", 500, 1),
    ("42P01", 500, 1),
    ("55000", 500, 1),
    ("XX000", 500, 1),
];

#[tokio::test]
async fn every_sqlstate_has_its_status_and_its_number_of_attempts() {
    let (proxied, _) = pool_of_one().await;
    for (code, expected, expected_attempts) in TABLE {
        let mut attempts = 0;
        let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{code}'; END $$");
        let read = proxied.stack.ctx.db.retry_read(|connections| {
            attempts += 1;
            let raise = sqlx::AssertSqlSafe(raise.clone());
            async move { sqlx::raw_sql(raise).execute(&connections).await }
        });
        let error = bounded(read).await.expect_err("raised");
        assert_eq!(sqlstate(&error), code);
        assert_eq!((status(error), attempts), (expected, expected_attempts), "{code}");
    }
}

const SHOWN: &str =
    "SELECT current_setting('statement_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')";

#[tokio::test]
async fn the_timeouts_are_set_in_every_transaction_and_outlive_none() {
    let (proxied, tenant) = pool_of_one().await;
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    let shown: String = sqlx::query_scalar(SHOWN).fetch_one(&mut *tx).await.expect("shown");
    assert_eq!(shown, "2s 2s");
    tx.commit().await.expect("committed");
    let mut tx = proxied.stack.ctx.db.begin_without_tenant().await.expect("begun");
    let shown: String = sqlx::query_scalar(SHOWN).fetch_one(&mut *tx).await.expect("shown");
    assert_eq!(shown, "2s 2s");
    drop(tx);
    let shown: String = sqlx::query_scalar(SHOWN)
        .fetch_one(proxied.stack.ctx.db.without_tenant())
        .await
        .expect("shown");
    assert_eq!(shown, "0 0");
    assert_eq!(proxied.postgres.traffic().accepted, 1, "all on one connection");
}

#[tokio::test]
async fn the_server_ends_a_statement_first_and_the_connection_survives() {
    let (proxied, tenant) = pool_of_one().await;
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    let slept = sqlx::query("SELECT pg_sleep(600)").execute(&mut *tx);
    let error = bounded(slept).await.expect_err("too long");
    assert_eq!(sqlstate(&error), "57014");
    assert_eq!(status(error), 503);
    drop(tx);
    write(&proxied, &tenant, "after").await.expect("written");
    assert_eq!(proxied.postgres.traffic().accepted, 1);
}

#[tokio::test]
async fn a_transaction_that_idles_frees_its_locks_and_is_503() {
    let (proxied, tenant) = pool_of_one().await;
    let mut frozen = begin(&proxied, &tenant).await.expect("begun");
    rename(&mut frozen, "frozen").await.expect("renamed");
    let owner = proxied.stack.owner_pool();
    let waiting = sqlx::query("UPDATE users SET name = 'other' WHERE tenant_id = $1").bind(tenant.id);
    let other = bounded(waiting.execute(&owner)).await.expect("the locks are freed");
    assert_eq!(other.rows_affected(), 4);
    let error = rename(&mut frozen, "thawed").await.expect_err("ended");
    assert!(["25P03", ""].contains(&&*sqlstate(&error)), "{error}");
    assert_eq!(status(error), 503);
    drop(frozen);
    write(&proxied, &tenant, "after").await.expect("a fresh connection");
}

#[tokio::test]
async fn no_connections_left_is_503_until_there_are() {
    let (proxied, tenant) = pool_of_one().await;
    let owner = proxied.stack.owner_pool();
    let limit = async |limit: i32| {
        let name = proxied.stack.database.name();
        let sql = sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
        sqlx::raw_sql(sql).execute(&owner).await.expect("the superuser may");
    };
    limit(0).await;
    assert_eq!(status(begin(&proxied, &tenant).await.err().expect("full")), 503);
    let attempted = proxied.postgres.traffic();
    assert!(
        attempted.accepted >= 1 && attempted.to_client > 0,
        "{attempted:?}: the server was asked and refused"
    );
    limit(-1).await;
    write(&proxied, &tenant, "after").await.expect("a connection");
}

#[tokio::test]
async fn a_read_only_server_is_503_and_its_connection_is_not_kept() {
    let (proxied, tenant) = pool_of_one().await;
    let owner = proxied.stack.owner_pool();
    let read_only = async |on: &str| {
        let name = proxied.stack.database.name();
        let sql = format!("ALTER ROLE countersign_app IN DATABASE {name} SET default_transaction_read_only = {on}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&owner)
            .await
            .expect("the superuser may");
    };
    read_only("on").await;
    let error = write(&proxied, &tenant, "before").await.expect_err("read-only");
    assert_eq!(sqlstate(&error), "25006");
    assert_eq!(status(error), 503);
    // After a fail-over the name leads to the new primary, but only a new connection does.
    read_only("off").await;
    write(&proxied, &tenant, "after").await.expect("a fresh connection");
    assert_eq!(proxied.postgres.traffic().accepted, 2);
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_is_503() {
    let (proxied, tenant) = pool_of_one().await;
    let mut holder = proxied.stack.owner_pool().begin().await.expect("begun");
    sqlx::query("SELECT FROM users WHERE tenant_id = $1 FOR UPDATE")
        .bind(tenant.id)
        .execute(&mut *holder)
        .await
        .expect("locked");
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    let impatient = sqlx::query("SELECT FROM users FOR UPDATE NOWAIT")
        .execute(&mut *tx)
        .await;
    let error = impatient.expect_err("locked");
    assert_eq!(sqlstate(&error), "55P03");
    assert_eq!(status(error), 503);
    drop(tx);
    let error = write(&proxied, &tenant, "after")
        .await
        .expect_err("locked for too long");
    assert_eq!(sqlstate(&error), "57014");
    holder.rollback().await.expect("rolled back");
    write(&proxied, &tenant, "after").await.expect("written");
}

#[tokio::test]
async fn one_of_two_in_a_deadlock_is_503_and_the_other_is_served() {
    let settings = [
        ("DATABASE_MAX_CONNECTIONS", "2"),
        ("DATABASE_STATEMENT_TIMEOUT_MS", "30000"),
    ];
    let proxied = ProxiedStack::with(&settings).await;
    let (tenant, pair) = (proxied.stack.tenant().await, tokio::sync::Barrier::new(2));
    let take_both = async |first: &shared::testing::TestKey, second: &shared::testing::TestKey| {
        let mut tx = begin(&proxied, &tenant).await?;
        for key in [first, second] {
            let renaming = sqlx::query("UPDATE users SET name = 'x' WHERE id = $1").bind(key.user_id);
            bounded(renaming.execute(&mut *tx)).await?;
            if key.id == first.id {
                pair.wait().await;
            }
        }
        tx.commit().await
    };
    let (one, other) = tokio::join!(
        take_both(&tenant.admin, &tenant.approver),
        take_both(&tenant.approver, &tenant.admin)
    );
    let error = match (one, other) {
        (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
        outcomes => panic!("{outcomes:?}"),
    };
    assert_eq!(sqlstate(&error), "40P01");
    assert_eq!(status(error), 503);
}

#[tokio::test]
async fn a_role_that_may_not_log_in_is_503_until_it_may() {
    let proxied = ProxiedStack::with(&POOL_OF_ONE).await;
    let owner = proxied.stack.owner_pool();
    // A role of its own: roles are the whole cluster's.
    let role = format!("{}_login", proxied.stack.database.name());
    let run = async |sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&owner)
            .await
            .expect("the superuser may");
    };
    // With the right password, or a server that asks for one would refuse it for that.
    let password = shared::testing::TestDatabase::ROLE_PASSWORD;
    run(format!("CREATE ROLE {role} NOLOGIN PASSWORD '{password}'")).await;
    let url = proxied.stack.database.url(&role);
    let settings = [&POOL_OF_ONE[..], &[("DATABASE_URL", &*url)]].concat();
    let stack = shared::testing::TestStack::sharing(&proxied.stack, &settings);
    let error = bounded(stack.ctx.db.ping()).await.expect_err("refused");
    assert_eq!(sqlstate(&error), "28000");
    assert_eq!(status(error), 503);
    run(format!("ALTER ROLE {role} LOGIN")).await;
    bounded(stack.ctx.db.ping()).await.expect("answers");
    drop(stack);
    run(format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{role}'; DROP ROLE {role}"
    ))
    .await;
}

#[tokio::test]
async fn a_database_that_was_dropped_is_503() {
    let (proxied, tenant) = pool_of_one().await;
    write(&proxied, &tenant, "before").await.expect("written");
    let url = std::env::var("TEST_DATABASE_URL").expect("set");
    let server = sqlx::PgPool::connect_lazy(&url).expect("a URL");
    let name = proxied.stack.database.name();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
        .execute(&server)
        .await
        .expect("dropped");
    let error = begin(&proxied, &tenant).await.err().expect("gone");
    assert_eq!(sqlstate(&error), "3D000");
    assert_eq!(status(error), 503);
}
