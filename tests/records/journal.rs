//! The journal as a test reads it: what each request left in the log and in the outbox.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Value, json};
use shared::testing::{Answer, TestClient, TestKey, TestRequest, TestStack};
use sqlx::PgPool;
use system_tests::{
    product,
    routes::{Route, routes},
};
use uuid::Uuid;

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    Nobody,
    Operator,
    Key(&'a TestKey),
    /// By a link, which the body holds, of whoever has this key.
    Link(&'a TestKey),
}

/// One audit event.
#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Logged {
    event_id: Uuid,
    tenant_id: Uuid,
    action: Option<String>,
    correlation_id: Option<String>,
    recorded_by: String,
    request_id: String,
}

/// One outbox event.
#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Sent {
    id: Uuid,
    tenant_id: Uuid,
    event_type: String,
    aggregate_id: Uuid,
    aggregate_version: i32,
}

/// A whole product, and what its journal held when it was last looked at.
pub(crate) struct Journal {
    pub(crate) stack: TestStack,
    pub(crate) client: TestClient,
    pub(crate) owner: PgPool,
    routes: BTreeMap<String, Route>,
    known: HashSet<Uuid>,
    /// The versions that each object's events have come to.
    versions: BTreeMap<Uuid, i32>,
    /// What each operation was seen to leave: actions with their outbox events.
    pub(crate) left: BTreeMap<String, BTreeSet<(String, Vec<String>)>>,
    /// How many requests left a record, and how many left none.
    pub(crate) counts: [usize; 2],
}

/// What a request is expected to leave: one audit event of this action about this object, and these outbox events.
pub(crate) struct Leaves<'a> {
    pub(crate) action: &'a str,
    pub(crate) events: &'a [&'a str],
    /// The object, and the tenant whose journal tells of it; from the answer's `id` when absent.
    pub(crate) object: Option<&'a str>,
}

impl Journal {
    pub(crate) async fn start() -> Self {
        let stack = TestStack::start().await;
        let client = stack.client(product(stack.ctx.clone()));
        Self {
            client,
            owner: stack.owner_pool(),
            stack,
            routes: routes().into_iter().map(|route| (route.id.clone(), route)).collect(),
            known: HashSet::new(),
            versions: BTreeMap::new(),
            left: BTreeMap::new(),
            counts: [0, 0],
        }
    }

    pub(crate) async fn send(&self, operation: &str, who: Who<'_>, id: &str, body: Option<&Value>) -> Answer {
        self.request(operation, who, id, body).send().await
    }

