//! `countersign migrate` on a database that is empty at first.

mod support;

use serde_json::Value;
use shared::{data::MIGRATOR, testing::TestDatabase};
use sqlx::PgPool;
use support::{of_database, run};

fn versions() -> Vec<i64> {
    MIGRATOR
        .iter()
        .filter(|migration| migration.migration_type.is_up_migration())
        .map(|m| m.version)
        .collect()
}

fn listed(value: &Value) -> Vec<i64> {
    value
        .as_array()
        .expect("a list")
        .iter()
        .map(|step| step["version"].as_i64().expect("a version"))
        .collect()
}

async fn table_count(pool: &PgPool) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace",
    )
    .fetch_one(pool)
    .await
    .expect("the catalogue answers")
}

#[tokio::test]
async fn up_status_down_and_up_again() {
    let database = TestDatabase::create_empty().await;
    let (environment, pool, all) = (of_database(&database), database.superuser(), versions());
    let states = || {
        let status = run(&environment, &["migrate", "status", "--json"]).expect(0).value();
        let lines = status["migrations"].as_array().expect("a list").clone();
        lines
            .iter()
            .map(|line| line["state"].as_str().expect("a state").to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(states(), vec!["PENDING"; all.len()]);
    assert_eq!(table_count(&pool).await, 0, "looking must not make the table");

    let up = run(&environment, &["migrate", "up", "--json"]).expect(0);
    assert_eq!(listed(&up.value()["applied"]), all);
    assert_eq!(states(), vec!["APPLIED"; all.len()]);
    let tables = table_count(&pool).await;

    let again = run(&environment, &["migrate", "up"]).expect(0);
    assert_eq!(again.stdout, "nothing to apply\n");

    let refused = run(&environment, &["migrate", "down"]).expect(2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(states(), vec!["APPLIED"; all.len()]);

    let down = run(&environment, &["migrate", "down", "--yes"]).expect(0);
    assert!(
        down.stdout.starts_with(&format!("reverted {} ", all[all.len() - 1])),
        "{}",
        down.stdout
    );
    let to = all[1].to_string();
    let down = run(&environment, &["migrate", "down", "--to", &to, "--yes", "--json"])
        .expect(0)
        .value();
    let expected: Vec<i64> = all[2..all.len() - 1].iter().rev().copied().collect();
    assert_eq!(listed(&down["reverted"]), expected);
    let down = run(&environment, &["migrate", "down", "--all", "--yes", "--json"])
        .expect(0)
        .value();
    assert_eq!(listed(&down["reverted"]), [all[1], all[0]]);
    assert_eq!(table_count(&pool).await, 1, "only the table of migrations stays");
    assert_eq!(
        run(&environment, &["migrate", "down", "--yes"]).expect(0).stdout,
        "nothing to revert\n"
    );

    let up = run(&environment, &["migrate", "up", "--to", &to, "--json"])
        .expect(0)
        .value();
    assert_eq!(listed(&up["applied"]), all[..2]);
    run(&environment, &["migrate", "up"]).expect(0);
    assert_eq!(table_count(&pool).await, tables);
}

#[tokio::test]
async fn a_database_that_is_not_ours_is_left_alone() {
    let database = TestDatabase::create().await;
    let (environment, pool, all) = (of_database(&database), database.superuser(), versions());

    sqlx::query("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = $1")
        .bind(all[0])
        .execute(&pool)
        .await
        .expect("run");
    let changed = run(&environment, &["migrate", "up"]).expect(1);
    assert!(
        changed.stderr.contains("is not the one that was applied") && changed.stderr.contains("`make reset`"),
        "{}",
        changed.stderr
    );
    let status = run(&environment, &["migrate", "status"]).expect(0);
    assert!(status.stdout.contains("changed"), "{}", status.stdout);

    sqlx::query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = $1")
        .bind(all[0])
        .execute(&pool)
        .await
        .expect("run");
    let newer = run(&environment, &["migrate", "down", "--yes"]).expect(1);
    assert!(
        newer.stderr.contains("which this program does not know"),
        "{}",
        newer.stderr
    );
    let status = run(&environment, &["migrate", "status", "--json"]).expect(0).value();
    assert_eq!(status["migrations"][0]["state"], "UNKNOWN");
}

#[tokio::test]
async fn two_at_a_time_apply_everything_once() {
    let database = TestDatabase::create_empty().await;
    let environment = of_database(&database);
    let both = [(); 2].map(|()| support::spawn(&environment, &["migrate", "up", "--json"]));
    let applied: Vec<i64> = both
        .into_iter()
        .flat_map(|child| {
            let ran = support::Ran::from(child.wait_with_output().expect("it ran")).expect(0);
            listed(&ran.value()["applied"])
        })
        .collect();
    assert_eq!(applied, versions());
}

#[tokio::test]
async fn mistakes_in_the_settings_are_told_without_the_password() {
    let database = TestDatabase::create_empty().await;
    let with = |url: &str| {
        let mut environment = of_database(&database);
        environment.retain(|(name, _)| name != "ADMIN_DATABASE_URL");
        environment.push(("ADMIN_DATABASE_URL".to_owned(), url.to_owned()));
        environment
    };
    let absent = run(&with(""), &["migrate", "status"]).expect(2);
    assert!(absent.stderr.contains("ADMIN_DATABASE_URL"), "{}", absent.stderr);
    let malformed = run(&with("postgres://u:hunter2@[/x"), &["migrate", "status"]).expect(2);
    assert!(!malformed.stderr.contains("hunter2"), "{}", malformed.stderr);
    // A wrong password stays wrong, so it is not waited for.
    let refused = run(&with(&database.url("countersign_nobody")), &["migrate", "status"]).expect(1);
    assert!(
        refused.stderr.contains("role countersign_nobody") && !refused.stderr.contains("waiting"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("countersign-tests"), "{}", refused.stderr);

    let unknown = run(&of_database(&database), &["migrate", "up", "--to", "7"]).expect(2);
    assert!(unknown.stderr.contains("there is no migration 7"), "{}", unknown.stderr);
}
