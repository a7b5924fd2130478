//! The servers themselves: whether they answer, keep up and agree on the time.

use shared::testing::TestDatabase;

use crate::{
    examined::{NOWHERE, checks, complaints, environment, only, plant, with},
    support::run,
};

#[tokio::test]
async fn a_server_that_is_stopped_does_not_hide_what_else_is_wrong() {
    let database = TestDatabase::create().await;
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
    let of = |status: &str| -> Vec<&str> {
        found
            .iter()
            .filter_map(|told| told.strip_prefix(status)?.split(' ').nth(1))
            .collect()
    };
    assert_eq!(of("failed"), ["migrator", "app", "sweeper", "redis"], "{found:#?}");
    // What could not be looked at for that is said to be so.
    assert_eq!(
        of("warning"),
        [
            "postgres",
            "roles",
            "migrations",
            "catalogue",
            "partitions",
            "clocks",
            "outbox"
        ],
        "{found:#?}"
    );
    assert!(found.iter().all(|told| !told.contains("hunter2")), "{found:#?}");
}

#[tokio::test]
async fn an_outbox_that_nobody_sweeps_and_a_server_that_may_forget_are_warnings() {
    let database = TestDatabase::create().await;
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
    let deployed = [
        ("ENVIRONMENT", "staging"),
        ("PUBLIC_URL", "https://countersign.example.com"),
        ("AUTH_BCRYPT_COST", "10"),
    ];
    let staging = with(environment, &deployed);
    let found = complaints(&staging, 0);
    let warned = found.iter().filter(|told| told.starts_with("warning postgres")).count();
    assert_eq!(warned, off.len(), "{off:?}: {found:#?}");
}

#[tokio::test]
async fn clocks_are_compared_with_this_machines() {
    let database = TestDatabase::create().await;
    let answer = run(&environment(&database), &["doctor", "--json"]).expect(0).value();
    let clocks = checks(&answer)
        .into_iter()
        .find(|check| check["name"] == "clocks")
        .expect("a check");
    let found = clocks["found"].as_str().expect("a text");
    assert_eq!(found.matches(" ms ").count(), 3, "{found}");
    assert!(found.contains("Postgres is ") && found.contains("Redis is "), "{found}");
}