    pub(crate) fn request(&self, operation: &str, who: Who<'_>, id: &str, body: Option<&Value>) -> TestRequest {
        let route = &self.routes[operation];
        let request = self.client.request(route.method, &route.at(id));
        let request = match who {
            Who::Nobody | Who::Link(_) => request,
            Who::Operator => request.bearer(self.stack.operator()),
            Who::Key(key) => request.key(key),
        };
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// What was written since the last look.
    async fn news(&mut self) -> (Vec<Logged>, Vec<Sent>) {
        let known: Vec<Uuid> = self.known.iter().copied().collect();
        let logged: Vec<Logged> = sqlx::query_as(
            "SELECT event_id, tenant_id, action, correlation_id, recorded_by, request_id FROM audit_events
             WHERE event_id <> ALL ($1) ORDER BY event_id",
        )
        .bind(&known)
        .fetch_all(&self.owner)
        .await
        .expect("the log is read");
        let sent: Vec<Sent> = sqlx::query_as(
            "SELECT id, tenant_id, event_type, aggregate_id, aggregate_version FROM outbox
             WHERE id <> ALL ($1) ORDER BY id",
        )
        .bind(&known)
        .fetch_all(&self.owner)
        .await
        .expect("the outbox is read");
        self.known.extend(logged.iter().map(|event| event.event_id));
        self.known.extend(sent.iter().map(|event| event.id));
        (logged, sent)
    }

    /// Asserts that a request succeeds with `status` and leaves exactly what is expected of it.
    pub(crate) async fn leaves(
        &mut self,
        (operation, who, id, status): (&str, Who<'_>, &str, u16),
        body: Option<Value>,
        expected: Leaves<'_>,
    ) -> Value {
        let answer = self.send(operation, who, id, body.as_ref()).await.expect(status);
        let (logged, sent) = self.news().await;
        let object = expected.object.or(answer["id"].as_str()).unwrap_or(id);
        let (recorded_by, tenant_id) = match who {
            Who::Key(key) | Who::Link(key) => (key.principal.as_str(), key.tenant_id),
            _ => ("operator", object.parse().expect("the operator changes tenants")),
        };
        let [logged] = &logged[..] else {
            panic!("{operation} left {logged:?}")
        };
        assert_eq!(
            (logged.action.as_deref(), logged.correlation_id.as_deref()),
            (Some(expected.action), Some(object)),
            "{operation}"
        );
        assert_eq!(
            (logged.recorded_by.as_str(), logged.tenant_id),
            (recorded_by, tenant_id),
            "{operation}"
        );
        assert!(
            logged.request_id.parse::<Uuid>().is_ok(),
            "{operation}: {}",
            logged.request_id
        );

        let types: Vec<&str> = sent.iter().map(|event| event.event_type.as_str()).collect();
        assert_eq!(types, expected.events, "{operation}: the outbox events it promises");
        for event in &sent {
            assert_eq!(
                (event.aggregate_id.to_string().as_str(), event.tenant_id),
                (object, tenant_id),
                "{operation}"
            );
            // A tenant's policies begin with a version that nobody put there.
            let first = i32::from(event.event_type == "policy.updated");
            let version = self.versions.entry(event.aggregate_id).or_insert(first);
            *version += 1;
            assert_eq!(
                event.aggregate_version, *version,
                "{operation}: the object's events count up"
            );
        }
        let types = expected.events.iter().map(|event| (*event).to_owned()).collect();
        self.left
            .entry(operation.to_owned())
            .or_default()
            .insert((expected.action.to_owned(), types));
        self.counts[0] += 1;
        answer
    }

    /// Asserts that a tool call is decided on, and leaves the decision and, where people are asked, their request: all about
    /// the request, or about an object of their own.
    pub(crate) async fn leaves_decision(&mut self, agent: &TestKey, body: Value, decision: &str) -> Value {
        let answer = self.send("evaluate_tool_call", Who::Key(agent), "", Some(&body)).await;
        let answer = answer.expect(200);
        assert_eq!(answer["decision"], decision);
        let (logged, sent) = self.news().await;
        let actions: Vec<&str> = logged.iter().filter_map(|event| event.action.as_deref()).collect();
        let types: Vec<&str> = sent.iter().map(|event| event.event_type.as_str()).collect();
        let left = self.left.entry("evaluate_tool_call".to_owned()).or_default();
        left.insert(("tool_call.decided".to_owned(), Vec::new()));
        if let Some(approval) = answer["approval"]["id"].as_str() {
            assert_eq!(actions, ["approval.requested", "tool_call.decided"]);
            assert_eq!(types, ["approval.requested"]);
            assert_eq!(sent[0].aggregate_id.to_string(), approval);
            self.versions.insert(sent[0].aggregate_id, sent[0].aggregate_version);
            assert!(
                logged
                    .iter()
                    .all(|event| event.correlation_id.as_deref() == Some(approval))
            );
            left.insert(("approval.requested".to_owned(), vec!["approval.requested".to_owned()]));
        } else {
            assert_eq!(actions, ["tool_call.decided"]);
            assert!(types.is_empty(), "{types:?}");
            let about = logged[0].correlation_id.as_deref().unwrap_or_default();
            assert!(about.parse::<Uuid>().is_ok(), "{about}");
        }
        for event in &logged {
            assert_eq!(
                (event.recorded_by.as_str(), event.tenant_id),
                (agent.principal.as_str(), agent.tenant_id)
            );
        }
        self.counts[0] += 1;
        answer
    }

    /// Asserts that a request is answered with `status` and leaves nothing.
    pub(crate) async fn leaves_nothing(
        &mut self,
        (operation, who, id, status): (&str, Who<'_>, &str, u16),
        body: Option<Value>,
    ) -> Value {
        let answer = self.send(operation, who, id, body.as_ref()).await;
        assert_eq!(answer.status, status, "{operation}: {}", answer.text());
        self.nothing_new(operation, &answer).await;
        answer.json()
    }

    /// Asserts that nothing was written since the last look.
    pub(crate) async fn nothing_new(&mut self, operation: &str, answer: &Answer) {
        let (logged, sent) = self.news().await;
        assert!(
            logged.is_empty() && sent.is_empty(),
            "{operation}, answered {}, left {logged:?} {sent:?}",
            answer.status
        );
        self.counts[1] += 1;
    }

    /// Takes note of what is there, and returns the newest audit event that was not known.
    pub(crate) async fn forget(&mut self) -> Option<Uuid> {
        self.news().await.0.last().map(|event| event.event_id)
    }

    /// Asserts that a submission of events left exactly these, in the recorder's own words, and nothing in the outbox.
    pub(crate) async fn leaves_submitted(&mut self, recorder: &TestKey, body: Value, request_ids: &[&str]) {
        let answer = self.send("record_events", Who::Key(recorder), "", Some(&body)).await;
        let _ = answer.expect(202);
        let (logged, sent) = self.news().await;
        let mut left: Vec<&str> = logged.iter().map(|event| event.request_id.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, request_ids);
        assert!(
            logged.iter().all(|event| event.recorded_by == recorder.principal),
            "{logged:?}"
        );
        assert!(sent.is_empty(), "{sent:?}");
        for event in logged {
            let action = event.action.unwrap_or_default();
            self.left
                .entry("record_events".to_owned())
                .or_default()
                .insert((action, Vec::new()));
        }
        self.counts[0] += 1;
    }
}

/// A body that no route accepts.
pub(crate) fn unacceptable() -> Value {
    json!({ "unheard_of": 1 })
}
