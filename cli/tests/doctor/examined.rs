//! Runs the doctor and reads what it says.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use shared::testing::TestDatabase;
use sqlx::AssertSqlSafe;

use crate::support::{Environment, Ran, of_database, spawn};

/// Where nobody listens.
pub(crate) const NOWHERE: &str = "127.0.0.1:1";
pub(crate) const OPERATOR: &str = "operator-credential-of-the-tests";
/// What is looked at, in the order in which it is told on a sound product.
pub(crate) const NAMES: [&str; 13] = [
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
    "outbox",
];
/// Far longer than the doctor may take with all its waits one after the other.
const DEADLINE: Duration = Duration::from_mins(2);

/// Runs the doctor, and fails the test when it does not end.
fn examine(environment: &Environment) -> Ran {
    let mut doctor = spawn(environment, &["doctor", "--json"]);
    let started = Instant::now();
    while doctor.try_wait().expect("it is ours").is_none() {
        if started.elapsed() > DEADLINE {
            doctor.kill().expect("it runs");
            panic!("the doctor still waits after {DEADLINE:?}");
        }
        sleep(Duration::from_millis(20));
    }
    doctor.wait_with_output().expect("it ran").into()
}

pub(crate) fn environment(database: &TestDatabase) -> Environment {
    let mut environment = of_database(database);
    environment.push(("SWEEPER_DATABASE_URL".to_owned(), database.url("countersign_sweeper")));
    environment.push(("ADMIN_API_KEY".to_owned(), OPERATOR.to_owned()));
    environment
}

pub(crate) fn with(mut environment: Environment, changes: &[(&str, &str)]) -> Environment {
    for (name, value) in changes {
        environment.retain(|(known, _)| known != name);
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    environment
}

/// What the doctor says, as `status name found -> remedy`, without the checks that came out well.
#[track_caller]
pub(crate) fn complaints(environment: &Environment, exit: i32) -> Vec<String> {
    let answer = examine(environment).expect(exit).value();
    assert!(
        NAMES.iter().all(|name| names(&answer).contains(name)),
        "each is told of: {answer}"
    );
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

pub(crate) fn checks(answer: &Value) -> Vec<Value> {
    answer["checks"].as_array().expect("a list").clone()
}

/// The only complaint, which begins and ends like this.
#[track_caller]
pub(crate) fn only(complaints: &[String], beginning: &str, end: &str) {
    let [complaint] = complaints else {
        panic!("{complaints:#?}")
    };
    assert!(
        complaint.starts_with(beginning) && complaint.ends_with(end),
        "{complaint}"
    );
}

pub(crate) async fn plant(database: &TestDatabase, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&database.superuser())
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The name of each check, as often as it is told.
pub(crate) fn names(answer: &Value) -> Vec<&str> {
    answer["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| check["name"].as_str().expect("a name"))
        .collect()
}
