//! A stack, a tenant on it, and what the journal holds.

use serde_json::Value;
use shared::{
    http::app,
    testing::{Answer, TestClient, TestKey, TestStack, TestTenant},
};
use sqlx::Row as _;
use uuid::Uuid;

pub(crate) struct Stage {
    pub(crate) client: TestClient,
    pub(crate) tenant: TestTenant,
    pub(crate) stack: TestStack,
}

/// One audit event, as far as these tests look at it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audited {
    pub(crate) action: String,
    pub(crate) recorded_by: String,
    pub(crate) object: String,
    pub(crate) arguments: Value,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let stack = TestStack::with(settings).await;
        let client = stack.client(app(stack.ctx.clone(), tenant::routes()).0);
        let tenant = stack.tenant().await;
        Self { client, tenant, stack }
    }

    /// As the operator.
    pub(crate) async fn operator(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = self.client.request(method, path).bearer(self.stack.operator());
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    /// The status that a key gets from the index.
    pub(crate) async fn status_of(&self, key: &TestKey) -> u16 {
        self.client.get(key, "/api/v1").await.status
    }

    /// The same key with another text.
    pub(crate) fn with_text(key: &TestKey, text: &Value) -> TestKey {
        TestKey {
            text: text.as_str().expect("a key's text").to_owned(),
            ..key.clone()
        }
    }

    /// The audit events of a tenant, oldest first.
    pub(crate) async fn audited(&self, tenant_id: Uuid) -> Vec<Audited> {
        sqlx::query(
            "SELECT action, recorded_by, correlation_id, sanitized_args::text AS arguments
             FROM audit_events WHERE tenant_id = $1 ORDER BY event_id",
        )
        .bind(tenant_id)
        .fetch_all(&self.stack.owner_pool())
        .await
        .expect("the log is read")
        .into_iter()
        .map(|row| Audited {
            action: row.get("action"),
            recorded_by: row.get("recorded_by"),
            object: row.get("correlation_id"),
            arguments: serde_json::from_str(row.get("arguments")).expect("JSON"),
        })
        .collect()
    }

    /// The only audit event of a tenant.
    pub(crate) async fn audited_once(&self, tenant_id: Uuid) -> Audited {
        let mut events = self.audited(tenant_id).await;
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    /// The outbox events of a tenant: aggregate type, aggregate id, version, event type, payload.
    pub(crate) async fn enqueued(&self, tenant_id: Uuid) -> Vec<(String, Uuid, i32, String, Value)> {
        sqlx::query(
            "SELECT aggregate_type, aggregate_id, aggregate_version, event_type, payload
             FROM outbox WHERE tenant_id = $1 ORDER BY id",
        )
        .bind(tenant_id)
        .fetch_all(&self.stack.owner_pool())
        .await
        .expect("the outbox is read")
        .into_iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect()
    }

    /// Changes rows behind the product's back. `$1` is the id.
    pub(crate) async fn meddle(&self, sql: &'static str, id: Uuid) {
        let changed = sqlx::query(sql)
            .bind(id)
            .execute(&self.stack.owner_pool())
            .await
            .expect("the rows change");
        assert!(changed.rows_affected() > 0, "{sql}");
    }
}

/// The id in a body.
#[track_caller]
pub(crate) fn id(body: &Value) -> Uuid {
    body["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

/// The strings at `field` of a list's objects.
pub(crate) fn column(page: &Value, field: &str) -> Vec<String> {
    let rows = page["data"].as_array().expect("a page");
    rows.iter()
        .map(|row| row[field].as_str().unwrap_or_default().to_owned())
        .collect()
}
