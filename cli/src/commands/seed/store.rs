//! The seed's SQL, as the role of the functions: what it may not do, the seed cannot either.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use shared::data::{Connection, Connections, is_unavailable};
use sqlx::error::DatabaseError;
use uuid::Uuid;

use crate::exit::Failure;

const PAGE: i32 = 500;

/// A person to store.
pub(super) struct NewUser {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) name: &'static str,
    pub(super) role: &'static str,
    pub(super) groups: Vec<String>,
}

/// Whose a key is.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    User(Uuid),
    Agent(&'a str),
}

/// A key to store.
pub(super) struct NewKey<'a> {
    pub(super) id: Uuid,
    pub(super) hash: &'a str,
    pub(super) role: &'static str,
    pub(super) holder: Holder<'a>,
    pub(super) environment: &'static str,
    pub(super) minted_by: &'static str,
}

/// Every tenant's slug and id.
pub(super) async fn list_tenants(connections: &Connections) -> Result<HashMap<String, Uuid>, sqlx::Error> {
    let mut tenants = HashMap::new();
    let mut before: Option<Uuid> = None;
    loop {
        let page = sqlx::query!(
            r#"SELECT id AS "id!", slug AS "slug!" FROM lookup.tenants_page($1, $2)"#,
            before,
            PAGE
        )
        .fetch_all(connections)
        .await?;
        before = page.last().map(|tenant| tenant.id);
        tenants.extend(page.into_iter().map(|tenant| (tenant.slug, tenant.id)));
        if before.is_none() {
            return Ok(tenants);
        }
    }
}

pub(super) async fn insert_tenant(
    connection: &mut Connection,
    id: Uuid,
    name: &str,
    slug: &str,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO tenants (id, name, slug, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
        id,
        name,
        slug,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn insert_user(
    connection: &mut Connection,
    tenant_id: Uuid,
    user: &NewUser,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO users (tenant_id, id, email, name, role, groups, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        tenant_id,
        user.id,
        user.email,
        user.name,
        user.role,
        &user.groups,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn insert_key(
    connection: &mut Connection,
    tenant_id: Uuid,
    key: &NewKey<'_>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (user_id, caller_id) = match key.holder {
        Holder::User(id) => (Some(id), None),
        Holder::Agent(caller_id) => (None, Some(caller_id)),
    };
    sqlx::query!(
        "INSERT INTO api_keys (tenant_id, id, user_id, caller_id, key_hash, minted_by, role, environment, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant_id,
        key.id,
        user_id,
        caller_id,
        key.hash,
        key.minted_by,
        key.role,
        key.environment,
        at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) {
            return Self::unavailable(format!("Postgres is unavailable: {error}"));
        }
        let database = error.as_database_error();
        // No such table, schema or function.
        if database
            .and_then(DatabaseError::code)
            .is_some_and(|code| matches!(&*code, "42P01" | "3F000" | "42883"))
        {
            return Self::failed("the database is not migrated; run `countersign migrate up` first");
        }
        if database.and_then(|error| error.constraint()) == Some("tenant_slug_is_unique") {
            return Self::failed("another seed made the same tenant at the same time; run it again");
        }
        Self::failed(error.to_string())
    }
}
