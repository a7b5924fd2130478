//! The tenant transaction against the real catalogue: what it shows, what it refuses, and what outlives it.

use shared::{data::TenantScope, testing::TestStack};

/// Every table with a tenant, from the catalogue, so that a new one cannot be forgotten.
async fn tenant_tables(stack: &TestStack) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND (c.relname = 'tenants'
                OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'))
         ORDER BY 1",
    )
    .fetch_all(&stack.owner_pool())
    .await
    .expect("the catalogue answers")
}

#[tokio::test]
async fn without_a_tenant_context_every_tenant_table_errors() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let tables = tenant_tables(&stack).await;
    assert!(tables.len() >= 15, "{tables:?}");
    for fresh_connection in [true, false] {
        if !fresh_connection {
            // A connection that has carried a context before must refuse just the same.
            let scope = TenantScope {
                tenant_id: tenant.id,
                user_id: tenant.admin.user_id,
            };
            stack
                .ctx
                .db
                .begin(scope)
                .await
                .expect("begun")
                .commit()
                .await
                .expect("committed");
        }
        for table in &tables {
            let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let error = sqlx::query(sql)
                .fetch_one(stack.ctx.db.without_tenant())
                .await
                .expect_err(table);
            let code = error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .unwrap_or_default()
                .into_owned();
            // Unknown parameter on a fresh connection; an empty one, which is no UUID, on a used one.
            assert!(["42704", "22P02"].contains(&code.as_str()), "{table}: {error}");
        }
    }
}

#[tokio::test]
async fn one_tenant_neither_sees_nor_changes_nor_names_anothers_rows() {
    let stack = TestStack::start().await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let scope = TenantScope {
        tenant_id: ours.id,
        user_id: ours.admin.user_id,
    };
    let mut tx = stack.ctx.db.begin(scope).await.expect("begun");
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE tenant_id = $1")
        .bind(theirs.id)
        .fetch_one(&mut *tx)
        .await
        .expect("counted");
    assert_eq!(seen, 0);
    let changed = sqlx::query("UPDATE users SET name = 'x' WHERE tenant_id = $1")
        .bind(theirs.id)
        .execute(&mut *tx)
        .await
        .expect("ran");
    assert_eq!(changed.rows_affected(), 0);
    drop(tx);
    for sql in [
        "INSERT INTO users (tenant_id, id, email, name, role, created_at, updated_at) VALUES ($1, $2, 'a@b', 'x', 'admin', now(), now())",
        "INSERT INTO delegations (tenant_id, user_id, delegate_to, from_at, until_at, created_at) VALUES ($1, $2, $2, now(), now(), now())",
    ] {
        let mut tx = stack.ctx.db.begin(scope).await.expect("begun");
        let error = sqlx::query(sql)
            .bind(theirs.id)
            .bind(ours.id)
            .execute(&mut *tx)
            .await
            .expect_err("refused");
        assert_eq!(
            error
                .as_database_error()
                .and_then(sqlx::error::DatabaseError::code)
                .as_deref(),
            Some("42501"),
            "{error}"
        );
    }
    // A foreign key cannot reach across either: the pair of tenant and id does not exist.
    let mut tx = stack.ctx.db.begin(scope).await.expect("begun");
    let error = sqlx::query(
        "INSERT INTO delegations (tenant_id, user_id, delegate_to, from_at, until_at, created_at)
         VALUES ($1, $2, $3, now(), now() + interval '1 hour', now())",
    )
    .bind(ours.id)
    .bind(ours.admin.user_id)
    .bind(theirs.admin.user_id)
    .execute(&mut *tx)
    .await
    .expect_err("refused");
    assert_eq!(
        error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .as_deref(),
        Some("23503"),
        "{error}"
    );
}

#[tokio::test]
async fn settings_are_seen_by_their_user_alone() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    sqlx::query(
        "INSERT INTO user_settings (tenant_id, user_id, time_zone, locale, notifications, updated_at)
         VALUES ($1, $2, 'UTC', 'en', '{}', now())",
    )
    .bind(tenant.id)
    .bind(tenant.approver.user_id)
    .execute(&stack.owner_pool())
    .await
    .expect("stored");
    for (key, expected) in [(&tenant.approver, 1), (&tenant.admin, 0)] {
        let scope = TenantScope {
            tenant_id: tenant.id,
            user_id: key.user_id,
        };
        let mut tx = stack.ctx.db.begin(scope).await.expect("begun");
        let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM user_settings")
            .fetch_one(&mut *tx)
            .await
            .expect("counted");
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn nothing_outlives_a_transaction_on_a_pool_of_one() {
    let stack = TestStack::with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    let count = async |tenant_id| {
        let mut tx = stack
            .ctx
            .db
            .begin(TenantScope {
                tenant_id,
                user_id: None,
            })
            .await
            .expect("begun");
        let names: Vec<String> = sqlx::query_scalar("SELECT tenant_id::text FROM users")
            .fetch_all(&mut *tx)
            .await
            .expect("listed");
        (names.len(), names.iter().all(|name| *name == tenant_id.to_string()))
    };
    for _ in 0..3 {
        assert_eq!(count(ours.id).await, (4, true));
        // A transaction that fails, one that is dropped in the middle, and one whose future is cancelled at its start.
        let mut failed = stack
            .ctx
            .db
            .begin(TenantScope {
                tenant_id: ours.id,
                user_id: None,
            })
            .await
            .expect("begun");
        sqlx::query("SELECT 1 / 0")
            .execute(&mut *failed)
            .await
            .expect_err("fails");
        drop(failed);
        let cancelled = tokio::time::timeout(
            std::time::Duration::ZERO,
            stack.ctx.db.begin(TenantScope {
                tenant_id: ours.id,
                user_id: None,
            }),
        );
        drop(cancelled.await);
        assert_eq!(count(theirs.id).await, (4, true));
        let left: Option<String> = sqlx::query_scalar("SELECT nullif(current_setting('app.tenant_id', true), '')")
            .fetch_one(stack.ctx.db.without_tenant())
            .await
            .expect("read");
        assert_eq!(left, None);
    }
}
