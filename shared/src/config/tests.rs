use std::{cell::RefCell, collections::BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::secrets;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::from_lookup(&|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn mistakes(variables: &[(&str, &str)]) -> Vec<String> {
    match read(variables) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

/// What a deployment has to set.
const PUBLIC_URL: (&str, &str) = ("PUBLIC_URL", "https://countersign.example.com");

#[test]
fn nothing_set_gives_the_defaults() {
    let config = read(&[]).expect("defaults are valid");
    assert_eq!(
        config.server,
        ServerConfig {
            environment: DeployEnvironment::Local,
            public_url: "http://127.0.0.1:9000".to_owned(),
        }
    );
    assert_eq!(
        config.database,
        DatabaseConfig {
            max_connections: 1,
            acquire_timeout_ms: 3_000,
            statement_timeout_ms: 10_000,
            idle_check_seconds: 10
        }
    );
    assert_eq!(config.redis, RedisConfig { timeout_ms: 250 });
    assert_eq!(
        config.auth,
        AuthConfig {
            bcrypt_cost: 10,
            verdict_ttl_seconds: 3_600
        }
    );
    assert_eq!(
        config.approvals,
        ApprovalsConfig {
            token_ttl_seconds: 3_600,
            max_waiters: 20,
            max_pending_per_caller: 1_000,
        }
    );
    assert_eq!(
        config.outbox,
        OutboxConfig {
            turn_ms: 300,
            sweep_seconds: 62,
            lease_seconds: 60,
            batch: 100,
            late_seconds: 120
        }
    );
    assert_eq!(config.cors.origins, ["http://localhost:5173", "http://127.0.0.1:5173"]);
    assert_eq!(
        config.secrets,
        SecretsConfig {
            source: SecretsSource::Env,
            cache_ttl_seconds: 300,
            aws_endpoint_url: None
        }
    );
    assert_eq!(config.telemetry.log_level, "info");
}

#[test]
fn every_section_is_read() {
    let config = read(&[
        ("ENVIRONMENT", "production"),
        ("PUBLIC_URL", " https://Countersign.example.com:443/ "),
        ("DATABASE_MAX_CONNECTIONS", "4"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "100"),
        ("DATABASE_STATEMENT_TIMEOUT_MS", "200"),
        ("DATABASE_IDLE_CHECK_SECONDS", "0"),
        ("REDIS_TIMEOUT_MS", "50"),
        ("AUTH_BCRYPT_COST", "12"),
        ("AUTH_VERDICT_TTL_SECONDS", "60"),
        ("RATE_LIMIT_PER_SECOND", "3"),
        ("RATE_LIMIT_BURST", "8"),
        ("APPROVAL_TOKEN_TTL_SECONDS", "1209600"),
        ("APPROVAL_MAX_WAITERS", "0"),
        ("APPROVAL_MAX_PENDING_PER_CALLER", "100000"),
        ("OUTBOX_TURN_MS", "500"),
        ("OUTBOX_SWEEP_SECONDS", "10"),
        ("OUTBOX_LEASE_SECONDS", "30"),
        ("OUTBOX_BATCH", "7"),
        ("OUTBOX_LATE_SECONDS", "9"),
        ("CORS_ORIGINS", " https://Console.example.com:443 ,http://[::1]:8080"),
        ("SECRETS_SOURCE", "aws"),
        ("SECRETS_CACHE_TTL_SECONDS", "5"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("LOG_LEVEL", "warn,request=info"),
    ])
    .expect("all valid");
    let expected = Config {
        server: ServerConfig {
            environment: DeployEnvironment::Production,
            public_url: "https://countersign.example.com".to_owned(),
        },
        database: DatabaseConfig {
            max_connections: 4,
            acquire_timeout_ms: 100,
            statement_timeout_ms: 200,
            idle_check_seconds: 0,
        },
        redis: RedisConfig { timeout_ms: 50 },
        auth: AuthConfig {
            bcrypt_cost: 12,
            verdict_ttl_seconds: 60,
        },
        rate_limit: RateLimitConfig {
            per_second: 3,
            burst: 8,
        },
        approvals: ApprovalsConfig {
            token_ttl_seconds: 1_209_600,
            max_waiters: 0,
            max_pending_per_caller: 100_000,
        },
        outbox: OutboxConfig {
            turn_ms: 500,
            sweep_seconds: 10,
            lease_seconds: 30,
            batch: 7,
            late_seconds: 9,
        },
        cors: CorsConfig {
            origins: vec!["https://console.example.com".to_owned(), "http://[::1]:8080".to_owned()],
        },
        secrets: SecretsConfig {
            source: SecretsSource::Aws,
            cache_ttl_seconds: 5,
            aws_endpoint_url: Some("http://127.0.0.1:4566".to_owned()),
        },
        telemetry: TelemetryConfig {
            log_level: "warn,request=info".to_owned(),
        },
    };
    assert_eq!(config, expected);
}

#[test]
fn an_empty_value_counts_as_not_set() {
    assert_eq!(
        read(&[("OUTBOX_BATCH", ""), ("CORS_ORIGINS", "  "), ("ENVIRONMENT", "")]),
        read(&[])
    );
}

#[test]
fn all_mistakes_are_told_together_by_name_and_without_their_values() {
    let wrong = [
        ("ENVIRONMENT", "hunter2"),
        ("PUBLIC_URL", "hunter2"),
        ("DATABASE_MAX_CONNECTIONS", "hunter2"),
        ("APPROVAL_TOKEN_TTL_SECONDS", "59"),
        ("CORS_ORIGINS", "https://a.example,hunter2"),
        ("SECRETS_SOURCE", "hunter2"),
        ("AWS_ENDPOINT_URL", "hunter2"),
        ("LOG_LEVEL", "shared=hunter2"),
    ];
    let told = mistakes(&wrong);
    let names: BTreeSet<&str> = told.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names, wrong.iter().map(|(name, _)| *name).collect());
    assert_eq!(told.len(), wrong.len());
    assert!(told.contains(&"APPROVAL_TOKEN_TTL_SECONDS: expected a whole number from 60 to 1209600".to_owned()));
    assert!(
        !told
            .iter()
            .any(|line| line.contains("hunter2") || line.contains("a.example")),
        "{told:?}"
    );
    let debug = format!("{:?}", read(&wrong));
    assert!(!debug.contains("hunter2"), "{debug}");
}

#[test]
fn a_cheap_bcrypt_is_for_development_only() {
    for environment in ["local", "dev"] {
        assert!(read(&[("ENVIRONMENT", environment), ("AUTH_BCRYPT_COST", "4")]).is_ok());
    }
    for environment in ["staging", "production"] {
        let with_cost = |cost| mistakes(&[("ENVIRONMENT", environment), PUBLIC_URL, ("AUTH_BCRYPT_COST", cost)]);
        assert_eq!(
            with_cost("9"),
            ["AUTH_BCRYPT_COST: expected at least 10 unless ENVIRONMENT is `local` or `dev`"]
        );
        assert!(with_cost("10").is_empty());
    }
    assert_eq!(
        mistakes(&[("AUTH_BCRYPT_COST", "3")]),
        ["AUTH_BCRYPT_COST: expected a whole number from 4 to 14"]
    );
    assert_eq!(mistakes(&[("AUTH_BCRYPT_COST", "15")]).len(), 1);
}

#[test]
fn a_turn_must_fit_into_the_sweep() {
    assert_eq!(
        mistakes(&[("OUTBOX_TURN_MS", "1000"), ("OUTBOX_SWEEP_SECONDS", "1")]),
        ["OUTBOX_TURN_MS: expected less than OUTBOX_SWEEP_SECONDS"]
    );
    assert!(read(&[("OUTBOX_TURN_MS", "999"), ("OUTBOX_SWEEP_SECONDS", "1")]).is_ok());
}

#[test]
fn only_development_has_default_origins() {
    for (environment, count) in [("local", 2), ("dev", 2), ("staging", 0), ("production", 0)] {
        let config = read(&[("ENVIRONMENT", environment), PUBLIC_URL]).expect("valid");
        assert_eq!(config.cors.origins.len(), count, "{environment}");
    }
}

#[test]
fn links_lead_to_where_the_deployment_is() {
    let public_url = |variables: &[(&str, &str)]| read(variables).expect("valid").server.public_url;
    assert_eq!(public_url(&[("PORT", "9100")]), "http://127.0.0.1:9100");
    assert_eq!(public_url(&[("PORT", "9100"), PUBLIC_URL]), PUBLIC_URL.1);
    assert_eq!(public_url(&[("PUBLIC_URL", "HTTP://Host:80/")]), "http://host");
    for environment in ["staging", "production"] {
        assert_eq!(
            mistakes(&[("ENVIRONMENT", environment)]),
            [
                "PUBLIC_URL: expected a URL like https://countersign.example.com, without a path, unless ENVIRONMENT is \
              `local` or `dev`"
            ]
        );
    }
    let in_clear = ("PUBLIC_URL", "http://countersign.example.com");
    assert_eq!(
        mistakes(&[("ENVIRONMENT", "production"), in_clear]),
        ["PUBLIC_URL: expected an https:// URL where ENVIRONMENT is `production`"]
    );
    assert!(read(&[("ENVIRONMENT", "staging"), in_clear]).is_ok());
    for wrong in [
        "countersign.example.com",
        "https://countersign.example.com/path",
        "https://countersign.example.com//",
        "https://countersign.example.com?query",
        "https://countersign.example.com/#fragment",
        "https://user@countersign.example.com",
        "https://*",
    ] {
        assert_eq!(mistakes(&[("PUBLIC_URL", wrong)]).len(), 1, "{wrong}");
        assert_eq!(
            mistakes(&[("ENVIRONMENT", "production"), ("PUBLIC_URL", wrong)]).len(),
            1,
            "{wrong}"
        );
    }
}

#[test]
fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
    let refused = [
        "*",
        "https://*",
        "https://*.example.com",
        "null",
        "example.com",
        "//example.com",
        "https://",
        "https://:443",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com?query",
        "https://example.com#fragment",
        "https://user@example.com",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:port",
        "https://exa mple.com",
        "ftp://example.com",
        "https://a.example,",
        ",",
    ];
    for origin in refused {
        assert_eq!(mistakes(&[("CORS_ORIGINS", origin)]).len(), 1, "{origin}");
    }
}

#[test]
fn the_environments_have_the_rights_of_their_names() {
    for (environment, production, development) in [
        (DeployEnvironment::Local, false, true),
        (DeployEnvironment::Dev, false, true),
        (DeployEnvironment::Staging, false, false),
        (DeployEnvironment::Production, true, false),
    ] {
        assert_eq!(environment.is_production(), production);
        assert_eq!(environment.is_local_or_dev(), development);
        let read = read(&[("ENVIRONMENT", environment.as_str()), PUBLIC_URL]).expect("valid");
        assert_eq!(read.server.environment, environment);
    }
}

/// The names in `.env.example`; each stands, commented out or not, at the start of a line as `NAME=`.
fn names_in_example() -> BTreeSet<String> {
    include_str!("../../../.env.example")
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name.to_owned())
        .filter(|name| {
            name.chars()
                .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
        })
        .collect()
}

#[test]
fn the_example_lists_exactly_the_variables_there_are() {
    // Read by the command line, which has no room here.
    let read_elsewhere = ["COUNTERSIGN_URL", "COUNTERSIGN_API_KEY", "COUNTERSIGN_TENANT"];

    let asked = RefCell::new(BTreeSet::new());
    Config::from_lookup(&|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    })
    .expect("defaults are valid");
    let mut known = asked.into_inner();
    known.extend(secrets::variables().map(str::to_owned));
    known.extend(read_elsewhere.map(str::to_owned));

    assert_eq!(names_in_example(), known);
}

