//! Runs the built binary, and serves the real functions on a loopback port for it to speak to.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use serde_json::Value;
use shared::testing::{TestDatabase, TestKey, TestStack};
use tokio::sync::oneshot;

/// What the binary is given instead of the environment of whoever runs the tests.
pub(crate) type Environment = Vec<(String, String)>;

/// The command, in an environment that holds nothing but what is given, far from any `.env`.
pub(crate) fn countersign(environment: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .env_clear()
        // Where an instrumented build leaves its counts (`make coverage`); nothing reads it otherwise.
        .envs(env::var_os("LLVM_PROFILE_FILE").map(|file| ("LLVM_PROFILE_FILE", file)))
        .envs(environment.iter().cloned())
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// What a finished run said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails the test for any other exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON values, one a line.
    #[track_caller]
    pub(crate) fn values(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The only JSON value of standard output.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        let [value] = &self.values()[..] else {
            panic!("not one value: {}", self.stdout)
        };
        value.clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// Runs the command to its end.
pub(crate) fn run(environment: &[(String, String)], arguments: &[&str]) -> Ran {
    countersign(environment, arguments).output().expect("it runs").into()
}

/// Runs the command with something on standard input.
pub(crate) fn run_with_input(environment: &[(String, String)], arguments: &[&str], input: &str) -> Ran {
    let mut child = spawn_with(countersign(environment, arguments).stdin(Stdio::piped()));
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(input.as_bytes())
        .expect("written");
    child.wait_with_output().expect("it runs").into()
}

/// Starts the command and leaves it running.
pub(crate) fn spawn(environment: &[(String, String)], arguments: &[&str]) -> Child {
    spawn_with(&mut countersign(environment, arguments))
}

fn spawn_with(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// The settings with which the binary opens a test's database.
pub(crate) fn of_database(database: &TestDatabase) -> Environment {
    let redis = std::env::var("TEST_REDIS_URL").expect("TEST_REDIS_URL is set: run the tests with `make test`");
    [
        ("ENVIRONMENT", "local".to_owned()),
        ("AUTH_BCRYPT_COST", "4".to_owned()),
        ("DATABASE_URL", database.url("countersign_app")),
        ("ADMIN_DATABASE_URL", database.url("countersign_migrator")),
        ("REDIS_URL", redis),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The settings with which the binary speaks to a server as the holder of a key.
pub(crate) fn of_key(url: &str, key: &TestKey) -> Environment {
    [
        ("COUNTERSIGN_URL", url.to_owned()),
        ("COUNTERSIGN_TENANT", key.tenant_id.to_string()),
        ("COUNTERSIGN_API_KEY", key.text.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A directory that is removed at the end of the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("countersign-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The functions on a port of their own, until dropped.
pub(crate) struct Service<T> {
    /// Where they answer.
    pub(crate) url: String,
    /// What was made before they began to.
    pub(crate) with: T,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<T: Send + 'static> Service<T> {
    /// Serves on a fresh database, in which `prepare` may make something first.
    pub(crate) fn start<F>(prepare: impl FnOnce(TestStack) -> F + Send + 'static) -> Self
    where
        F: Future<Output = (TestStack, T)>,
    {
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        // A thread with a runtime of its own, since the test blocks while the binary runs.
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let (stack, with) = prepare(TestStack::start().await).await;
                let routes = approval::routes().merge(audit::routes()).merge(tenant::routes());
                let (served, _) = shared::http::app(stack.ctx.clone(), routes);
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address");
                ready
                    .send((format!("http://{address}"), with))
                    .expect("the test is there");
                tokio::select! {
                    ended = async { axum::serve(listener, served).await } => ended.expect("it serves"),
                    _ = stopped => {}
                }
            });
        });
        let (url, with) = started.recv().expect("the functions start");
        Self {
            url,
            with,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl<T> Drop for Service<T> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.thread.take().map(thread::JoinHandle::join)
            && !thread::panicking()
        {
            // What it drops there, its database among it, has an opinion on what the test left behind.
            ended.expect("the functions ended in order");
        }
    }
}
