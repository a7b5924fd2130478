use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;

use super::*;

/// A source that counts its reads, answers each with the count, and waits for a permit when it is told to.
#[derive(Clone, Default)]
pub(super) struct Script {
    reads: Arc<AtomicU32>,
    failing: Arc<AtomicU32>,
    gate: Option<Arc<Semaphore>>,
}

impl Script {
    pub(super) async fn read(&self, path: &SecretPath) -> Result<Fields, SecretError> {
        let count = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("open").forget();
        }
        if count <= self.failing.load(Ordering::SeqCst) {
            return Err(SecretError::Unavailable {
                path: path.as_str().to_owned(),
                reason: "scripted".to_owned(),
            });
        }
        Ok(HashMap::from([(
            "url".to_owned(),
            SecretString::from(format!("{}-{count}", path.as_str())),
        )]))
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::SeqCst)
    }
}

/// A clock that a test moves.
#[derive(Clone)]
struct Stopwatch {
    start: Instant,
    elapsed_ms: Arc<AtomicU64>,
}

impl Stopwatch {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            elapsed_ms: Arc::default(),
        }
    }

    fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).expect("short");
        self.elapsed_ms.fetch_add(by, Ordering::SeqCst);
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_millis(self.elapsed_ms.load(Ordering::SeqCst))
    }
}

const TTL: Duration = Duration::from_mins(5);

fn scripted(script: &Script, stopwatch: &Stopwatch) -> Secrets {
    let stopwatch = stopwatch.clone();
    Secrets::new(Source::Scripted(script.clone()), TTL, move || stopwatch.now())
}

async fn url(secrets: &Secrets, path: &str) -> String {
    secrets
        .get_secret(path, "url")
        .await
        .expect("scripted")
        .expose_secret()
        .to_owned()
}

#[tokio::test]
async fn a_secret_is_read_once_until_its_time_is_over() {
    let (script, stopwatch) = (Script::default(), Stopwatch::new());
    let secrets = scripted(&script, &stopwatch);
    assert_eq!(url(&secrets, "database").await, "database-1");
    stopwatch.advance(TTL.saturating_sub(Duration::from_millis(1)));
    assert_eq!(url(&secrets, "database").await, "database-1");
    assert!(secrets.get_secret("database", "other").await.is_err());
    assert_eq!(script.reads(), 1);
    stopwatch.advance(Duration::from_millis(1));
    assert_eq!(url(&secrets, "database").await, "database-2");
    assert_eq!(url(&secrets.clone(), "database").await, "database-2");
}

#[tokio::test]
async fn each_path_has_a_time_of_its_own() {
    let (script, stopwatch) = (Script::default(), Stopwatch::new());
    let secrets = scripted(&script, &stopwatch);
    assert_eq!(url(&secrets, "database").await, "database-1");
    stopwatch.advance(TTL / 2);
    assert_eq!(url(&secrets, "redis").await, "redis-2");
    stopwatch.advance(TTL / 2);
    assert_eq!(url(&secrets, "redis").await, "redis-2");
    assert_eq!(url(&secrets, "database").await, "database-3");
}

#[tokio::test]
async fn those_who_miss_together_read_once() {
    let gate = Arc::new(Semaphore::new(0));
    let script = Script {
        gate: Some(Arc::clone(&gate)),
        ..Script::default()
    };
    let secrets = scripted(&script, &Stopwatch::new());
    let everyone = join_all((0..50).map(|_| url(&secrets, "database")));
    // `join_all` polls all of them before the gate opens, because the opener is polled after it.
    let (read, ()) = tokio::join!(everyone, async { gate.add_permits(50) });
    assert!(read.iter().all(|value| value == "database-1"));
    assert_eq!(script.reads(), 1);
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_tried_again_by_the_next() {
    let gate = Arc::new(Semaphore::new(0));
    let script = Script {
        gate: Some(Arc::clone(&gate)),
        failing: Arc::new(AtomicU32::new(1)),
        ..Script::default()
    };
    let secrets = scripted(&script, &Stopwatch::new());
    let everyone = join_all((0..5).map(|_| secrets.get_secret("database", "url")));
    let (read, ()) = tokio::join!(everyone, async { gate.add_permits(10) });
    assert!(
        read.iter()
            .all(|answer| matches!(answer, Err(SecretError::Unavailable { .. })))
    );
    assert_eq!(script.reads(), 1);
    assert_eq!(url(&secrets, "database").await, "database-2");
    assert!(secrets.health().await.is_ok());
}

#[tokio::test]
async fn a_reader_who_gives_up_leaves_the_read_to_the_others() {
    let gate = Arc::new(Semaphore::new(0));
    let script = Script {
        gate: Some(Arc::clone(&gate)),
        ..Script::default()
    };
    let secrets = scripted(&script, &Stopwatch::new());
    assert!(secrets.get_secret("database", "url").now_or_never().is_none());
    gate.add_permits(1);
    assert_eq!(url(&secrets, "database").await, "database-1");
}

#[tokio::test]
async fn no_source_is_asked_for_a_malformed_path() {
    let script = Script::default();
    let secrets = scripted(&script, &Stopwatch::new());
    for path in ["", "/database", "../database", "data%62ase"] {
        assert!(matches!(
            secrets.get_secret(path, "url").await,
            Err(SecretError::InvalidPath(_))
        ));
    }
    assert_eq!(script.reads(), 0);
}

#[tokio::test]
async fn the_environment_tells_paths_from_fields() {
    let secrets = Secrets::from_lookup(
        |variable| match variable {
            "DATABASE_URL" => Some("postgres://one".to_owned()),
            "SWEEPER_DATABASE_URL" => Some("postgres://two".to_owned()),
            "REDIS_URL" => Some(String::new()),
            _ => None,
        },
        TTL,
    );
    let read = secrets.get_secret("database", "sweeper_url").await.expect("set");
    assert_eq!(read.expose_secret(), "postgres://two");
    assert_eq!(
        secrets.get_secret("other", "url").await.expect_err("unknown"),
        SecretError::NoSuchPath("other".into())
    );
    let missing = secrets
        .get_secret("redis", "url")
        .await
        .expect_err("an empty variable is not set");
    assert_eq!(
        missing,
        SecretError::NoSuchField {
            path: "redis".into(),
            field: "url".into()
        }
    );
    assert_eq!(
        missing.to_string(),
        "the secret `countersign/redis` has no field `url` (with SECRETS_SOURCE=env: set REDIS_URL)"
    );
    assert!(secrets.health().await.is_ok());
    assert!(Secrets::from_lookup(|_| None, TTL).health().await.is_err());
}

#[tokio::test]
async fn no_value_can_be_printed() {
    let secrets = Secrets::from_lookup(|_| Some("hunter2".to_owned()), TTL);
    let read = secrets.get_secret("admin", "api_key").await.expect("set");
    let error = secrets.get_secret("admin", "other").await.expect_err("unknown");
    assert!(!format!("{secrets:?} {read:?} {error:?} {error}").contains("hunter2"));
}