#[test]
fn the_example_shows_the_defaults() {
    let example = Environment::parse(include_str!("../../../.env.example"));
    assert!(example.mistakes().is_empty(), "{:?}", example.mistakes());
    // A commented-out line shows a default too, so read them as if they were set.
    let shown = include_str!("../../../.env.example")
        .lines()
        .filter(|line| line.contains('=') && !line.starts_with("# "))
        .map(|line| line.trim_start_matches('#'))
        .collect::<Vec<_>>()
        .join("\n");
    let shown = Environment::parse(&shown);
    let config = Config::from_lookup(&|name| shown.get_behind(name, |_| None)).expect("the example is valid");
    assert_eq!(config, read(&[]).expect("defaults are valid"));
}

proptest! {
    #[test]
    fn no_value_makes_reading_panic_or_is_repeated(value in "[a-z!]{6,12}|\\PC{0,40}", pick in 0_usize..20) {
        let asked = RefCell::new(Vec::new());
        let _ = Config::from_lookup(&|name| { asked.borrow_mut().push(name.to_owned()); None });
        let names = asked.into_inner();
        let name = &names[pick % names.len()];
        if let Err(errors) = read(&[(name.as_str(), value.as_str())]) {
            prop_assert!(errors.iter().all(|error| error.variable() == name));
            let told = errors.to_string();
            prop_assert!(value.trim().chars().count() < 6 || !told.contains(value.trim()), "{}", told);
        }
    }
}
