//! What goes wrong with the stores during a run, one thing after the other, by the count of requests.
//!
//! Each trouble is looked at through `/health/ready` while it lasts and after it is over. Whether answers were right is
//! not judged here.

mod trouble;

use std::{fmt::Write as _, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::testing::{FaultProxy, ProxyMode};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use crate::{
    fleet::{Ask, Fleet},
    load::Tickets,
    servers::Servers,
};

pub use trouble::Trouble;

/// How long readiness may take to notice. A whole process may have to find out first that its connection is dead.
const NOTICED_WITHIN: Duration = Duration::from_mins(1);
/// The roles whose connections a function holds.
const ROLES: [&str; 2] = ["countersign_app", "countersign_sweeper"];
/// Beyond the patience of a function with Redis, and within its patience with Postgres.
const SLOW: Duration = Duration::from_millis(250);

/// The stores, each behind a proxy, and what happens to them.
pub struct Weather {
    /// The servers.
    pub servers: Servers,
    /// In front of Postgres.
    pub postgres: FaultProxy,
    /// In front of Redis.
    pub redis: FaultProxy,
    /// Who is asked for readiness.
    pub fleet: Arc<Fleet>,
    /// The clock.
    pub tickets: Arc<Tickets>,
    /// As the superuser, past the proxy.
    pub superuser: PgPool,
}

/// One trouble that was.
#[derive(Debug, Clone)]
pub struct Spell {
    /// What it was.
    pub trouble: Trouble,
    /// Just before it began.
    pub began: Instant,
    /// When the store served again.
    pub healed: Instant,
    /// How many requests were sent while it lasted.
    pub requests: u64,
    /// What readiness said while it lasted.
    pub readiness: String,
    /// What one that was over at once, and that readiness could not tell of, is known to have done: keys forgotten,
    /// connections reset, servers that began anew.
    pub struck: Option<u64>,
}

impl Weather {
    /// One trouble: it comes, lasts for this many requests, and goes.
    pub async fn strike(&mut self, trouble: Trouble, lasting: u64) -> Spell {
        let first = self.tickets.taken();
        let began = Instant::now();
        let struck = self.begin(trouble).await;
        let readiness = match trouble.readiness() {
            Some(expected) => self.until_ready_says(trouble, expected).await,
            None => "ok".to_owned(),
        };
        // What was sent before it was noticed may all have been in time. Once all tickets are gone nobody takes any more.
        let until = self.tickets.taken() + lasting;
        self.tickets.reach(until.min(self.tickets.total())).await;
        self.end(trouble).await;
        let healed = Instant::now();
        let requests = self.tickets.taken() - first;
        self.until_ready_says(trouble, (200, "ok")).await;
        Spell {
            trouble,
            began,
            healed,
            requests,
            readiness,
            struck,
        }
    }

    async fn begin(&mut self, trouble: Trouble) -> Option<u64> {
        match trouble {
            Trouble::RedisFlushed => {
                let keys = self.keys_in_redis().await;
                self.servers.order("redis flush").await;
                return Some(keys);
            }
            Trouble::RedisStopped => {
                self.redis.stop();
                self.servers.order("redis kill").await;
            }
            Trouble::RedisSlow => self.redis.set(ProxyMode::Delay(SLOW)),
            Trouble::RedisBlackHole => self.redis.set(ProxyMode::BlackHole),
            Trouble::PostgresRestarted => {
                let before = self.postgres_began_at().await;
                self.servers.order("postgres restart").await;
                return Some(u64::from(self.postgres_began_at().await > before));
            }
            Trouble::PostgresStopped => {
                self.postgres.set(ProxyMode::Refuse);
                self.servers.order("postgres stop").await;
            }
            Trouble::PostgresKilled => self.servers.order("postgres kill").await,
            Trouble::PostgresCut => {
                let held = self.postgres.traffic().open;
                self.postgres.cut();
                return Some(held);
            }
            Trouble::PostgresBlackHole => self.postgres.set(ProxyMode::BlackHole),
            Trouble::OutOfConnections => self.limit_connections(0).await,
        }
        None
    }

    async fn keys_in_redis(&self) -> u64 {
        let client = redis::Client::open(self.servers.redis_url()).expect("a URL");
        let mut connection = client
            .get_multiplexed_async_connection()
            .await
            .expect("Redis is there before its trouble");
        redis::cmd("DBSIZE")
            .query_async(&mut connection)
            .await
            .expect("Redis answers")
    }

    async fn postgres_began_at(&self) -> DateTime<Utc> {
        sqlx::query_scalar("SELECT pg_postmaster_start_time()")
            .fetch_one(&self.superuser)
            .await
            .expect("Postgres answers")
    }

    async fn end(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::RedisFlushed | Trouble::PostgresRestarted | Trouble::PostgresCut => {}
            Trouble::RedisStopped => {
                self.servers.order("redis start").await;
                self.redis.set(ProxyMode::Pass);
            }
            Trouble::RedisSlow | Trouble::RedisBlackHole => self.redis.set(ProxyMode::Pass),
            Trouble::PostgresStopped => {
                self.servers.order("postgres start").await;
                self.postgres.set(ProxyMode::Pass);
            }
            Trouble::PostgresKilled => self.servers.order("postgres start").await,
            Trouble::PostgresBlackHole => self.postgres.set(ProxyMode::Pass),
            Trouble::OutOfConnections => self.limit_connections(-1).await,
        }
    }

    /// Refuses the functions' roles more connections than this, and ends those they have when it is a limit.
    async fn limit_connections(&self, limit: i32) {
        let mut statements = String::new();
        for role in ROLES {
            let _ = writeln!(statements, "ALTER ROLE {role} CONNECTION LIMIT {limit};");
        }
        if limit >= 0 {
            statements += "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('countersign_app', 'countersign_sweeper');";
        }
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
            .execute(&self.superuser)
            .await
            .expect("the superuser may");
    }

    /// Asks for readiness until it is this status and word.
    async fn until_ready_says(&self, trouble: Trouble, (status, word): (u16, &str)) -> String {
        let deadline = Instant::now() + NOTICED_WITHIN;
        loop {
            let answer = self.fleet.ask(Ask::new("GET", "/health/ready")).await;
            if (answer.status, &answer.body["status"]) == (status, &Value::from(word)) {
                return word.to_owned();
            }
            assert!(
                Instant::now() < deadline,
                "{trouble:?}: /health/ready is to say {status} {word}, and says {} {}",
                answer.status,
                answer.body
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}
