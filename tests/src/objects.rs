//! Objects of every kind in a tenant, made through the product, for tests over all routes.
#![expect(clippy::missing_panics_doc, reason = "a test that cannot set itself up has failed")]

use serde_json::{Value, json};
use shared::testing::{TestClient, TestStack, TestTenant};
use uuid::Uuid;

use crate::{
    routes::{Route, routes},
    samples::sample,
};

/// One of each kind.
#[derive(Debug)]
pub struct Objects {
    /// A pending request of the tenant's agent.
    pub approval: Uuid,
    /// An approved one, for the call that the sample of a redemption presents.
    pub approved: Uuid,
    /// The token of the pending request.
    pub token: String,
    /// What an approver of the pending request is shown.
    pub display_hash: String,
    /// The secret of the approver's link to the pending request.
    pub link: String,
    /// An event that the agent recorded.
    pub audit_event: Uuid,
    /// How the agent called that event.
    pub audit_request_id: String,
    /// An approver without a key, to whom the tenant's own approver will delegate.
    pub user: Uuid,
    /// An agent's key that nobody uses.
    pub api_key: Uuid,
    /// A stop of an agent that there is not.
    pub stop: Uuid,
    /// A task of the agent's.
    pub task: Uuid,
    /// The tenant itself.
    pub tenant: Uuid,
    /// Another tenant, which has no people.
    pub empty_tenant: Uuid,
}

fn id(body: &Value) -> Uuid {
    body.as_str().and_then(|id| id.parse().ok()).expect("an id")
}

impl Objects {
    /// Makes them.
    pub async fn make(stack: &TestStack, client: &TestClient, tenant: &TestTenant) -> Self {
        let unique = stack.ctx.ids.next();
        let post = async |key, path: &str, body: Value, status: u16| client.post(key, path, body).await.expect(status);
        let call = json!({ "tool": "deploy", "arguments": {} });
        let approval = json!({ "tool_call": call, "reason": "one of each" });
        let approval = post(&tenant.agent, "/api/v1/approvals", approval, 201).await;
        let redemption = routes().into_iter().find(|route| route.id == "redeem_approval");
        let live = sample(
            &redemption
                .and_then(|route| route.body)
                .expect("a redemption has a body"),
        );
        let approved = json!({ "tool_call": live["tool_call"], "reason": "one of each" });
        let approved = id(&post(&tenant.agent, "/api/v1/approvals", approved, 201).await["id"]);
        let approve = format!("/api/v1/approvals/{approved}/approve");
        let _ = post(&tenant.approver, &approve, json!({}), 200).await;
        let links = format!("/api/v1/approvals/{}/links", id(&approval["id"]));
        let link = post(&tenant.approver, &links, json!({}), 201).await;
        let (_, link) = link["url"]
            .as_str()
            .and_then(|url| url.split_once('#'))
            .expect("a link");
        let audit_request_id = format!("recorded-{unique}");
        let caller_id = tenant.agent.principal.trim_start_matches("agent:");
        let event =
            json!({ "request_id": audit_request_id, "caller_id": caller_id, "tool": "deploy", "arguments": {} });
        let event = post(&tenant.agent, "/api/v1/audit/events", event, 202).await;
        let user = json!({ "email": format!("{unique}@example.com"), "name": "Spare", "role": "approver" });
        let user = post(&tenant.admin, "/api/v1/users", user, 201).await;
        let delegation = json!({
            "delegate_to": user["id"], "from": "2099-01-01T08:00:00.000Z", "until": "2099-01-15T08:00:00.000Z",
        });
        let delegation = client
            .request("PUT", "/api/v1/users/me/delegation")
            .key(&tenant.approver)
            .json(&delegation);
        let _ = delegation.send().await.expect(200);
        let api_key = json!({ "role": "agent", "caller_id": format!("spare-{unique}") });
        let api_key = post(&tenant.admin, "/api/v1/api-keys", api_key, 201).await;
        let stop = json!({ "caller_id": format!("stopped-{unique}"), "reason": "one of each" });
        let stop = post(&tenant.admin, "/api/v1/stops", stop, 201).await;
        let task = post(&tenant.agent, "/api/v1/tasks/ping", json!({}), 202).await;
        let empty_tenant = client
            .request("POST", "/api/v1/tenants")
            .bearer(stack.operator())
            .json(&json!({ "name": "Empty" }))
            .send()
            .await
            .expect(201);
        Self {
            approval: id(&approval["id"]),
            approved,
            token: approval["token"].as_str().expect("a token").to_owned(),
            display_hash: approval["display_hash"].as_str().expect("a hash").to_owned(),
            link: link.to_owned(),
            audit_event: id(&event["events"][0]["event_id"]),
            audit_request_id,
            user: id(&user["id"]),
            api_key: id(&api_key["id"]),
            stop: id(&stop["id"]),
            task: id(&task["id"]),
            tenant: tenant.id,
            empty_tenant: id(&empty_tenant["id"]),
        }
    }

    /// Those in the tenant, and itself.
    #[must_use]
    pub fn ids(&self) -> [Uuid; 7] {
        [
            self.approval,
            self.audit_event,
            self.user,
            self.api_key,
            self.stop,
            self.task,
            self.tenant,
        ]
    }

    /// The route's path, with the object of its kind in it if it names one.
    #[must_use]
    pub fn in_path(&self, route: &Route) -> String {
        if route.in_path.is_none() {
            return route.path.clone();
        }
        let kinds = [
            ("/api/v1/approvals/{id}/redeem", self.approved),
            ("/api/v1/approvals/{id}/revoke", self.approved),
            ("/api/v1/approvals/{id}", self.approval),
            ("/decide/{id}", self.approval),
            ("/api/v1/audit/events/{id}", self.audit_event),
            ("/api/v1/users/{id}", self.user),
            ("/api/v1/api-keys/{id}", self.api_key),
            ("/api/v1/stops/{id}", self.stop),
            ("/api/v1/tasks/{id}", self.task),
            ("/api/v1/tenants/{id}/bootstrap", self.empty_tenant),
            ("/api/v1/tenants/{id}", self.tenant),
        ];
        let (_, id) = kinds
            .into_iter()
            .find(|(prefix, _)| route.path.starts_with(prefix))
            .unwrap_or_else(|| panic!("{}: say which object stands in this path", route.path));
        route.at(&id.to_string())
    }

    /// Puts what proves that the pending request was seen, and the approver's link to it, in the place of the samples in a body.
    pub fn prove(&self, body: &mut Value) {
        match body {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "display_hash" => *value = json!(self.display_hash),
                        "secret" => *value = json!(self.link),
                        _ => self.prove(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.prove(item)),
            _ => {}
        }
    }
}
