//! `countersign doctor` on a sound product, and on one with a fault planted.

mod support;

use serde_json::Value;
use shared::{data::MIGRATOR, testing::TestDatabase};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use support::{Environment, of_database, run};

/// Where nobody listens.
const NOWHERE: &str = "127.0.0.1:1";
const OPERATOR: &str = "operator-credential-of-the-tests";

/// A database as the migrator leaves it. Not a copy of the tests' template: a copy loses the rights on the database itself.
async fn migrated() -> TestDatabase {
    let database = TestDatabase::create_empty().await;
    let migrator = PgPool::connect_lazy(&database.url("countersign_migrator")).expect("a URL");
    MIGRATOR.run(&migrator).await.expect("the migrations run");
    migrator.close().await;
    database
}

fn environment(database: &TestDatabase) -> Environment {
    let mut environment = of_database(database);
    environment.push(("SWEEPER_DATABASE_URL".to_owned(), database.url("countersign_sweeper")));
    environment.push(("ADMIN_API_KEY".to_owned(), OPERATOR.to_owned()));
    environment
}

fn with(mut environment: Environment, changes: &[(&str, &str)]) -> Environment {
    for (name, value) in changes {
        environment.retain(|(known, _)| known != name);
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    environment
}

/// What the doctor says, as `status name found -> remedy`, without the checks that came out well.
#[track_caller]
fn complaints(environment: &Environment, exit: i32) -> Vec<String> {
    let answer = run(environment, &["doctor", "--json"]).expect(exit).value();
    let worst = if exit == 1 { "failed" } else { "warning" };
    let complaints: Vec<String> = checks(&answer)
        .iter()
        .filter(|check| check["status"] != "ok")
        .map(|check| {
            let text = |field: &str| check[field].as_str().expect("a text").to_owned();
            format!(
                "{} {} {} -> {}",
                text("status"),
                text("name"),
                text("found"),
                text("remedy")
            )
        })
        .collect();
    assert!(complaints.is_empty() || answer["status"] == worst, "{answer}");
    complaints
}

fn checks(answer: &Value) -> Vec<Value> {
    answer["checks"].as_array().expect("a list").clone()
}

/// The only complaint, which begins and ends like this.
#[track_caller]
fn only(complaints: &[String], beginning: &str, end: &str) {
    let [complaint] = complaints else {
        panic!("{complaints:#?}")
    };
    assert!(
        complaint.starts_with(beginning) && complaint.ends_with(end),
        "{complaint}"
    );
}

async fn plant(database: &TestDatabase, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&database.superuser())
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test]
async fn a_sound_product_gets_one_line_a_check() {
    let database = migrated().await;
    let environment = environment(&database);
    let ran = run(&environment, &["doctor"]).expect(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let (summary, told) = lines.split_last().expect("lines");
    assert_eq!(*summary, "13 ok, 0 warnings, 0 failed", "{}", ran.stdout);
    assert!(
        told.iter().all(|line| line.starts_with("ok  ") || line.is_empty()),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);

    let answer = run(&environment, &["doctor", "--json"]).expect(0).value();
    assert_eq!(answer["status"], "ok");
    let names: Vec<_> = checks(&answer)
        .iter()
        .map(|check| check["name"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "settings",
            "secrets",
            "migrator",
            "app",
            "sweeper",
            "postgres",
            "roles",
            "migrations",
            "catalogue",
            "partitions",
            "redis",
            "clocks",
            "outbox"
        ]
    );
    for secret in ["countersign-tests", OPERATOR] {
        assert!(!ran.stdout.contains(secret) && !answer.to_string().contains(secret));
    }
}

#[tokio::test]
async fn migrations_that_are_missing_changed_unfinished_or_newer_are_told_apart() {
    let database = migrated().await;
    let environment = environment(&database);
    let pool = database.superuser();
    let last: i64 = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&pool)
        .await
        .expect("a version");
    let not_looked = "warning catalogue not looked at";
    let expect = |complaints: &[String], beginning: &str, end: &str| {
        let [migrations, catalogue] = complaints else {
            panic!("{complaints:#?}")
        };
        assert!(
            migrations.starts_with(beginning) && migrations.ends_with(end),
            "{migrations}"
        );
        assert!(catalogue.starts_with(not_looked), "{catalogue}");
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
    plant(
        &database,
        &format!("DELETE FROM _sqlx_migrations WHERE version IN ({last}, 99999999999999)"),
    )
    .await;
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
    let database = migrated().await;
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
        policy.starts_with("failed catalogue tenant_policies: planted on api_keys. "),
        "{policy}"
    );
    plant(&database, "DROP POLICY planted ON api_keys").await;
    let remedy = row_security.split('`').nth(1).expect("a command");
    plant(&database, remedy).await;
    assert_eq!(complaints(&environment, 0), [""; 0]);
}

