//! `countersign doctor` on a sound product, and on one with a fault planted; one file a thing looked at.

mod examined;
mod logins;
mod looking;
mod schema;
mod servers;
mod settings;
#[path = "../support/mod.rs"]
mod support;

use shared::testing::TestDatabase;

use crate::{
    examined::{NAMES, OPERATOR, environment, names},
    support::run,
};

#[tokio::test]
async fn a_sound_product_gets_one_line_a_check() {
    let database = TestDatabase::create().await;
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
    assert_eq!(names(&answer), NAMES);
    for secret in ["countersign-tests", OPERATOR] {
        assert!(!ran.stdout.contains(secret) && !answer.to_string().contains(secret));
    }
}
