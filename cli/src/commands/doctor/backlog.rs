//! The outbox: whether the sweep keeps up. Asked as the functions ask, through the look-up over all tenants.

use shared::config::OutboxConfig;
use sqlx::PgConnection;

use super::report::Check;

const NAME: &str = "outbox";

/// Looks how long the oldest event waits.
pub(super) async fn look(connection: &mut PgConnection, config: &OutboxConfig, checks: &mut Vec<Check>) {
    let asked = sqlx::query!(
        r#"SELECT pending AS "pending!", oldest_seconds AS "oldest_seconds!" FROM lookup.outbox_backlog()"#
    )
    .fetch_one(connection)
    .await;
    checks.push(match asked {
        Ok(backlog) => judge(backlog.pending, backlog.oldest_seconds, config.late_seconds),
        Err(error) => Check::unanswered(NAME, error),
    });
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
