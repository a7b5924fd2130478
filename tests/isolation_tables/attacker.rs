//! Tenant A, who sends statements within its own transaction and notes whatever it learns or changes of B's.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use serde_json::Value;
use shared::{
    data::{TenantScope, TenantTx},
    testing::{TestStack, TestTenant},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgDatabaseError};
use uuid::Uuid;

use crate::tables::Table;

/// Texts shorter than this stand in rows of everybody.
const TELLING: usize = 8;

/// Why a statement was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The SQLSTATE.
    pub(crate) code: String,
    /// All that was said: message, detail, hint and context.
    pub(crate) said: String,
}

pub(crate) struct Attacker<'a> {
    pub(crate) stack: &'a TestStack,
    scope: TenantScope,
    pub(crate) ours: Uuid,
    pub(crate) theirs: Uuid,
    /// Rows as JSON by table, before anything was tried.
    pub(crate) our_rows: BTreeMap<String, Vec<Value>>,
    pub(crate) their_rows: BTreeMap<String, Vec<Value>>,
    /// What stands in B's rows and in none of A's.
    telling: BTreeSet<String>,
    pub(crate) sent: usize,
    pub(crate) refused: usize,
    /// Every hole, beginning with the table's name.
    pub(crate) found: Vec<String>,
}

impl<'a> Attacker<'a> {
    pub(crate) async fn new(stack: &'a TestStack, ours: &TestTenant, theirs: &TestTenant, tables: &[Table]) -> Self {
        // What Postgres keeps about values is there to be asked for too.
        sqlx::raw_sql("ANALYZE")
            .execute(&stack.owner_pool())
            .await
            .expect("analyzed");
        let (mut our_rows, mut their_rows) = (BTreeMap::new(), BTreeMap::new());
        for table in tables {
            for (id, rows) in [(ours.id, &mut our_rows), (theirs.id, &mut their_rows)] {
                let of_tenant = rows_of(stack, table, id).await;
                assert!(!of_tenant.is_empty(), "{}: put rows into it in rows.rs", table.name);
                rows.insert(table.name.clone(), of_tenant);
            }
        }
        let shared = texts(our_rows.values().flatten());
        let telling = texts(their_rows.values().flatten())
            .difference(&shared)
            .cloned()
            .collect();
        Self {
            stack,
            scope: TenantScope {
                tenant_id: ours.id,
                user_id: ours.admin.user_id,
            },
            ours: ours.id,
            theirs: theirs.id,
            our_rows,
            their_rows,
            telling,
            sent: 0,
            refused: 0,
            found: Vec::new(),
        }
    }

    /// A transaction of A's, as a handler has it.
    async fn begin(&self) -> TenantTx {
        self.stack.ctx.db.begin(self.scope).await.expect("begun")
    }

    /// The same on a connection of its own: the product's transactions do not speak COPY.
    async fn begin_bare(&self) -> PgConnection {
        let mut connection = PgConnection::connect(&self.stack.database.url("countersign_app"))
            .await
            .expect("connected");
        let user = self.scope.user_id.expect("a person");
        let begin = format!(
            "BEGIN; SELECT set_config('app.tenant_id', '{}', true), set_config('app.user_id', '{user}', true)",
            self.ours
        );
        sqlx::raw_sql(AssertSqlSafe(begin))
            .execute(&mut connection)
            .await
            .expect("begun");
        connection
    }