#[tokio::test]
async fn a_missing_partition_is_named_by_its_month_and_its_remedy_makes_it() {
    let database = migrated().await;
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

#[tokio::test]
async fn who_logs_in_wrongly_or_elsewhere_is_told_without_the_password() {
    let (database, other) = (migrated().await, TestDatabase::create_empty().await);
    let environment = environment(&database);
    // A role that exists and may not log in, under any authentication method.
    let refused = complaints(
        &with(
            environment.clone(),
            &[("DATABASE_URL", &database.url("countersign_owner"))],
        ),
        1,
    );
    only(
        &refused,
        "failed app Postgres at ",
        "-> put the URL of the role countersign_app into DATABASE_URL",
    );
    let mistyped = database
        .url("countersign_sweeper")
        .replace("countersign-tests", "hunter2");
    // Only where the server asks for one, as that of `make test` does.
    if PgConnection::connect(&mistyped).await.is_err() {
        let refused = complaints(&with(environment.clone(), &[("SWEEPER_DATABASE_URL", &mistyped)]), 1);
        only(
            &refused,
            "failed sweeper Postgres at ",
            "-> as a superuser `ALTER ROLE countersign_sweeper LOGIN PASSWORD '…';`, and put the same password into SWEEPER_DATABASE_URL",
        );
        assert!(!refused[0].contains("hunter2"), "{refused:?}");
    }
    let as_migrator = complaints(
        &with(
            environment.clone(),
            &[("DATABASE_URL", &database.url("countersign_migrator"))],
        ),
        1,
    );
    only(
        &as_migrator,
        "failed app DATABASE_URL logs in as countersign_migrator, whose rights are not those of countersign_app",
        "-> put the URL of the role countersign_app into DATABASE_URL",
    );
    let elsewhere = complaints(
        &with(
            environment.clone(),
            &[("SWEEPER_DATABASE_URL", &other.url("countersign_sweeper"))],
        ),
        1,
    );
    only(
        &elsewhere,
        "failed sweeper SWEEPER_DATABASE_URL leads to another database than ADMIN_DATABASE_URL",
        "into SWEEPER_DATABASE_URL",
    );
    let malformed = complaints(&with(environment, &[("DATABASE_URL", "postgres://u:hunter2@[/x")]), 1);
    only(
        &malformed,
        "failed app DATABASE_URL is not a Postgres URL",
        "@<host>/<database>",
    );
    assert!(!malformed[0].contains("hunter2"), "{malformed:?}");
}

#[tokio::test]
async fn a_server_that_is_stopped_does_not_hide_what_else_is_wrong() {
    let database = migrated().await;
    let environment = environment(&database);
    let without_redis = with(
        environment.clone(),
        &[("REDIS_URL", &format!("redis://:hunter2@{NOWHERE}"))],
    );
    let found = complaints(&without_redis, 1);
    only(
        &found,
        &format!("failed redis Redis at {NOWHERE} does not answer"),
        "correct host and password in REDIS_URL",
    );
    assert!(!found[0].contains("hunter2"), "{found:?}");
    let malformed = complaints(&with(environment.clone(), &[("REDIS_URL", "hunter2")]), 1);
    only(
        &malformed,
        "failed redis REDIS_URL is not a Redis URL",
        "rediss:// for TLS",
    );
    assert!(!malformed[0].contains("hunter2"), "{malformed:?}");

    let url = |role: &str| format!("postgres://{role}:hunter2@{NOWHERE}/countersign");
    let without_both = with(
        without_redis,
        &[
            ("ADMIN_DATABASE_URL", &url("countersign_migrator")),
            ("DATABASE_URL", &url("countersign_app")),
            ("SWEEPER_DATABASE_URL", &url("countersign_sweeper")),
        ],
    );
    let found = complaints(&without_both, 1);
    let names: Vec<_> = found
        .iter()
        .map(|told| told.split(' ').nth(1).expect("a name"))
        .collect();
    assert_eq!(names, ["migrator", "app", "sweeper", "redis"], "{found:#?}");
    assert!(found.iter().all(|told| !told.contains("hunter2")), "{found:#?}");
}

#[tokio::test]
async fn all_mistakes_of_settings_and_secrets_are_told_at_once() {
    let database = migrated().await;
    let found = complaints(
        &with(
            environment(&database),
            &[
                ("DATABASE_MAX_CONNECTIONS", "none"),
                ("OUTBOX_BATCH", "0"),
                ("ADMIN_API_KEY", "short"),
                ("SWEEPER_DATABASE_URL", ""),
            ],
        ),
        1,
    );
    let beginnings = [
        "failed settings DATABASE_MAX_CONNECTIONS: expected a whole number from 1 to 100 -> ",
        "failed settings OUTBOX_BATCH: expected a whole number",
        "failed secrets the secret `countersign/database` has no field `sweeper_url`",
        "failed secrets the operator's credential",
    ];
    assert_eq!(found.len(), beginnings.len(), "{found:#?}");
    for (told, beginning) in found.iter().zip(beginnings) {
        assert!(told.starts_with(beginning), "{told}");
    }
    // Nothing else can be believed where it is not known where the secrets are.
    let blind = complaints(&with(environment(&database), &[("SECRETS_SOURCE", "drawer")]), 1);
    only(
        &blind,
        "failed settings SECRETS_SOURCE: expected `env` or `aws`",
        "what it may be)",
    );
}

#[tokio::test]
async fn an_outbox_that_nobody_sweeps_and_a_server_that_may_forget_are_warnings() {
    let database = migrated().await;
    let environment = environment(&database);
    let tenant = "019a9f00-0000-7000-8000-000000000001";
    plant(
        &database,
        &format!(
            "INSERT INTO tenants (id, name, slug, created_at, updated_at) VALUES ('{tenant}', 'T', 't', now(), now());
             INSERT INTO outbox (tenant_id, id, aggregate_type, aggregate_id, aggregate_version, event_type, payload, created_at)
             VALUES ('{tenant}', '{tenant}', 't', '{tenant}', 1, 't', '{{}}', now() - interval '10 minutes')"
        ),
    )
    .await;
    let found = complaints(&environment, 0);
    only(
        &found,
        "warning outbox 1 events wait, the oldest for 60",
        "or the output of `make dev`",
    );
    let text = run(&environment, &["doctor"]).expect(0).stdout;
    assert!(text.ends_with("12 ok, 1 warning, 0 failed\n"), "{text}");

    let off: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'",
    )
    .fetch_all(&database.superuser())
    .await
    .expect("the settings");
    let staging = with(environment, &[("ENVIRONMENT", "staging"), ("AUTH_BCRYPT_COST", "10")]);
    let found = complaints(&staging, 0);
    let warned = found.iter().filter(|told| told.starts_with("warning postgres")).count();
    assert_eq!(warned, off.len(), "{off:?}: {found:#?}");
}

#[tokio::test]
async fn clocks_are_compared_with_this_machines() {
    let database = migrated().await;
    let answer = run(&environment(&database), &["doctor", "--json"]).expect(0).value();
    let clocks = checks(&answer)
        .into_iter()
        .find(|check| check["name"] == "clocks")
        .expect("a check");
    let found = clocks["found"].as_str().expect("a text");
    assert_eq!(found.matches(" ms ").count(), 3, "{found}");
    assert!(found.contains("Postgres is ") && found.contains("Redis is "), "{found}");
}
