//! In the middle of a long wait. Whoever was let in before the end of their key is still answered, since that request is no
//! next one; the next one is refused while the wait goes on.

use std::time::Duration;

use serde_json::json;
use shared::testing::{TestKey, poll_until};

use crate::{
    endings::Ending,
    world::{Memory, World},
};

async fn play_all(memory: Memory, redis_database: u8) {
    let world = Box::pin(World::start(memory, redis_database)).await;
    let mut ended = 0;
    for ending in Ending::ALL {
        // Seen by people only, if they are told to wait for it.
        let body = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x" });
        let asked = world
            .elsewhere
            .of("approval")
            .post(&world.tenant.agent, "/api/v1/approvals", body)
            .await
            .expect(201);
        let path = format!("/api/v1/approvals/{}", asked["id"].as_str().expect("an id"));
        let key = TestKey::of_user(&world.stack, world.tenant.id, "admin", &[]).await;
        let waiting = {
            let (client, key, path) = (
                world.acquainted.of("approval").clone(),
                key.clone(),
                format!("{path}?wait=25"),
            );
            tokio::spawn(async move { client.get(&key, &path).await })
        };
        until_used(&world, &key).await;
        let _ = ending.end(&world, &key).await;
        world.disturb_memory().await;

        for processes in [&world.acquainted, &world.strangers] {
            let next = processes.ask(&key, ("approval", "GET", &path), None).await;
            next.expect_error(401, "UNAUTHORIZED");
        }
        assert!(!waiting.is_finished(), "{ending:?}: the wait goes on");
        // In a suspended tenant nobody decides.
        if ending == Ending::Suspended {
            ending.undo(&world, &key).await;
        }
        let approve = format!("{path}/approve");
        let _ = world
            .elsewhere
            .of("approval")
            .post(&world.tenant.approver, &approve, json!({}))
            .await
            .expect(200);
        let answer = waiting.await.expect("it answers").expect(200);
        assert_eq!(answer["status"], "APPROVED", "{ending:?}");
        ended += 1;
    }
    println!("{memory:?}: {ended} waits went on past the end of their key, and no next request was let in");
}

/// Until a fresh key was let in: then it has been used.
async fn until_used(world: &World, key: &TestKey) {
    poll_until(Duration::from_secs(30), "the key is used", async || {
        let used: bool = sqlx::query_scalar("SELECT last_used_at IS NOT NULL FROM api_keys WHERE id = $1")
            .bind(key.id)
            .fetch_one(&world.owner)
            .await
            .expect("the key is there");
        if used { Ok(()) } else { Err("not yet") }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_outlives_its_key_and_nothing_after_it_does() {
    play_all(Memory::Kept, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_outlives_its_key_while_redis_is_down_too() {
    play_all(Memory::Down, 0).await;
}
