//! Starting: what is wrong is said all at once and without a value; who is down does not keep a function from starting.

use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;
use shared::{
    config::Draft,
    context::{AppContext, Duty},
    secrets::{self, Secrets},
    testing::{ProxiedStack, ProxyMode, TestLog, poll_until},
};

/// Every setting, from the one list of them that users read.
fn settings() -> Vec<String> {
    let example = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../.env.example")).expect("readable");
    let names: Vec<String> = example
        .lines()
        .filter_map(|line| line.trim_start_matches(['#', ' ']).split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'))
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    names
}

async fn start(variables: HashMap<String, String>, duty: Duty) -> Result<AppContext, String> {
    let lookup = move |name: &str| variables.get(name).cloned();
    let draft = Draft::from_lookup(&lookup);
    let secrets = Secrets::from_lookup(lookup, Duration::from_mins(1));
    AppContext::start_with(draft, secrets, duty)
        .await
        .map_err(|mistakes| format!("{mistakes}\n{mistakes:?}"))
}

fn variables(set: &[(&str, &str)]) -> HashMap<String, String> {
    set.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn settings_and_secrets_that_are_wrong_or_missing_are_told_together_by_name() {
    let wrong = [
        ("DATABASE_MAX_CONNECTIONS", "many"),
        ("REDIS_TIMEOUT_MS", "0"),
        ("LOG_LEVEL", "=loud="),
        ("DATABASE_URL", "mysql://app:hunter2@db/app"),
        ("ADMIN_API_KEY", "hunter2"),
    ];
    let report = start(variables(&wrong), Duty::TenantsAndOperator)
        .await
        .err()
        .expect("refused");
    for (name, _) in wrong {
        assert!(report.contains(name), "{name} is not in the report:\n{report}");
    }
    assert!(report.contains("REDIS_URL"), "it is missing:\n{report}");
    assert!(
        !report.contains("SWEEPER_DATABASE_URL"),
        "not this function's:\n{report}"
    );
    for (path, field) in [("database", "url"), ("redis", "url"), ("admin", "api_key")] {
        assert!(
            report.contains(&format!("`countersign/{path}`, field `{field}`")),
            "the name in a secret store:\n{report}"
        );
    }
    assert!(!report.contains("hunter2") && !report.contains("mysql"), "{report}");

    let report = start(variables(&wrong), Duty::Sweep).await.err().expect("refused");
    assert!(
        report.contains("SWEEPER_DATABASE_URL") && !report.contains("ADMIN_API_KEY"),
        "{report}"
    );
}

#[tokio::test]
async fn what_is_missing_is_not_guessed_while_the_place_of_secrets_is_unknown() {
    let report = start(
        variables(&[("SECRETS_SOURCE", "vault"), ("OUTBOX_BATCH", "0")]),
        Duty::Tenants,
    )
    .await
    .err()
    .expect("refused");
    assert!(
        report.contains("SECRETS_SOURCE") && report.contains("OUTBOX_BATCH"),
        "{report}"
    );
    assert!(!report.contains("DATABASE_URL"), "{report}");
}

proptest! {
    #[test]
    fn no_value_of_any_variable_is_in_the_report(
        marker in "[a-z0-9]{16}",
        shapes in prop::collection::vec(0_usize..10, 64),
        duty in prop::sample::select(vec![Duty::Tenants, Duty::TenantsAndOperator, Duty::Sweep]),
    ) {
        let names = settings().into_iter().chain(secrets::variables().map(str::to_owned));
        let mut variables: HashMap<String, String> = names
            .zip(shapes.iter().cycle())
            .map(|(name, shape)| {
                let value = match shape {
                    0 => marker.clone(),
                    1 => format!("postgres://app:{marker}@{marker}:x{marker}/{marker}?sslmode={marker}"),
                    2 => format!("redis://:{marker}@{marker}:99999/{marker}"),
                    3 => format!("https://{marker}/{marker}?{marker}"),
                    4 => format!("12{marker}"),
                    5 => format!("{marker},{marker}=%zz"),
                    6 => format!(" \n{marker}\0\u{202e}"),
                    7 => format!("local {marker}"),
                    8 => format!("postgres://app:{marker}@127.0.0.1:1/app?pasword={marker}&{marker}=1"),
                    _ => format!("-{marker}.5"),
                };
                (name, value)
            })
            .collect();
        // So that there is a mistake, and nothing is connected to.
        variables.insert("ENVIRONMENT".to_owned(), marker.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (report, logged) = logged(|| runtime.block_on(start(variables, duty)));
        let report = report.err().expect("refused");
        prop_assert!(report.contains("ENVIRONMENT"), "{}", report);
        prop_assert!(!report.contains(&marker), "{}", report);
        prop_assert!(!logged.contains(&marker), "{}", logged);
    }
}

/// What `work` returns, and what was logged on this thread meanwhile.
fn logged<T>(work: impl FnOnce() -> T) -> (T, String) {
    let log = TestLog::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let done = tracing::subscriber::with_default(subscriber, work);
    (done, log.text())
}

/// The start of a function whose servers are before the proxies, in time, and what it logged.
fn start_before(proxied: &ProxiedStack, runtime: &tokio::runtime::Runtime) -> (AppContext, String) {
    let redis_url = std::env::var("TEST_REDIS_URL").expect("set");
    let variables = variables(&[
        (
            "DATABASE_URL",
            &proxied.postgres.url(&proxied.stack.database.url("countersign_app")),
        ),
        ("REDIS_URL", &proxied.redis.url(&redis_url)),
    ]);
    let (started, logged) = logged(|| {
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(40), start(variables, Duty::Tenants)).await })
    });
    (
        started.expect("this start has no end").expect("it starts all the same"),
        logged,
    )
}

#[test]
fn who_is_down_is_logged_and_does_not_keep_a_function_from_starting() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let proxied = runtime.block_on(ProxiedStack::with(&[]));
    let (_, logged) = start_before(&proxied, &runtime);
    assert!(!logged.contains("does not answer"), "{logged}");
    for down in [ProxyMode::Refuse, ProxyMode::BlackHole] {
        proxied.postgres.set(down.clone());
        proxied.redis.set(down);
        let (ctx, logged) = start_before(&proxied, &runtime);
        assert!(
            logged.contains("ERROR") && logged.contains("Postgres does not answer"),
            "{logged}"
        );
        assert!(logged.contains("Redis does not answer"), "{logged}");
        assert!(!logged.contains("countersign-tests"), "the password: {logged}");
        proxied.postgres.set(ProxyMode::Pass);
        proxied.redis.set(ProxyMode::Pass);
        runtime.block_on(async {
            ctx.db.ping().await.expect("it heals without a restart");
            let healing = "Redis is used again without a restart";
            poll_until(Duration::from_secs(40), healing, async || ctx.cache.ping().await).await;
        });
    }
}
