//! What is in the database: migrations, rules over the catalogue, partitions.

use shared::{data::MIGRATOR, testing::TestDatabase};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::{
    examined::{complaints, environment, only, plant},
    support::run,
};

#[tokio::test]
async fn migrations_that_are_missing_changed_unfinished_or_newer_are_told_apart() {
    let database = TestDatabase::create().await;
    let environment = environment(&database);
    let pool = database.superuser();
    let last: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&pool)
        .await
        .expect("a version");
    let expect = |complaints: &[String], beginning: &str, end: &str| {
        let [migrations, catalogue, partitions] = complaints else {
            panic!("{complaints:#?}")
        };
        assert!(
            migrations.starts_with(beginning) && migrations.ends_with(end),
            "{migrations}"
        );
        for (told, name) in [(catalogue, "catalogue"), (partitions, "partitions")] {
            assert!(told.starts_with(&format!("warning {name} not looked at")), "{told}");
        }
    };

    plant(
        &database,
        &format!("UPDATE _sqlx_migrations SET success = false WHERE version = {last}"),
    )
    .await;
    expect(
        &complaints(&environment, 1),
        &format!("failed migrations {last} began and did not end"),
        "`countersign migrate up`",
    );
    plant(
        &database,
        "UPDATE _sqlx_migrations SET success = true; UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 20261120000001",
    )
    .await;
    expect(
        &complaints(&environment, 1),
        "failed migrations 20261120000001 was applied in another form",
        "use the `countersign` this database was migrated with",
    );
    let checksum = &MIGRATOR.iter().next().expect("a migration").checksum;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 20261120000001")
        .bind(&checksum[..])
        .execute(&pool)
        .await
        .expect("restored");
    assert_eq!(complaints(&environment, 0), [""; 0]);

    plant(
        &database,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (99999999999999, 'n', true, 'x', 0)",
    )
    .await;
    expect(
        &complaints(&environment, 0),
        "warning migrations 99999999999999 is newer",
        "use a `countersign` as new as the one that migrated",
    );
    plant(&database, "DELETE FROM _sqlx_migrations WHERE version = 99999999999999").await;
    run(&environment, &["migrate", "down", "--yes"]).expect(0);
    expect(
        &complaints(&environment, 1),
        &format!("failed migrations {last} is not applied"),
        "-> `countersign migrate up`",
    );
    run(&environment, &["migrate", "up"]).expect(0);
    assert_eq!(complaints(&environment, 0), [""; 0]);
}

#[tokio::test]
async fn an_empty_database_is_told_to_migrate() {
    let database = TestDatabase::create_empty().await;
    let complaints = complaints(&environment(&database), 1);
    assert!(
        complaints
            .iter()
            .any(|complaint| complaint.starts_with("failed migrations 20261120000001")),
        "{complaints:#?}"
    );
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        .fetch_one(&database.superuser())
        .await
        .expect("counted");
    assert_eq!(tables, 0, "looking changes nothing");
}

#[tokio::test]
async fn a_hole_in_the_row_level_security_is_named_and_its_remedy_closes_it() {
    let database = TestDatabase::create().await;
    let environment = environment(&database);
    plant(
        &database,
        "ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
         CREATE POLICY planted ON api_keys TO countersign_app USING (true)",
    )
    .await;
    let found = complaints(&environment, 1);
    let [row_security, policy] = &found[..] else {
        panic!("{found:#?}")
    };
    assert!(
        row_security.starts_with("failed catalogue row_security: users. "),
        "{row_security}"
    );
    assert!(
        policy.starts_with("failed catalogue policies: planted on api_keys. "),
        "{policy}"
    );
    plant(&database, "DROP POLICY planted ON api_keys").await;
    let remedy = row_security.split('`').nth(1).expect("a command");
    plant(&database, remedy).await;
    assert_eq!(complaints(&environment, 0), [""; 0]);
}

#[tokio::test]
async fn a_missing_partition_is_named_by_its_month_and_its_remedy_makes_it() {
    let database = TestDatabase::create().await;
    let environment = environment(&database);
    let months: Vec<String> = sqlx::query_scalar(
        "SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n), 'YYYY_MM')
         FROM generate_series(0, 3) n",
    )
    .fetch_all(&database.superuser())
    .await
    .expect("months");
    // The third month ahead is the sweep's business.
    plant(
        &database,
        &format!("DROP TABLE audit_events_{}, audit_events_{}", months[1], months[3]),
    )
    .await;
    let found = complaints(&environment, 1);
    only(
        &found,
        &format!(
            "failed partitions the audit log has none for {}, ",
            months[1].replace('_', "-")
        ),
        "`SET ROLE countersign_owner; SELECT make_audit_partitions(now(), 7);`",
    );
    // A table of that name that is no partition with these bounds does not count.
    plant(&database, &format!("CREATE TABLE audit_events_{} ()", months[1])).await;
    assert!(
        complaints(&environment, 1)
            .iter()
            .any(|told| told.starts_with("failed partitions"))
    );
    plant(&database, &format!("DROP TABLE audit_events_{}", months[1])).await;

    let remedy = found[0].split('`').nth(1).expect("a command").to_owned();
    let mut migrator = PgConnection::connect(&database.url("countersign_migrator"))
        .await
        .expect("connects");
    sqlx::raw_sql(AssertSqlSafe(remedy))
        .execute(&mut migrator)
        .await
        .expect("run");
    assert_eq!(complaints(&environment, 0), [""; 0]);
}
