//! What is in the database: the roles, the migrations, the rules over the catalogue, and the partitions ahead.

use shared::data::catalogue::{self, Offence, RULES};
use sqlx::PgConnection;

use super::{
    logins::{ANY, APP, MIGRATOR},
    looking::Connections,
    report::Check,
};
use crate::migrations::{self, Line, State};

const ROLES: &str = "roles";
const MIGRATIONS: &str = "migrations";
const CATALOGUE: &str = "catalogue";
const PARTITIONS: &str = "partitions";
/// Months after this one that must have their partition. The sweep makes six.
const MONTHS_AHEAD: i32 = 2;

/// Looks at all of it. Rules and partitions only where the migrations are the ones built in: of another schema this
/// program knows nothing.
pub(super) async fn look(connections: &mut Connections, checks: &mut Vec<Check>) {
    checks.push(match connections.look(ROLES, &ANY, missing_roles).await {
        Ok(missing) if missing.is_empty() => Check::ok(ROLES, "all six are there"),
        Ok(missing) => Check::failed(
            ROLES,
            format!("{} do not exist", missing.join(", ")),
            "`countersign migrate up`, or, where it ran before, as a superuser `CREATE ROLE <name> NOLOGIN;` for each",
        ),
        Err(check) => check,
    });
    // The sweep does not know the migrations.
    let why_not = match connections
        .look(MIGRATIONS, &[&MIGRATOR, &APP], migrations::compared)
        .await
    {
        Ok(lines) => {
            let judged = judge_migrations(&lines);
            let is_ours = judged.iter().all(|check| check.remedy.is_none());
            checks.extend(judged);
            (!is_ours).then_some("the migrations are not the ones built in here")
        }
        Err(check) => {
            checks.push(check);
            Some("it is not known which migrations there are")
        }
    };
    if let Some(why_not) = why_not {
        checks.extend([CATALOGUE, PARTITIONS].map(|name| Check::not_looked_at(name, why_not, "the migrations")));
        return;
    }
    match connections.look(CATALOGUE, &ANY, catalogue::lint).await {
        Ok(offences) if offences.is_empty() => {
            checks.push(Check::ok(CATALOGUE, format!("all {} rules hold", RULES.len())));
        }
        Ok(offences) => checks.extend(offences.iter().map(broken)),
        Err(check) => checks.push(check),
    }
    checks.push(match connections.look(PARTITIONS, &ANY, missing_partitions).await {
        Ok(missing) if missing.is_empty() => {
            Check::ok(PARTITIONS, format!("of this month and the {MONTHS_AHEAD} after it"))
        }
        Ok(missing) => Check::failed(
            PARTITIONS,
            format!(
                "the audit log has none for {}, and refuses what falls there",
                missing.join(", ")
            ),
            "see that the function outbox runs; to make them now, as the migrator \
             `SET ROLE countersign_owner; SELECT make_audit_partitions(now(), 7);`",
        ),
        Err(check) => check,
    });
}

fn broken(offence: &Offence) -> Check {
    let why = RULES
        .iter()
        .find(|rule| rule.name == offence.rule)
        .map_or("", |rule| rule.why);
    Check::failed(
        CATALOGUE,
        format!("{}: {}. {why}", offence.rule, offence.object),
        format!("as a superuser `{}`", offence.remedy),
    )
}

async fn missing_roles(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT wanted AS "wanted!"
           FROM unnest(ARRAY['countersign_owner', 'countersign_lookup', 'countersign_migrator',
                             'countersign_app', 'countersign_sweeper', 'countersign_auditor']) wanted
           WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)"#
    )
    .fetch_all(connection)
    .await
}

/// Months, as `2026-11`, whose partition is not there or has other bounds. By bounds and not by names: names bind nothing.
async fn missing_partitions(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT to_char(starts, 'YYYY-MM') AS "month!"
           FROM generate_series(0, $1::integer) ahead
           CROSS JOIN LATERAL (
               SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead) AS starts
           ) month
           WHERE NOT EXISTS (
               SELECT FROM pg_inherits i
               JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = to_regclass('public.audit_events')
                 AND pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES FROM (%L) TO (%L)',
                     public.uuid7_floor(starts AT TIME ZONE 'UTC'),
                     public.uuid7_floor((starts + interval '1 month') AT TIME ZONE 'UTC')))
           ORDER BY 1"#,
        MONTHS_AHEAD
    )
    .fetch_all(connection)
    .await
}

fn judge_migrations(lines: &[Line]) -> Vec<Check> {
    let of = |state: State| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.state == state)
            .map(|line| line.version.to_string())
            .collect()
    };
    let mut checks = Vec::new();
    let mut tell = |state, told: fn(&str) -> Check| {
        let versions = of(state);
        if !versions.is_empty() {
            checks.push(told(&versions.join(", ")));
        }
    };
    tell(State::Failed, |versions| {
        Check::failed(
            MIGRATIONS,
            format!("{versions} began and did not end"),
            format!(
                "see what is left of it, then `DELETE FROM _sqlx_migrations WHERE version IN ({versions});` and `countersign migrate up`"
            ),
        )
    });
    tell(State::Changed, |versions| {
        Check::failed(
            MIGRATIONS,
            format!("{versions} was applied in another form than the one built in here"),
            "use the `countersign` this database was migrated with",
        )
    });
    tell(State::Pending, |versions| {
        Check::failed(
            MIGRATIONS,
            format!("{versions} is not applied"),
            "`countersign migrate up`",
        )
    });
    tell(State::Unknown, |versions| {
        Check::warning(
            MIGRATIONS,
            format!("{versions} is newer than this program"),
            "use a `countersign` as new as the one that migrated",
        )
    });
    if checks.is_empty() {
        checks.push(Check::ok(MIGRATIONS, format!("all {} are applied", lines.len())));
    }
    checks
}
