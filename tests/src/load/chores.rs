//! What a client does that is not about approvals: audit events, tasks, settings, people.

use serde_json::{Value, json};

use super::{Client, Operation, Outcome, acts::uuid};
use crate::fleet::Ask;

impl Client {
    pub(super) async fn record(&mut self, most: usize) {
        let agent = self.dice.below(self.cast.agents.len());
        let count = 1 + self.dice.below(most);
        let events: Vec<Value> = (0..count)
            .map(|_| {
                json!({
                    "request_id": self.name("event"),
                    "caller_id": "somebody",
                    "tool": "search",
                    "arguments": { "query": self.dice.below(1_000) },
                })
            })
            .collect();
        self.recorded.extend(events.iter().map(|event| (agent, event.clone())));
        self.send_events(agent, events).await;
    }

    /// As a client does that has lost its place. One event of it may be new.
    pub(super) async fn record_again(&mut self) {
        let Some((agent, event)) = self.dice.pick(&self.recorded).cloned() else {
            return;
        };
        self.send_events(agent, vec![event]).await;
    }

    async fn send_events(&mut self, agent: usize, events: Vec<Value>) {
        let key = self.cast.agents[agent].clone();
        let operation = Operation::Record {
            tenant: key.tenant,
            by: key.principal.clone(),
            request_ids: events
                .iter()
                .filter_map(|event| event["request_id"].as_str().map(str::to_owned))
                .collect(),
        };
        let ask = Ask::new("POST", "/api/v1/audit/events").json(events.into());
        self.sender.until_known(&key, &operation, &ask, &[], &[]).await;
    }

    pub(super) async fn ping(&mut self) {
        let key = self.cast.agents[self.dice.below(self.cast.agents.len())].clone();
        let operation = Operation::Ping {
            tenant: key.tenant,
            by: key.principal.clone(),
        };
        let ask = Ask::new("POST", "/api/v1/tasks/ping").json(json!({}));
        if let Outcome::Acknowledged(task) = self.sender.once(&key, operation, ask, &[]).await {
            self.tasks.extend(uuid(&task["id"]));
        }
    }

    pub(super) async fn task(&mut self) {
        let Some(task) = self.dice.pick(&self.tasks).copied() else {
            return;
        };
        let ask = Ask::new("GET", &format!("/api/v1/tasks/{task}"));
        let key = self.cast.agents[0].clone();
        self.sender.once(&key, Operation::Other, ask, &[]).await;
    }

    pub(super) async fn settings(&mut self) {
        let key = self.cast.deciders[self.place % self.cast.deciders.len()].clone();
        let Some(user) = key.user else {
            return;
        };
        let mark = self.name("mark");
        let operation = Operation::Settings {
            tenant: key.tenant,
            user,
            mark: mark.clone(),
        };
        let ask = Ask::new("PATCH", "/api/v1/users/me/settings").json(json!({ "notifications": { mark: true } }));
        self.sender.until_known(&key, &operation, &ask, &[], &[]).await;
    }

    pub(super) async fn new_user(&mut self) {
        let email = format!("{}@example.com", self.name("person"));
        let operation = Operation::NewUser {
            tenant: self.cast.tenant,
            email: email.clone(),
        };
        let body = json!({ "email": email, "name": "A new colleague", "role": "auditor" });
        let ask = Ask::new("POST", "/api/v1/users").json(body);
        let admin = self.cast.admin().clone();
        // Sent again without an idempotency key, it may meet the person it made.
        self.sender
            .until_known(&admin, &operation, &ask, &[], &[(409, "CONFLICT")])
            .await;
    }
}
