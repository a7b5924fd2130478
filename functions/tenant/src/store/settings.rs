//! What a person set for themselves. The transaction must be in that person's scope: for any other their row does not
//! exist.

use chrono::{DateTime, Utc};
use shared::data::TenantTx;
use sqlx::types::Json;
use uuid::Uuid;

use crate::settings::Settings;

/// A person's settings, if they ever set any.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn find(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<Settings>, sqlx::Error> {
    let tenant_id = tx.tenant_id();
    let row = sqlx::query!(
        r#"SELECT time_zone, locale, notifications AS "notifications: Json<std::collections::BTreeMap<String, bool>>"
           FROM user_settings WHERE tenant_id = $1 AND user_id = $2"#,
        tenant_id,
        user_id,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| Settings {
        time_zone: row.time_zone,
        locale: row.locale,
        notifications: row.notifications.0,
    }))
}

/// Stores a person's settings.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn save(
    tx: &mut TenantTx,
    user_id: Uuid,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let tenant_id = tx.tenant_id();
    sqlx::query!(
        "INSERT INTO user_settings (tenant_id, user_id, time_zone, locale, notifications, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, user_id) DO UPDATE
         SET time_zone = excluded.time_zone, locale = excluded.locale, notifications = excluded.notifications,
             updated_at = excluded.updated_at",
        tenant_id,
        user_id,
        settings.time_zone,
        settings.locale,
        Json(&settings.notifications) as _,
        now,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether the database knows a time zone of this name, which is how every time of it will be computed.
///
/// # Errors
/// Postgres does not answer.
pub(crate) async fn time_zone_exists(tx: &mut TenantTx, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1) AS "exists!""#,
        name
    )
    .fetch_one(&mut **tx)
    .await
}
