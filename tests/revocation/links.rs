//! A decision link ends with the secret it was made with: whoever held a stolen key must not keep the links they made by it.

use serde_json::{Value, json};
use shared::testing::{Answer, TestKey};

use crate::{
    endings::Ending,
    world::{Memory, World},
};

/// A request with a link of one person's.
struct Link {
    asked: Value,
    secret: String,
}

impl Link {
    async fn make(world: &World, key: &TestKey) -> Self {
        let approval = world.acquainted.of("approval");
        let request =
            json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x", "required_approvals": 2 });
        let asked = approval.post(&world.tenant.agent, "/api/v1/approvals", request);
        let asked = asked.await.expect(201);
        let path = format!("/api/v1/approvals/{}/links", asked["id"].as_str().expect("an id"));
        let made = approval.post(key, &path, json!({})).await.expect(201);
        let (_, secret) = made["url"]
            .as_str()
            .and_then(|url| url.split_once('#'))
            .expect("a fragment");
        Self {
            secret: secret.to_owned(),
            asked,
        }
    }

    async fn post(&self, world: &World, end: &str, body: &Value) -> Answer {
        let path = format!("/decide/{}{end}", self.asked["id"].as_str().expect("an id"));
        let request = world.acquainted.of("approval").request("POST", &path);
        request.json(body).send().await
    }

    async fn view(&self, world: &World) -> Answer {
        self.post(world, "/view", &json!({ "secret": self.secret })).await
    }

    async fn decide(&self, world: &World) -> Answer {
        let hash = &self.asked["display_hash"];
        let body = json!({ "secret": self.secret, "decision": "APPROVE", "display_hash": hash });
        self.post(world, "", &body).await
    }
}

#[tokio::test]
async fn every_ending_of_a_key_ends_the_links_that_were_made_with_it() {
    let world = World::start(Memory::Kept, 13).await;
    let (mut ended, mut resumed) = (0, 0);
    for ending in Ending::ALL {
        let key = TestKey::of_user(&world.stack, world.tenant.id, "approver", &[]).await;
        let other = key.another(&world.stack, "approver", "operator").await;
        let (link, kept) = (Link::make(&world, &key).await, Link::make(&world, &other).await);
        let _ = link.view(&world).await.expect(200);
        let renewed = ending.end(&world, &key).await;
        link.view(&world).await.expect_error(404, "NOT_FOUND");
        link.decide(&world).await.expect_error(404, "NOT_FOUND");
        ended += 1;
        // What ends one key of a person ends neither their others nor the links of those.
        if !matches!(ending, Ending::Suspended | Ending::Deactivated) {
            let _ = kept.decide(&world).await.expect(200);
        }
        if let Some(renewed) = renewed {
            let _ = Link::make(&world, &renewed).await.decide(&world).await.expect(200);
        }
        if ending.undo(&world, &key).await {
            let _ = link.decide(&world).await.expect(200);
            resumed += 1;
        }
    }
    assert_eq!((ended, resumed), (6, 2));
}

#[tokio::test]
async fn a_rotation_with_an_overlap_leaves_links_for_as_long() {
    let world = World::start(Memory::Kept, 14).await;
    let key = TestKey::of_user(&world.stack, world.tenant.id, "approver", &[]).await;
    let links = [Link::make(&world, &key).await, Link::make(&world, &key).await];
    let path = format!("/api/v1/api-keys/{}/rotate", key.id);
    let rotate = async |overlap: u32| {
        let body = json!({ "overlap_seconds": overlap });
        let _ = world
            .elsewhere
            .of("tenant")
            .post(&world.tenant.admin, &path, body)
            .await
            .expect(200);
    };
    rotate(3_600).await;
    let _ = links[0].decide(&world).await.expect(200);
    let _ = links[1].view(&world).await.expect(200);
    rotate(0).await;
    links[1].decide(&world).await.expect_error(404, "NOT_FOUND");
}
