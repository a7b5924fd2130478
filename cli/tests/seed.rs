//! `countersign seed` on a migrated database.

mod support;

use std::{collections::HashMap, fs};

use serde_json::Value;
use shared::testing::TestDatabase;
use support::{Scratch, of_database, run, text};

const VARIABLES: [&str; 6] = [
    "TENANT",
    "ADMIN_KEY",
    "APPROVER_KEY",
    "SECOND_APPROVER_KEY",
    "AUDITOR_KEY",
    "AGENT_KEY",
];

fn exports(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn seeding_makes_everybody_once_and_shows_keys_once() {
    let (database, scratch) = (TestDatabase::create().await, Scratch::new("seed"));
    let (environment, pool) = (of_database(&database), database.superuser());
    let file = scratch.path("keys.env");
    let arguments = ["seed", "--keys-file", text(&file)];

    let first = run(&environment, &arguments).expect(0);
    let shown = exports(&first.stdout);
    for prefix in ["ACME", "GLOBEX"] {
        for variable in VARIABLES {
            assert!(
                shown.contains_key(&format!("{prefix}_{variable}")),
                "{variable}: {}",
                first.stdout
            );
        }
    }
    assert_eq!(shown.len(), 12);
    let written = fs::read_to_string(&file).expect("the file is there");
    assert_eq!(exports(&written), shown);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            fs::metadata(&file).expect("the file is there").permissions().mode() & 0o777,
            0o600
        );
    }

    let second = run(&environment, &arguments).expect(0);
    assert!(!second.stdout.contains("cs_dev_"), "{}", second.stdout);
    assert!(
        second.stdout.contains(&format!("its keys are in {}", file.display())),
        "{}",
        second.stdout
    );
    assert_eq!(fs::read_to_string(&file).expect("the file is there"), written);

    fs::remove_file(&file).expect("removed");
    let third = run(&environment, &arguments).expect(0);
    assert!(third.stdout.contains("countersign key create"), "{}", third.stdout);
    assert!(!file.exists(), "there is nothing to write");

    let people: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "SELECT u.email, u.role, u.groups FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE t.slug = 'globex' ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .expect("read");
    let people: Vec<_> = people
        .iter()
        .map(|(email, role, groups)| (&**email, &**role, groups.join(",")))
        .collect();
    let expected = [
        ("admin@globex.example", "admin", ""),
        ("alice@globex.example", "approver", "ops"),
        ("auditor@globex.example", "auditor", ""),
        ("bob@globex.example", "approver", "ops,finance"),
    ];
    assert_eq!(
        people,
        expected.map(|(email, role, groups)| (email, role, groups.to_owned()))
    );

    let events: Vec<(String, i64)> = sqlx::query_as(
        "SELECT action, count(*) FROM audit_events WHERE recorded_by = 'operator' AND correlation_id IS NOT NULL
         GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&pool)
    .await
    .expect("read");
    let expected = [("api_key.created", 10), ("tenant.created", 2), ("user.created", 8)];
    assert_eq!(events, expected.map(|(action, count)| (action.to_owned(), count)));
    let leaks: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit_events WHERE audit_events::text ~ 'cs_dev_|\\$2[aby]\\$'")
            .fetch_one(&pool)
            .await
            .expect("read");
    assert_eq!(leaks, 0, "neither key nor hash is in the audit log");
}

#[tokio::test]
async fn a_file_of_another_database_is_replaced() {
    let (database, scratch) = (TestDatabase::create().await, Scratch::new("seed-stale"));
    let file = scratch.path("keys.env");
    fs::write(
        &file,
        "export ACME_TENANT=1\nexport ACME_ADMIN_KEY=cs_old\nexport OTHER=1\n",
    )
    .expect("written");
    let value = run(&of_database(&database), &["seed", "--json", "--keys-file", text(&file)])
        .expect(0)
        .value();
    let written = exports(&fs::read_to_string(&file).expect("the file is there"));
    assert_eq!(written.len(), 12);
    let tenants = value["tenants"].as_array().expect("a list");
    assert!(tenants.iter().all(|tenant| tenant["created"] == true), "{value}");
    assert_eq!(
        tenants[0]["variables"]["ACME_ADMIN_KEY"].as_str(),
        written.get("ACME_ADMIN_KEY").map(String::as_str)
    );

    let again = run(&of_database(&database), &["seed", "--json", "--keys-file", text(&file)])
        .expect(0)
        .value();
    let tenants = again["tenants"].as_array().expect("a list");
    assert!(
        tenants
            .iter()
            .all(|tenant| tenant["created"] == false && tenant["variables"] == Value::Null),
        "{again}"
    );
}

#[tokio::test]
async fn production_and_an_unmigrated_database_are_refused_in_one_sentence() {
    let database = TestDatabase::create_empty().await;
    let empty = run(&of_database(&database), &["seed"]).expect(1);
    assert!(
        empty.stderr.contains("run `countersign migrate up` first"),
        "{}",
        empty.stderr
    );

    let mut environment = of_database(&database);
    environment.retain(|(name, _)| name != "ENVIRONMENT" && name != "AUTH_BCRYPT_COST");
    for (name, value) in [
        ("ENVIRONMENT", "production"),
        ("PUBLIC_URL", "https://countersign.example.com"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    let production = run(&environment, &["seed"]).expect(2);
    assert_eq!(production.stderr.lines().count(), 1, "{}", production.stderr);
    assert!(
        production.stderr.contains("ENVIRONMENT is production"),
        "{}",
        production.stderr
    );
}

#[tokio::test]
async fn a_keys_file_that_cannot_be_written_costs_no_keys() {
    let database = TestDatabase::create().await;
    let ran = run(
        &of_database(&database),
        &["seed", "--keys-file", "/nonexistent/keys.env"],
    )
    .expect(1);
    assert_eq!(
        exports(&ran.stdout).len(),
        12,
        "the keys were printed before: {}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("/nonexistent/keys.env cannot be written"),
        "{}",
        ran.stderr
    );
}
