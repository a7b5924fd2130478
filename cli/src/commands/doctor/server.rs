//! The Postgres server itself: its version, what it does to keep what it acknowledged, and whether it has room.

use std::collections::HashMap;

use shared::config::{Config, DeployEnvironment};
use sqlx::PgConnection;

use super::{logins::ANY, looking::Connections, report::Check};

const NAME: &str = "postgres";
/// The first with `security_invoker`.
const OLDEST: i64 = 150_000;
/// Environments that run at once in the smallest deployment: four functions, and two overlapping sweeps.
const ENVIRONMENTS: i64 = 6;

/// What the server says of itself.
struct Facts {
    /// Of `pg_settings`, in their base units.
    settings: HashMap<String, String>,
    is_in_recovery: bool,
    clients: i64,
    /// Transactions prepared for two-phase commit and left for five minutes.
    forgotten: i64,
}

impl Facts {
    fn text(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or_default()
    }
}

/// Looks at the server.
pub(super) async fn look(connections: &mut Connections, config: &Config, checks: &mut Vec<Check>) {
    match connections.look(NAME, &ANY, facts).await {
        Ok(facts) => checks.extend(judge(&facts, config)),
        Err(check) => checks.push(check),
    }
}

async fn facts(connection: &mut PgConnection) -> Result<Facts, sqlx::Error> {
    let settings = sqlx::query!(
        r#"SELECT name AS "name!", coalesce(setting, '') AS "setting!" FROM pg_settings
           WHERE name IN ('client_connection_check_interval', 'fsync', 'full_page_writes', 'max_connections', 'server_encoding', 'server_version',
                          'server_version_num', 'superuser_reserved_connections', 'synchronous_commit',
                          'transaction_timeout')"#
    )
    .fetch_all(&mut *connection)
    .await?;
    let now = sqlx::query!(
        r#"SELECT pg_is_in_recovery() AS "is_in_recovery!",
                  (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS "clients!",
                  (SELECT count(*) FROM pg_prepared_xacts
                   WHERE database = current_database() AND prepared < now() - interval '5 minutes') AS "forgotten!""#
    )
    .fetch_one(connection)
    .await?;
    Ok(Facts {
        settings: settings.into_iter().map(|row| (row.name, row.setting)).collect(),
        is_in_recovery: now.is_in_recovery,
        clients: now.clients,
        forgotten: now.forgotten,
    })
}

fn judge(facts: &Facts, config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let version = facts.text("server_version");
    if facts.number("server_version_num") < OLDEST {
        checks.push(Check::failed(
            NAME,
            format!("version {version} is older than 15"),
            "upgrade the server to Postgres 15 or newer",
        ));
    }
    if facts.text("server_encoding") != "UTF8" {
        checks.push(Check::failed(
            NAME,
            format!(
                "the database is in {}, which cannot hold every text",
                facts.text("server_encoding")
            ),
            "`CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0;` and move into it",
        ));
    }
    if facts.is_in_recovery {
        checks.push(Check::failed(
            NAME,
            "the server is a standby and takes no writes",
            "put the address of the primary into the URLs, or `SELECT pg_promote();`",
        ));
    }
    checks.extend(durability(facts, config.server.environment));
    checks.extend(room(facts, config));
    if facts.number("client_connection_check_interval") == 0 {
        checks.push(Check::warning(
            NAME,
            "the server does not look whether a client is still there, so what a function gave up runs on",
            "as the database's owner `ALTER DATABASE … SET client_connection_check_interval = '1s';`",
        ));
    }
    if facts.forgotten > 0 {
        checks.push(Check::warning(
            NAME,
            format!(
                "{} prepared transactions were left for more than five minutes and hold their locks",
                facts.forgotten
            ),
            "`SELECT gid FROM pg_prepared_xacts;`, then `ROLLBACK PREPARED '<gid>';` for each that nobody will finish",
        ));
    }
    if checks.is_empty() {
        checks.push(Check::ok(
            NAME,
            format!("version {version}, connections: {}", facts.clients),
        ));
    }
    checks
}

/// A developer's machine may be fast instead of safe.
fn durability(facts: &Facts, environment: DeployEnvironment) -> Vec<Check> {
    if environment == DeployEnvironment::Local {
        return Vec::new();
    }
    ["fsync", "full_page_writes", "synchronous_commit"]
        .into_iter()
        .filter(|name| facts.text(name) == "off")
        .map(|name| {
            Check::warning(
                NAME,
                format!("{name} is off, so a crash loses what was acknowledged"),
                format!("as a superuser `ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();`"),
            )
        })
        .collect()
}

fn room(facts: &Facts, config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let most = facts.number("max_connections") - facts.number("superuser_reserved_connections");
    let pool = i64::from(config.database.max_connections);
    let wanted = pool * ENVIRONMENTS;
    if most < wanted {
        checks.push(Check::warning(
            NAME,
            format!("{most} connections are fewer than the {wanted} that {ENVIRONMENTS} environments of {pool} may hold"),
            format!(
                "as a superuser `ALTER SYSTEM SET max_connections = {};` and restart, or lower DATABASE_MAX_CONNECTIONS",
                wanted + facts.number("superuser_reserved_connections")
            ),
        ));
    }
    if facts.clients * 10 > most * 9 {
        checks.push(Check::warning(
            NAME,
            format!("{} of {most} connections are taken", facts.clients),
            format!(
                "as a superuser `ALTER SYSTEM SET max_connections = {};` and restart",
                most * 2
            ),
        ));
    }
    let timeout = facts.number("transaction_timeout");
    let statement = i64::try_from(config.database.statement_timeout_ms).unwrap_or(i64::MAX);
    if timeout > 0 && timeout < statement {
        checks.push(Check::warning(
            NAME,
            format!("transaction_timeout ends a transaction after {timeout} ms, before a statement's {statement} ms"),
            format!("as a superuser `ALTER SYSTEM SET transaction_timeout = {statement}; SELECT pg_reload_conf();`"),
        ));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Status;

    fn facts(changes: &[(&str, &str)]) -> Facts {
        let sound = [
            ("client_connection_check_interval", "1000"),
            ("fsync", "on"),
            ("full_page_writes", "on"),
            ("max_connections", "100"),
            ("server_encoding", "UTF8"),
            ("server_version", "16.4"),
            ("server_version_num", "160004"),
            ("superuser_reserved_connections", "3"),
            ("synchronous_commit", "on"),
        ];
        Facts {
            settings: sound
                .iter()
                .chain(changes)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            is_in_recovery: false,
            clients: 4,
            forgotten: 0,
        }
    }

    fn config(variables: &'static [(&str, &str)]) -> Config {
        Config::from_lookup(&|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .expect("valid")
    }

    fn only(checks: &[Check]) -> (Status, &str) {
        let [check] = checks else { panic!("{checks:#?}") };
        (check.status, &check.found)
    }

    #[test]
    fn a_sound_server_is_told_in_one_line() {
        assert_eq!(
            only(&judge(&facts(&[]), &config(&[]))),
            (Status::Ok, "version 16.4, connections: 4")
        );
    }

    #[test]
    fn what_is_off_is_a_warning_but_on_a_developers_machine() {
        for name in ["fsync", "full_page_writes", "synchronous_commit"] {
            let off = facts(&[(name, "off")]);
            assert_eq!(only(&judge(&off, &config(&[]))).0, Status::Ok);
            let deployed = config(&[
                ("ENVIRONMENT", "production"),
                ("PUBLIC_URL", "https://countersign.example.com"),
            ]);
            let checks = judge(&off, &deployed);
            let (status, found) = only(&checks);
            assert!(status == Status::Warning && found.starts_with(name), "{found}");
        }
    }

    #[test]
    fn each_fault_of_the_server_is_told_apart() {
        let old = facts(&[("server_version_num", "140011"), ("server_version", "14.11")]);
        let table = [
            (old, Status::Failed, "version 14.11 is older than 15"),
            (
                facts(&[("server_encoding", "SQL_ASCII")]),
                Status::Failed,
                "the database is in SQL_ASCII",
            ),
            (
                facts(&[("max_connections", "8")]),
                Status::Warning,
                "5 connections are fewer than the 6",
            ),
            (
                facts(&[("transaction_timeout", "5000")]),
                Status::Warning,
                "transaction_timeout ends",
            ),
            (
                facts(&[("client_connection_check_interval", "0")]),
                Status::Warning,
                "the server does not look whether a client is still there",
            ),
        ];
        for (facts, status, beginning) in table {
            let checks = judge(&facts, &config(&[]));
            let (was, found) = only(&checks);
            assert!(was == status && found.starts_with(beginning), "{found}");
        }
        let standby = Facts {
            is_in_recovery: true,
            ..facts(&[])
        };
        assert_eq!(only(&judge(&standby, &config(&[]))).0, Status::Failed);
        let full = Facts {
            clients: 90,
            ..facts(&[])
        };
        assert_eq!(
            only(&judge(&full, &config(&[]))),
            (Status::Warning, "90 of 97 connections are taken")
        );
        let forgotten = Facts {
            forgotten: 1,
            ..facts(&[])
        };
        assert_eq!(only(&judge(&forgotten, &config(&[]))).0, Status::Warning);
    }
}
