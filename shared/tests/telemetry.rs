//! Logging as a process starts it: what comes out on its two streams when it panics. Only a process of its own can show
//! this, because logging is started once.

#![cfg(feature = "testing")]

use std::{
    env,
    io::{Read as _, Write as _},
    net::TcpListener,
    process::{Command, Output},
    thread,
};

use aws_config::BehaviorVersion;
use serde_json::{Value, json};
use shared::{
    config::{Config, TelemetryConfig},
    data::Ttl,
    http::ApiError,
    secrets::Secrets,
    telemetry,
    testing::TestStack,
};

/// Set in the process that plays the function.
const ON_STAGE: &str = "COUNTERSIGN_TEST_ON_STAGE";
/// Where that process finds its secret.
const ENDPOINT: &str = "COUNTERSIGN_TEST_ENDPOINT";
const SECRET_PATH: &str = "COUNTERSIGN_TEST_SECRET_PATH";
/// Put together here, so that no scanner of repositories takes it for a real one.
const SECRET: &str = concat!("cst_", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");

/// One test of this file alone, in a process of its own.
fn command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("this file's own program"));
    command.args(["--exact", test, "--nocapture"]).env(ON_STAGE, "1");
    command
}

fn play(test: &str, backtrace: &str) -> Output {
    command(test)
        .env("RUST_BACKTRACE", backtrace)
        .output()
        .expect("it runs")
}

fn lines(output: &Output) -> Vec<Value> {
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn start() -> bool {
    let on_stage = env::var_os(ON_STAGE).is_some();
    if on_stage {
        let config = TelemetryConfig {
            log_level: "trace".to_owned(),
        };
        telemetry::init(&config);
        // A second start is harmless.
        telemetry::init(&config);
    }
    on_stage
}

#[test]
fn a_panic_is_one_line_with_its_place_and_without_secrets() {
    assert!(!start(), "refused {SECRET}\nat once");
    let output = play("a_panic_is_one_line_with_its_place_and_without_secrets", "0");
    let panics: Vec<Value> = lines(&output)
        .into_iter()
        .filter(|line| line["target"] == "panic")
        .collect();
    assert_eq!(panics.len(), 1, "{output:?}");
    assert_eq!(panics[0]["message"], "refused ***\nat once");
    assert!(
        panics[0]["place"]
            .as_str()
            .is_some_and(|place| place.contains("tests/telemetry.rs:"))
    );
    assert!(panics[0].get("backtrace").is_none());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("refused"), "standard error is not masked: {errors}");
}

#[test]
fn a_panic_without_words_is_a_line_too() {
    if start() {
        std::panic::panic_any(SECRET.len());
    }
    let said = lines(&play("a_panic_without_words_is_a_line_too", "0"));
    let panics: Vec<&Value> = said.iter().filter(|line| line["target"] == "panic").collect();
    assert_eq!(panics.len(), 1, "{said:?}");
    assert_eq!(panics[0]["message"], "without a message");
    assert!(panics[0]["place"].is_string());
}

#[test]
fn a_panic_has_its_backtrace_where_one_is_wanted() {
    assert!(!start(), "on stage");
    let output = play("a_panic_has_its_backtrace_where_one_is_wanted", "1");
    let said = lines(&output);
    let line = said.iter().find(|line| line["target"] == "panic").expect("a line");
    assert!(
        line["backtrace"]
            .as_str()
            .is_some_and(|trace| trace.contains("telemetry"))
    );
}

/// Everything a connection at its most talkative has to say, and its error as the functions log it.
#[tokio::test]
async fn the_database_and_the_cache_say_no_value_and_no_password() {
    let name = "the_database_and_the_cache_say_no_value_and_no_password";
    let confided = "between-us@example.com";
    if start() {
        let stack = TestStack::start().await;
        let tenant = stack.new_tenant().await;
        let insert = || {
            sqlx::query(
                "INSERT INTO users (tenant_id, id, email, name, role, created_at, updated_at)
             VALUES ($1, gen_random_uuid(), $2, 'A', 'admin', now(), now())",
            )
            .bind(tenant)
            .bind(confided)
        };
        let owner = stack.owner_pool();
        insert().execute(&owner).await.expect("the first");
        let error = insert().execute(&owner).await.expect_err("an address is taken once");
        let whole = format!("{error:?}");
        assert!(
            whole.contains(confided),
            "Postgres quotes the row in its detail line: {whole}"
        );
        let answer = ApiError::from(error);
        tracing::error!(cause = answer.cause(), "a request failed");

        stack
            .ctx
            .cache
            .set("telemetry:test", confided, Ttl::seconds(1))
            .await
            .expect("kept");
        stack.ctx.db.ping().await.expect("Postgres answers");
        drop(owner);
        return;
    }
    let output = play(name, "0");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("duplicate key value violates unique constraint"),
        "{said}"
    );
    assert!(
        said.contains("INSERT INTO users"),
        "the statements are logged at this level: {said}"
    );
    for secret in [confided, "countersign-tests"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
}

/// What the SDK says while it fetches a secret, at its most talkative: of an answer that it can read, and of one cut short.
#[tokio::test]
async fn the_secret_store_says_no_value_and_no_credential_of_its_own() {
    let name = "the_secret_store_says_no_value_and_no_credential_of_its_own";
    if start() {
        let settings = [
            ("SECRETS_SOURCE", "aws".to_owned()),
            ("AWS_ENDPOINT_URL", env::var(ENDPOINT).expect("an address")),
        ];
        let lookup = |name: &str| {
            settings
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.clone())
        };
        let config = Config::from_lookup(&lookup).expect("sound settings");
        let secrets = Secrets::from_config(&config).await;
        let read = secrets
            .get_secret(&env::var(SECRET_PATH).expect("a path"), "api_key")
            .await;
        tracing::info!(read = read.is_ok());
        return;
    }
    let (path, value) = (
        format!("test/{}", uuid::Builder::from_random_bytes(rand::random()).into_uuid()),
        "formless-and-never-to-be-seen",
    );
    let stand_in = env::var("TEST_AWS_ENDPOINT_URL")
        .expect("TEST_AWS_ENDPOINT_URL holds the address of a MiniStack: `make test` starts one");
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .endpoint_url(&stand_in)
        .load()
        .await;
    aws_sdk_secretsmanager::Client::new(&config)
        .create_secret()
        .name(format!("countersign/{path}"))
        .secret_string(json!({ "api_key": value }).to_string())
        .send()
        .await
        .expect("stored");
    let cut_short = format!(r#"{{"Name":"countersign/{path}","SecretString":"{{\"api_key\":\"{value}"#);

    for (endpoint, readable) in [(stand_in, true), (answering_with(cut_short), false)] {
        let session_token = "a-session-token-of-this-test";
        let output = command(name)
            .env(SECRET_PATH, &path)
            .env(ENDPOINT, endpoint)
            .env("AWS_SESSION_TOKEN", session_token)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&format!("\"read\":{readable}")), "{said}");
        assert!(said.contains("hyper_util"), "the libraries say something: {said}");
        for secret in [value, session_token, "Signature="] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

/// A server that gives this answer to every request.
fn answering_with(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 16_384];
            let _ = stream.read(&mut request);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    format!("http://{address}")
}
