//! The functions of a run: several processes each, some with clocks that are minutes off.

use std::path::{Path, PathBuf};

use shared::testing::FaultProxy;
use system_tests::{
    fleet::{Fleet, Program},
    load::OPERATOR,
    servers::Servers,
};

/// How far the clock of a skewed process is off, in seconds, either way.
const SKEW: &str = "540";

/// How far the clock of the skewed sweep is ahead, in seconds. By it a sweep here has less left than it keeps as its margin,
/// as one of seventy seconds has by a clock that is a minute ahead or more.
const SWEEPS_SKEW: &str = "3";

/// How many processes are skewed.
pub(crate) const SKEWED: usize = 5;

/// The environment of the skewed sweep.
pub(crate) const SKEWED_SWEEP: &str = "outbox-2";

/// All functions, several processes each, [`SKEWED`] of them with clocks that are minutes off.
pub(crate) async fn fleet(servers: &Servers, postgres: &FaultProxy, redis: &FaultProxy) -> Fleet {
    let settings = [
        ("DATABASE_URL", postgres.url(&servers.database_url("countersign_app"))),
        (
            "SWEEPER_DATABASE_URL",
            postgres.url(&servers.database_url("countersign_sweeper")),
        ),
        ("REDIS_URL", redis.url(servers.redis_url())),
        ("ADMIN_API_KEY", OPERATOR.to_owned()),
        ("AUTH_BCRYPT_COST", "4".to_owned()),
        // Less patience than usual with a Postgres that does not answer, so that the run spends its time on requests; but
        // enough for all processes to connect at the same time on a small machine.
        ("DATABASE_STATEMENT_TIMEOUT_MS", "5000".to_owned()),
        ("REDIS_TIMEOUT_MS", "100".to_owned()),
        ("OUTBOX_LEASE_SECONDS", "10".to_owned()),
        ("OUTBOX_TURN_MS", "200".to_owned()),
        ("RATE_LIMIT_PER_SECOND", "100000".to_owned()),
        ("RATE_LIMIT_BURST", "100000".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let processes = |name: &str, count: usize| vec![Program::built(name); count];
    let skewed = |seconds: &str| Program::built("skewed").set("CLOCK_SHIFT_SECONDS", seconds);
    let mut approval = processes("approval", 3);
    approval.extend([skewed(SKEW), skewed(&format!("-{SKEW}"))]);
    let mut tenant = processes("tenant", 1);
    tenant.push(skewed(SKEW));
    let mut audit = processes("audit", 1);
    audit.push(skewed(&format!("-{SKEW}")));
    let mut outbox = processes("outbox", 2);
    // A sweep whose clock knows nothing better than the setting takes its time from there, and must not outlive its deadline.
    outbox.push(skewed(SWEEPS_SKEW).set("OUTBOX_SWEEP_SECONDS", "2"));
    let functions = vec![
        ("health", processes("health", 1)),
        ("tenant", tenant),
        ("approval", approval),
        ("audit", audit),
        ("outbox", outbox),
    ];
    Fleet::start(functions, &settings, &logs()).await
}

/// A folder of this process, kept for whoever wants to know why a run failed.
fn logs() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    println!("what the functions say is in {}", folder.display());
    folder
}
