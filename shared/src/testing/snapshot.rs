//! Everything that a database holds, to see that nothing was changed, and to know a tenant's ids when they turn up where
//! they should not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

/// The columns besides those of ids whose texts name a tenant's objects to it alone, if its test gives them their own.
const NAMES: [&str; 4] = ["caller_id", "request_id", "email", "slug"];

/// Every row of every table at one instant, but for when keys were last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Vec<Value>>);

impl Snapshot {
    /// Takes it, as somebody who sees all rows.
    pub async fn of(pool: &PgPool) -> Self {
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT n.nspname LIKE 'pg_toast%'
             ORDER BY 1",
        )
        .fetch_all(pool)
        .await
        .expect("the catalogue answers");
        assert!(tables.len() > 10, "{tables:?}");
        let selects: Vec<String> = tables
            .iter()
            .map(|table| format!("SELECT '{table}', to_jsonb(t) - 'last_used_at' FROM {table} t"))
            .collect();
        // One statement, and so one instant.
        let rows: Vec<(String, Value)> = sqlx::query_as(AssertSqlSafe(selects.join(" UNION ALL ")))
            .fetch_all(pool)
            .await
            .expect("every table is read");
        let mut all: BTreeMap<String, Vec<Value>> = tables.into_iter().map(|table| (table, Vec::new())).collect();
        for (table, row) in rows {
            all.entry(table).or_default().push(row);
        }
        for rows in all.values_mut() {
            rows.sort_by_cached_key(Value::to_string);
        }
        Self(all)
    }

    /// What a tenant's objects are known by: the tenant's own id and every other in its rows, and the texts of its own choice
    /// by which they are named.
    #[must_use]
    pub fn names_of(&self, tenant_id: Uuid) -> BTreeSet<String> {
        let tenant = Value::from(tenant_id.to_string());
        let mut names = BTreeSet::new();
        for row in self.0.values().flatten() {
            if row["tenant_id"] == tenant || row["id"] == tenant {
                collect_ids(row, &mut names);
                let chosen = NAMES.iter().filter_map(|column| row[column].as_str());
                names.extend(chosen.map(str::to_owned));
            }
        }
        assert!(!names.is_empty(), "the tenant {tenant_id} has no rows");
        names
    }
}

fn collect_ids(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if Uuid::try_parse(text).is_ok() => {
            ids.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        Value::Object(members) => members.values().for_each(|member| collect_ids(member, ids)),
        _ => {}
    }
}