    /// Reads rows as text.
    pub(crate) async fn read(&mut self, table: &str, sql: &str) -> Result<Vec<String>, Refusal> {
        let mut tx = self.begin().await;
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *tx).await;
        drop(tx);
        let read = rows.map(|rows| {
            rows.iter()
                .map(|row| row.try_get::<Option<String>, _>(0).expect("text").unwrap_or_default())
                .collect()
        });
        let read: Result<Vec<String>, Refusal> = self.weigh(table, sql, read);
        for row in read.iter().flatten() {
            if let Some(told) = self.told(row, "") {
                self.note(table, format!("read another's ({told}): {sql}"));
            }
        }
        read
    }

    /// Runs a statement and commits what it did; the number of rows it did it to.
    pub(crate) async fn write(&mut self, table: &str, sql: &str) -> Result<u64, Refusal> {
        let mut tx = self.begin().await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await;
        let done = match done {
            Ok(done) => tx.commit().await.map(|()| done.rows_affected()),
            Err(error) => Err(error),
        };
        self.weigh(table, sql, done)
    }

    /// Copies out, as text.
    pub(crate) async fn copy_out(&mut self, table: &str, sql: &str) -> Result<String, Refusal> {
        let mut tx = self.begin_bare().await;
        let copied = async {
            let chunks: Vec<_> = tx.copy_out_raw(sql).await?.try_collect().await?;
            Ok(chunks.concat())
        }
        .await;
        drop(tx);
        let text = self
            .weigh(table, sql, copied)
            .map(|bytes| String::from_utf8(bytes).expect("text"))?;
        if let Some(told) = self.told(&text, "") {
            self.note(table, format!("read another's ({told}): {sql}"));
        }
        Ok(text)
    }

    /// Begins to copy in, and leaves it at that.
    pub(crate) async fn copy_in(&mut self, table: &str) -> Result<(), Refusal> {
        let sql = format!("COPY {table} FROM STDIN");
        let mut tx = self.begin_bare().await;
        let begun = match tx.copy_in_raw(&sql).await {
            Ok(copy) => copy.abort("not meant").await,
            Err(error) => Err(error),
        };
        drop(tx);
        self.weigh(table, &sql, begun)
    }

    /// Counts an outcome, and looks at what a refusal says.
    fn weigh<T>(&mut self, table: &str, sql: &str, outcome: Result<T, sqlx::Error>) -> Result<T, Refusal> {
        self.sent += 1;
        outcome.map_err(|error| {
            self.refused += 1;
            let database = error
                .as_database_error()
                .unwrap_or_else(|| panic!("{sql}: {error}"))
                .downcast_ref::<PgDatabaseError>();
            let said = [
                Some(database.message()),
                database.detail(),
                database.hint(),
                database.r#where(),
            ];
            let refusal = Refusal {
                code: database.code().to_owned(),
                said: said.into_iter().flatten().collect::<Vec<_>>().join("\n"),
            };
            if let Some(told) = self.told(&refusal.said, sql) {
                self.note(table, format!("the refusal tells {told}: {sql}: {}", refusal.said));
            }
            refusal
        })
    }

    /// Something of B's that stands in `text` and that A did not say itself.
    fn told(&self, text: &str, asked: &str) -> Option<String> {
        self.telling
            .iter()
            .find(|value| text.contains(value.as_str()) && !asked.contains(value.as_str()))
            .cloned()
    }

    pub(crate) fn note(&mut self, table: &str, finding: impl std::fmt::Display) {
        self.found.push(format!("{table}: {finding}"));
    }

    /// Whether B's rows of this table are what they were.
    pub(crate) async fn compare(&mut self, table: &Table) {
        let now = rows_of(self.stack, table, self.theirs).await;
        if now != self.their_rows[&table.name] {
            self.note(&table.name, "changed another's rows");
            // Told once, and with the table that was attacked.
            self.their_rows.insert(table.name.clone(), now);
        }
    }

    /// A value of the same kind that nothing has.
    pub(crate) fn fresh(&self, like: &Value) -> Value {
        let id = self.stack.ctx.ids.next();
        let Some(text) = like.as_str() else {
            return like.clone();
        };
        Value::String(if Uuid::parse_str(text).is_ok() {
            id.to_string()
        } else if text.starts_with("\\x") {
            format!("\\x{0}{0}", id.simple())
        } else {
            format!("fresh {id}")
        })
    }
}

async fn rows_of(stack: &TestStack, table: &Table, tenant: Uuid) -> Vec<Value> {
    let sql = format!(
        "SELECT to_jsonb(t) FROM {} t WHERE {} = $1 ORDER BY to_jsonb(t)::text",
        table.name, table.tenant
    );
    sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(tenant)
        .fetch_all(&stack.owner_pool())
        .await
        .expect("the rows are read")
}

/// Every text in the rows that is long enough to tell something.
fn texts<'v>(rows: impl Iterator<Item = &'v Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Value> = rows.collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.len() >= TELLING => {
                found.insert(text.clone());
            }
            Value::Array(values) => open.extend(values),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    found
}
