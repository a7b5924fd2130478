//! The ways in which a key stops working, and what makes one work again.

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::world::World;

/// How a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Revoked,
    RotatedAtOnce,
    OverlapOver,
    Expired,
    Suspended,
    /// Only a person's.
    Deactivated,
}

impl Ending {
    pub(crate) const ALL: [Self; 6] = [
        Self::Revoked,
        Self::RotatedAtOnce,
        Self::OverlapOver,
        Self::Expired,
        Self::Suspended,
        Self::Deactivated,
    ];

    /// Ends the key in the other processes. Returns the key with its new secret, if it has one.
    pub(crate) async fn end(self, world: &World, key: &TestKey) -> Option<TestKey> {
        let (tenant, admin) = (world.elsewhere.of("tenant"), &world.tenant.admin);
        match self {
            Self::Revoked => {
                let path = format!("/api/v1/api-keys/{}", key.id);
                let _ = tenant.delete(admin, &path).await.expect(204);
                None
            }
            Self::RotatedAtOnce => Some(rotate(world, key, 0).await),
            Self::OverlapOver => {
                let renewed = rotate(world, key, 3_600).await;
                for valid in [key, &renewed] {
                    let _ = world.acquainted.of("tenant").get(valid, "/api/v1").await.expect(200);
                }
                // Time passes.
                world
                    .alter(
                        "UPDATE api_key_earlier_secrets SET expires_at = clock_timestamp() WHERE api_key_id = $1",
                        key.id,
                    )
                    .await;
                Some(renewed)
            }
            Self::Expired => {
                world
                    .alter(
                        "UPDATE api_keys SET expires_at = clock_timestamp() WHERE id = $1",
                        key.id,
                    )
                    .await;
                None
            }
            Self::Suspended => {
                let path = format!("/api/v1/tenants/{}", key.tenant_id);
                let suspension = tenant.request("DELETE", &path).bearer(world.elsewhere.operator());
                let _ = suspension.send().await.expect(204);
                None
            }
            Self::Deactivated => {
                let path = format!("/api/v1/users/{}", key.user_id.expect("a person"));
                let _ = tenant.delete(admin, &path).await.expect(204);
                None
            }
        }
    }

    /// Lets the key work again where that can be, and says whether it can.
    pub(crate) async fn undo(self, world: &World, key: &TestKey) -> bool {
        let tenant = world.elsewhere.of("tenant");
        let active = json!({ "status": "ACTIVE" });
        match self {
            Self::Suspended => {
                let path = format!("/api/v1/tenants/{}", key.tenant_id);
                let resumption = tenant.request("PATCH", &path).bearer(world.elsewhere.operator());
                let _ = resumption.json(&active).send().await.expect(200);
                true
            }
            Self::Deactivated => {
                let path = format!("/api/v1/users/{}", key.user_id.expect("a person"));
                let _ = tenant.patch(&world.tenant.admin, &path, active).await.expect(200);
                true
            }
            _ => false,
        }
    }
}

async fn rotate(world: &World, key: &TestKey, overlap_seconds: u32) -> TestKey {
    let rotated: Value = world
        .elsewhere
        .of("tenant")
        .post(
            &world.tenant.admin,
            &format!("/api/v1/api-keys/{}/rotate", key.id),
            json!({ "overlap_seconds": overlap_seconds }),
        )
        .await
        .expect(200);
    TestKey {
        text: rotated["key"].as_str().expect("the new text").to_owned(),
        ..key.clone()
    }
}
