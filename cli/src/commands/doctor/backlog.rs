//! The outbox: whether the sweep keeps up. Asked as the functions ask, through the look-up over all tenants.

use shared::config::OutboxConfig;
use sqlx::PgConnection;

use super::{
    logins::{APP, MIGRATOR},
    looking::Connections,
    report::Check,
};

const NAME: &str = "outbox";

/// Looks how long the oldest event waits.
pub(super) async fn look(connections: &mut Connections, config: &OutboxConfig, checks: &mut Vec<Check>) {
    // The migrator may act as the owner of the look-up.
    let asked = connections.look(NAME, &[&APP, &MIGRATOR], backlog).await;
    checks.push(match asked {
        Ok((pending, oldest_seconds)) => judge(pending, oldest_seconds, config.late_seconds),
        Err(check) => check,
    });
}

async fn backlog(connection: &mut PgConnection) -> Result<(i64, f64), sqlx::Error> {
    let backlog = sqlx::query!(
        r#"SELECT pending AS "pending!", oldest_seconds AS "oldest_seconds!" FROM lookup.outbox_backlog()"#
    )
    .fetch_one(connection)
    .await?;
    Ok((backlog.pending, backlog.oldest_seconds))
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a setting, far below 2^53")]
fn judge(pending: i64, oldest_seconds: f64, late_seconds: u64) -> Check {
    if pending == 0 {
        return Check::ok(NAME, "nothing waits");
    }
    let found = format!("{pending} events wait, the oldest for {oldest_seconds:.0} s");
    if oldest_seconds > late_seconds as f64 {
        return Check::warning(
            NAME,
            found,
            "see that the function outbox fires every minute and what it logs: \
             `aws logs tail /countersign/<stack>/outbox --since 10m`, or the output of `make dev`",
        );
    }
    Check::ok(NAME, found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::report::Status;

    #[test]
    fn only_what_waits_too_long_is_a_warning() {
        assert_eq!(judge(0, 0.0, 120), Check::ok(NAME, "nothing waits"));
        assert_eq!(judge(9, 119.0, 120).status, Status::Ok);
        let late = judge(9, 121.4, 120);
        assert_eq!(
            (late.status, late.found.as_str()),
            (Status::Warning, "9 events wait, the oldest for 121 s")
        );
    }
}
