//! The life of a key: made, used, rotated, its old secret refused, revoked, and refused for good.

use serde_json::json;

use super::{Client, Key, Operation, Outcome, acts::key_of};
use crate::fleet::Ask;

const UNAUTHORIZED: (u16, &str) = (401, "UNAUTHORIZED");

impl Client {
    pub(super) async fn key_story(&mut self) {
        let caller_id = self.name("caller");
        let (admin, tenant) = (self.cast.admin().clone(), self.cast.tenant);
        let operation = Operation::NewKey {
            tenant,
            caller_id: caller_id.clone(),
        };
        let ask = Ask::new("POST", "/api/v1/api-keys").json(json!({ "role": "agent", "caller_id": caller_id }));
        // Sent again without an idempotency key, it may meet the key it made, whose secret is then lost.
        let made = self
            .sender
            .until_known(&admin, &operation, &ask, &[], &[(409, "CONFLICT")])
            .await;
        let Some(Outcome::Acknowledged(made)) = made else {
            return;
        };
        let Some(first) = key_of(&made, tenant, &caller_id) else {
            self.sender.journal.mistake(format!("a key without its text: {made}"));
            return;
        };
        self.must_work(&first).await;

        let rotate = Ask::new("POST", &format!("/api/v1/api-keys/{}/rotate", first.id)).json(json!({}));
        let operation = Operation::Rotate { tenant, key: first.id };
        let rotated = self.sender.until_known(&admin, &operation, &rotate, &[], &[]).await;
        let Some(second) = rotated.and_then(|outcome| match outcome {
            Outcome::Acknowledged(rotated) => key_of(&rotated, tenant, &caller_id),
            _ => None,
        }) else {
            return;
        };
        self.must_fail(&first).await;
        self.must_work(&second).await;

        let revoke = Ask::new("DELETE", &format!("/api/v1/api-keys/{}", first.id));
        let operation = Operation::Revoke { tenant, key: first.id };
        if let Some(Outcome::Acknowledged(_)) = self.sender.until_known(&admin, &operation, &revoke, &[], &[]).await {
            self.must_fail(&second).await;
        }
    }

    async fn must_work(&self, key: &Key) {
        self.sender
            .until_known(key, &Operation::Other, &Ask::new("GET", "/api/v1"), &[], &[])
            .await;
    }

    async fn must_fail(&self, key: &Key) {
        let ask = Ask::new("GET", "/api/v1");
        let outcome = self
            .sender
            .until_known(key, &Operation::Other, &ask, &[UNAUTHORIZED], &[])
            .await;
        if let Some(Outcome::Acknowledged(_)) = outcome {
            self.sender
                .journal
                .mistake(format!("a secret that had ended opened {}", key.tenant));
        }
    }
}
