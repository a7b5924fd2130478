//! The tenants, people and agents of a run, made through the API by the operator and the admins.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Ask, Fleet};

/// The operator's credential of a run.
pub const OPERATOR: &str = "operator-credential-of-the-fault-run";
/// How many people of each tenant may decide, beside its admin.
const APPROVERS: usize = 3;
const AGENTS: usize = 2;

/// A key in clear.
#[derive(Debug, Clone)]
pub struct Key {
    /// The tenant.
    pub tenant: Uuid,
    /// The row.
    pub id: Uuid,
    /// The person, unless it is an agent's.
    pub user: Option<Uuid>,
    /// `user:<id>` or `agent:<caller_id>`.
    pub principal: String,
    /// What is presented.
    pub text: String,
}

impl Key {
    /// The request with this credential.
    #[must_use]
    pub fn sign(&self, ask: Ask) -> Ask {
        ask.header("authorization", &format!("Bearer {}", self.text))
            .header("x-tenant-id", &self.tenant.to_string())
    }
}

/// One tenant's people and agents.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The tenant.
    pub tenant: Uuid,
    /// Those who may decide; the first is the admin.
    pub deciders: Vec<Key>,
    /// Reads.
    pub auditor: Key,
    /// Those who ask.
    pub agents: Vec<Key>,
}

impl Cast {
    /// Makes a tenant with everybody in it. Nothing may fail yet.
    pub async fn make(fleet: &Fleet, name: &str) -> Self {
        let operator = |ask: Ask| ask.header("authorization", &format!("Bearer {OPERATOR}"));
        let tenant = created(
            fleet,
            operator(Ask::new("POST", "/api/v1/tenants").json(json!({ "name": name }))),
        )
        .await;
        let tenant_id = id(&tenant);
        let bootstrap = Ask::new("POST", &format!("/api/v1/tenants/{tenant_id}/bootstrap"));
        let first = json!({ "email": "admin@example.com", "name": "Admin" });
        let first = created(fleet, operator(bootstrap.json(first))).await;
        let admin = Key {
            tenant: tenant_id,
            id: id(&first["api_key"]),
            user: Some(id(&first["user"])),
            principal: format!("user:{}", id(&first["user"])),
            text: text(&first["key"]),
        };
        let mut deciders = vec![admin.clone()];
        for number in 0..APPROVERS {
            deciders.push(person(fleet, &admin, "approver", &format!("approver-{number}")).await);
        }
        let auditor = person(fleet, &admin, "auditor", "auditor").await;
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let caller_id = format!("agent-{number}");
            let made = Ask::new("POST", "/api/v1/api-keys").json(json!({ "role": "agent", "caller_id": caller_id }));
            let made = created(fleet, admin.sign(made)).await;
            agents.push(Key {
                tenant: tenant_id,
                id: id(&made),
                user: None,
                principal: format!("agent:{caller_id}"),
                text: text(&made["key"]),
            });
        }
        Self {
            tenant: tenant_id,
            deciders,
            auditor,
            agents,
        }
    }

    /// The admin.
    #[must_use]
    pub fn admin(&self) -> &Key {
        &self.deciders[0]
    }
}

async fn person(fleet: &Fleet, admin: &Key, role: &str, name: &str) -> Key {
    let user = json!({ "email": format!("{name}@example.com"), "name": name, "role": role });
    let user = id(&created(fleet, admin.sign(Ask::new("POST", "/api/v1/users").json(user))).await);
    let made = Ask::new("POST", "/api/v1/api-keys").json(json!({ "role": role, "user_id": user }));
    let made = created(fleet, admin.sign(made)).await;
    Key {
        tenant: admin.tenant,
        id: id(&made),
        user: Some(user),
        principal: format!("user:{user}"),
        text: text(&made["key"]),
    }
}

async fn created(fleet: &Fleet, ask: Ask) -> Value {
    let what = format!("{} {}", ask.method, ask.path);
    let answer = fleet.ask(ask).await;
    assert_eq!(answer.status, 201, "{what}: {}", answer.body);
    answer.body
}

fn id(object: &Value) -> Uuid {
    object["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
