//! `GET /health/ready`: can it serve, and if not, what is missing.

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use shared::{
    context::AppContext,
    data::{MigrationState, migration_state},
    http::{ErrorBody, Json, NoQuery},
};
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::{
    readiness::{Dependencies, Status},
    store::{self, Backlog},
};

/// Longer than a healthy dependency ever takes, shorter than a load balancer waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// The state of the whole and of each dependency.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    status: Status,
    checks: Checks,
}

#[derive(Debug, Serialize, ToSchema)]
struct Checks {
    postgres: Check,
    redis: Check,
    secrets: Check,
    migrations: Check,
    outbox: OutboxCheck,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Check {
    status: Status,
    /// How long the check took.
    latency_ms: u64,
}

impl Check {
    const NOT_ASKED: Self = Self {
        status: Status::Unavailable,
        latency_ms: 0,
    };
}

#[derive(Debug, Serialize, ToSchema)]
struct OutboxCheck {
    status: Status,
    /// Events not handed on yet, over all tenants; null when Postgres does not say.
    pending: Option<i64>,
    /// The age of the oldest of them; null when Postgres does not say.
    oldest_seconds: Option<f64>,
}

/// Says whether it can serve. Redis down or the outbox late is `degraded` and still 200.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "get_ready",
    tag = "health",
    responses(
        (status = 200, body = Readiness, description = "Serves, perhaps degraded"),
        (status = 400, body = ErrorBody, description = "`VALIDATION_ERROR`"),
        (status = 500, body = ErrorBody, description = "`INTERNAL_ERROR`"),
        (status = 503, body = Readiness, description = "Does not serve"),
    ),
    security(())
)]
pub(crate) async fn get_ready(State(ctx): State<AppContext>, _: NoQuery) -> Response {
    // Side by side, but for the two that share the connection of Postgres, which follow it.
    let (database, redis, secrets) = tokio::join!(
        async {
            let postgres = timed(ctx.db.ping()).await;
            if postgres.status != Status::Ok {
                // What only Postgres could tell would cost its patience again and be the same.
                return (postgres, Check::NOT_ASKED, None);
            }
            let migrations = timed(migrations_are_current(&ctx)).await;
            let backlog = timeout(
                PATIENCE,
                ctx.db
                    .retry_read(|connections| async move { store::outbox_backlog(&connections).await }),
            )
            .await;
            (postgres, migrations, backlog.ok().and_then(Result::ok))
        },
        timed(ctx.cache.ping()),
        timed(ctx.secrets.health()),
    );
    let (postgres, migrations, backlog) = database;
    let outbox = judge(backlog, ctx.config.outbox.late_seconds);
    let status = Dependencies {
        postgres: postgres.status,
        redis: redis.status,
        secrets: secrets.status,
        migrations: migrations.status,
        outbox: outbox.status,
    }
    .overall();
    let code = if status == Status::Unavailable {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let body = Readiness {
        status,
        checks: Checks {
            postgres,
            redis,
            secrets,
            migrations,
            outbox,
        },
    };
    let mut response = Json(body).into_response();
    *response.status_mut() = code;
    if code == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert("retry-after", axum::http::HeaderValue::from_static("1"));
    }
    response
}

async fn migrations_are_current(ctx: &AppContext) -> Result<(), String> {
    match ctx
        .db
        .retry_read(|connections| async move { migration_state(&connections).await })
        .await
    {
        Ok(MigrationState::Current) => Ok(()),
        Ok(MigrationState::Behind(missing)) => Err(format!("{missing} migrations are not applied")),
        Err(error) => Err(error.to_string()),
    }
}

async fn timed<E: std::fmt::Display>(check: impl Future<Output = Result<(), E>>) -> Check {
    let started = Instant::now();
    let status = match timeout(PATIENCE, check).await {
        Ok(Ok(())) => Status::Ok,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a dependency is not ready");
            Status::Unavailable
        }
        Err(_) => Status::Unavailable,
    };
    Check {
        status,
        latency_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a setting, far below 2^53")]
fn judge(backlog: Option<Backlog>, late_seconds: u64) -> OutboxCheck {
    let status = match backlog {
        None => Status::Unavailable,
        Some(backlog) if backlog.oldest_seconds > late_seconds as f64 => Status::Degraded,
        Some(_) => Status::Ok,
    };
    OutboxCheck {
        status,
        pending: backlog.map(|backlog| backlog.pending),
        oldest_seconds: backlog.map(|backlog| backlog.oldest_seconds),
    }
}
