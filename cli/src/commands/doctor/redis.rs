//! Redis: it answers, takes writes, and makes room when it is full.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use redis::{Client, RedisError, aio::MultiplexedConnection};
use secrecy::{ExposeSecret as _, SecretString};
use shared::context::Clock;

use super::{clocks::Reading, report::Check};

const NAME: &str = "redis";
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at Redis, and reads its clock.
pub(super) async fn look(url: Option<&SecretString>, checks: &mut Vec<Check>) -> Option<Reading> {
    let Some(url) = url else {
        checks.push(Check::not_looked_at(NAME, "its URL is not there", "the secrets"));
        return None;
    };
    // The crate's message may quote the URL, and with it the password.
    let Ok(client) = Client::open(url.expose_secret()) else {
        checks.push(Check::failed(
            NAME,
            "REDIS_URL is not a Redis URL",
            "set REDIS_URL to redis://:<password>@<host>:6379, or rediss:// for TLS",
        ));
        return None;
    };
    let answer = match tokio::time::timeout(PATIENCE, ask(&client)).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    };
    match answer {
        Ok((info, reading)) => {
            checks.extend(judge(&parse(&info)));
            reading
        }
        Err(error) => {
            let address = client.get_connection_info().addr().to_string();
            checks.push(Check::failed(
                NAME,
                format!("Redis at {address} does not answer: {error}"),
                format!("start Redis at {address}, or correct host and password in REDIS_URL"),
            ));
            None
        }
    }
}

async fn ask(client: &Client) -> Result<(String, Option<Reading>), RedisError> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
    Ok((info, time(&mut connection).await?))
}

async fn time(connection: &mut MultiplexedConnection) -> Result<Option<Reading>, RedisError> {
    let clock = Clock::system();
    let before = clock.now();
    let (seconds, micros): (i64, u32) = redis::cmd("TIME").query_async(connection).await?;
    let answer: Option<DateTime<Utc>> = DateTime::from_timestamp(seconds, micros.saturating_mul(1_000));
    Ok(answer.map(|answer| Reading::new(before, answer, clock.now())))
}

/// The fields of `INFO`.
fn parse(info: &str) -> HashMap<&str, &str> {
    info.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .collect()
}

fn judge(info: &HashMap<&str, &str>) -> Vec<Check> {
    let field = |name: &str| info.get(name).copied().unwrap_or_default();
    let mut checks = Vec::new();
    if field("role") == "slave" {
        checks.push(Check::failed(
            NAME,
            "it is a replica and takes no writes",
            "put the address of the primary into REDIS_URL, or `redis-cli REPLICAOF NO ONE`",
        ));
    }
    if field("loading") == "1" {
        checks.push(Check::warning(
            NAME,
            "it is still reading its data from disk",
            "wait until `redis-cli INFO persistence` says loading:0",
        ));
    }
    // Everything stored has a time to live, so whatever makes room by time or by use is right; without it, writes are
    // refused once the memory is full.
    if field("maxmemory_policy") == "noeviction" && field("maxmemory") != "0" {
        checks.push(Check::warning(
            NAME,
            "it refuses writes when its memory is full (maxmemory-policy noeviction)",
            "`redis-cli CONFIG SET maxmemory-policy volatile-ttl`, and the same in redis.conf or the parameter group",
        ));
    }
    // Nothing needs to survive here, but a Redis that cannot save by default refuses writes.
    for (name, what) in [
        ("rdb_last_bgsave_status", "its last snapshot"),
        ("aof_last_write_status", "its last append to disk"),
    ] {
        if field(name) == "err" {
            checks.push(Check::failed(
                NAME,
                format!("{what} failed, and it may refuse writes for that"),
                "make room on its disk, or `redis-cli CONFIG SET save \"\"`: nothing in it has to survive",
            ));
        }
    }
    if checks.is_empty() {
        checks.push(Check::ok(
            NAME,
            format!("version {}, {}", field("redis_version"), field("maxmemory_policy")),
        ));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Status;

    const SOUND: &str = "# Server\r\nredis_version:7.2.4\r\n\r\n# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n\
                         # Persistence\r\nloading:0\r\nrdb_last_bgsave_status:ok\r\naof_last_write_status:ok\r\n\
                         # Replication\r\nrole:master\r\n";

    #[test]
    fn a_sound_redis_is_told_in_one_line() {
        assert_eq!(judge(&parse(SOUND)), [Check::ok(NAME, "version 7.2.4, noeviction")]);
    }

    #[test]
    fn what_makes_it_refuse_writes_is_told() {
        for (from, to, status) in [
            ("role:master", "role:slave", Status::Failed),
            ("loading:0", "loading:1", Status::Warning),
            ("maxmemory:0", "maxmemory:1048576", Status::Warning),
            (
                "rdb_last_bgsave_status:ok",
                "rdb_last_bgsave_status:err",
                Status::Failed,
            ),
            ("aof_last_write_status:ok", "aof_last_write_status:err", Status::Failed),
        ] {
            let info = SOUND.replace(from, to);
            let checks = judge(&parse(&info));
            assert!(
                checks.len() == 1 && checks[0].status == status && checks[0].remedy.is_some(),
                "{to}: {checks:#?}"
            );
        }
        let bounded = SOUND
            .replace("maxmemory:0", "maxmemory:1048576")
            .replace("noeviction", "allkeys-lru");
        assert_eq!(judge(&parse(&bounded))[0].status, Status::Ok);
    }
}
