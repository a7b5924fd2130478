//! The tables with a tenant, from the catalogue.

use shared::testing::TestStack;
use sqlx::FromRow;

/// A table, and what an attack wants to know of it.
#[derive(Debug, FromRow)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// The column that says whose a row is.
    pub(crate) tenant: String,
    pub(crate) columns: Vec<String>,
    /// The primary key.
    pub(crate) key: Vec<String>,
    /// Columns of any unique index, in its expressions too, without the tenant.
    pub(crate) unique: Vec<String>,
    /// Columns of foreign keys, without the tenant.
    pub(crate) references: Vec<String>,
}

/// Every table with a tenant, and `tenants` itself.
pub(crate) async fn of(stack: &TestStack) -> Vec<Table> {
    sqlx::query_as(
        "SELECT c.relname::text AS name,
                CASE c.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS tenant,
                (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
                (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_index i
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
                 WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
                coalesce((SELECT array_agg(DISTINCT a.attname::text) FROM pg_index i
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname <> 'tenant_id'
                     AND (a.attnum = ANY (i.indkey) OR EXISTS (
                         SELECT FROM pg_depend d WHERE d.objid = i.indexrelid AND d.refobjid = c.oid AND d.refobjsubid = a.attnum))
                 WHERE i.indrelid = c.oid AND i.indisunique), '{}') AS \"unique\",
                coalesce((SELECT array_agg(DISTINCT a.attname::text) FROM pg_constraint k
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey) AND a.attname <> 'tenant_id'
                 WHERE k.conrelid = c.oid AND k.contype = 'f'), '{}') AS \"references\"
         FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND c.relname <> '_sqlx_migrations'
         ORDER BY 1",
    )
    .fetch_all(&stack.owner_pool())
    .await
    .expect("the catalogue answers")
}

/// Every partition of every table.
pub(crate) async fn partitions(stack: &TestStack) -> Vec<String> {
    sqlx::query_scalar("SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1")
        .fetch_all(&stack.owner_pool())
        .await
        .expect("the catalogue answers")
}
