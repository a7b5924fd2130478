//! A Postgres and a Redis that a test may stop, kill, restart and empty: `scripts/servers.py`, driven over its pipes.
#![expect(clippy::missing_panics_doc, reason = "a test that cannot set itself up has failed")]

use std::{path::Path, process::Stdio, str::FromStr as _};

use serde_json::Value;
use shared::testing::migrate;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The two servers. They end, and their files go, when this value does; [`end`](Self::end) also looks into them.
pub struct Servers {
    // Closing its stdin is what ends the script; it is dropped before the child is waited for by nobody.
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _script: Child,
    superuser: PgConnectOptions,
    role_password: String,
    redis: String,
}

impl Servers {
    /// Starts both, and brings the database to its newest schema as the migrator would.
    pub async fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/servers.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = answers.next_line().await.expect("readable");
        let first = first.expect("scripts/servers.py says on stderr why it ended");
        let told: Value = serde_json::from_str(&first).expect("JSON");
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        let servers = Self {
            stdin: child.stdin.take().expect("piped"),
            answers,
            _script: child,
            superuser: PgConnectOptions::from_str(&text("postgres"))
                .expect("a URL")
                .database(&text("database")),
            role_password: text("role_password"),
            redis: text("redis"),
        };
        migrate(&servers.superuser.clone().password(&servers.role_password)).await;
        servers
    }

    /// Gives an order, such as `postgres restart`, and returns when it has been carried out.
    pub async fn order(&mut self, order: &str) {
        self.stdin
            .write_all(format!("{order}\n").as_bytes())
            .await
            .expect("the script listens");
        let answer = self
            .answers
            .next_line()
            .await
            .expect("readable")
            .expect("the script answers");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        assert_eq!(answer["done"], order, "{answer}");
    }

    /// Ends both, and fails if a secret stood in what they held or have logged. Says how many bytes that was.
    pub async fn end(self) -> u64 {
        let Self {
            stdin,
            mut answers,
            _script,
            ..
        } = self;
        drop(stdin);
        let answer = answers.next_line().await.expect("readable");
        let answer = answer.expect("the script says what it found");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["searched"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// The URL of a role's connection.
    #[must_use]
    pub fn database_url(&self, role: &str) -> String {
        let (port, database) = (self.superuser.get_port(), self.superuser.get_database().expect("named"));
        format!("postgres://{role}:{}@127.0.0.1:{port}/{database}", self.role_password)
    }

    /// The URL of Redis.
    #[must_use]
    pub fn redis_url(&self) -> &str {
        &self.redis
    }

    /// A pool as the superuser, who sees past row-level security.
    #[must_use]
    pub fn superuser(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(self.superuser.clone())
    }
}
