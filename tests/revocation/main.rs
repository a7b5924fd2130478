//! What ends a key in one process ends it in all of them with the next request, on every route of every function, whatever
//! Redis or a process remembers; and what lets it work again does so as soon.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod endings;
mod links;
mod waiting;
mod world;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::testing::TestKey;
use system_tests::{
    routes::{self, Access},
    samples,
};

use crate::{
    endings::Ending,
    world::{Memory, World},
};

/// A route of a function that answers people and agents alike, what is sent there, and the status of its success.
struct Example {
    function: &'static str,
    method: &'static str,
    path: &'static str,
    body: Option<Value>,
    success: u16,
}

/// Of every function that asks for a key, one route that reads and one that writes.
fn examples() -> [Example; 6] {
    let route = |function, method, path, body, success| Example {
        function,
        method,
        path,
        body,
        success,
    };
    let request = json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "x" });
    let event = json!({ "request_id": "again", "caller_id": "ci", "tool": "deploy" });
    [
        route("tenant", "GET", "/api/v1", None, 200),
        route("tenant", "POST", "/api/v1/tasks/ping", Some(json!({})), 202),
        route("approval", "GET", "/api/v1/approvals", None, 200),
        route("approval", "POST", "/api/v1/approvals", Some(request), 201),
        route("audit", "GET", "/api/v1/audit/events", None, 200),
        route("audit", "POST", "/api/v1/audit/events", Some(event), 202),
    ]
}

/// All that ask for a credential.
fn guarded() -> Vec<routes::Route> {
    routes::routes()
        .into_iter()
        .filter(|route| route.access != Access::Public)
        .collect()
}

/// How many requests were refused and answered in one world.
#[derive(Default)]
struct Count {
    refused: usize,
    answered: usize,
}

/// One key, used on one route, ended elsewhere, used there again.
async fn play(world: &World, ending: Ending, key: &TestKey, route: &Example, count: &mut Count) {
    let target = (route.function, route.method, route.path);
    let body = route.body.as_ref();
    let _ = world.acquainted.ask(key, target, body).await.expect(route.success);
    let renewed = ending.end(world, key).await;
    let verdicts = world.disturb_memory().await;
    assert_eq!(verdicts > 0, matches!(world.memory, Memory::Kept | Memory::PutBack));

    // The very next request of this key in the process that knows it, and the first in one that does not.
    for processes in [&world.acquainted, &world.strangers] {
        processes.ask(key, target, body).await.expect_error(401, "UNAUTHORIZED");
        count.refused += 1;
    }
    let works = match renewed {
        Some(renewed) => Some(renewed),
        None => ending.undo(world, key).await.then(|| key.clone()),
    };
    if let Some(key) = works {
        for processes in [&world.acquainted, &world.strangers] {
            let _ = processes.ask(&key, target, body).await.expect(route.success);
            count.answered += 1;
        }
    }
}

/// One key, ended elsewhere, and then every operation there is.
async fn play_everywhere(world: &World, ending: Ending, key: &TestKey, count: &mut Count) {
    let _ = world.acquainted.of("tenant").get(key, "/api/v1").await.expect(200);
    let _ = ending.end(world, key).await;
    world.disturb_memory().await;
    for route in guarded() {
        let body = route.body.as_ref().map(samples::sample);
        let path = route.at("019a9f00-0000-7000-8000-000000000001");
        let answer = world
            .acquainted
            .ask(key, (route.function, route.method, &path), body.as_ref())
            .await;
        answer.expect_error(401, "UNAUTHORIZED");
        count.refused += 1;
    }
    ending.undo(world, key).await;
}

/// Every ending of a person's and an agent's key.
async fn play_all(memory: Memory, redis_database: u8) {
    let world = Box::pin(World::start(memory, redis_database)).await;
    let mut counts: BTreeMap<(&str, Ending), Count> = BTreeMap::new();
    let mut agents = 0;
    for holder in ["a person", "an agent"] {
        for ending in Ending::ALL {
            if (holder, ending) == ("an agent", Ending::Deactivated) {
                continue;
            }
            let count = counts.entry((holder, ending)).or_default();
            let mut routes = examples().into_iter();
            loop {
                let key = if holder == "a person" {
                    TestKey::of_user(&world.stack, world.tenant.id, "admin", &[]).await
                } else {
                    agents += 1;
                    TestKey::of_agent(&world.stack, world.tenant.id, &format!("agent-{agents}"), None).await
                };
                match routes.next() {
                    Some(route) => Box::pin(play(&world, ending, &key, &route, count)).await,
                    None => break Box::pin(play_everywhere(&world, ending, &key, count)).await,
                }
            }
        }
    }
    for ((holder, ending), count) in &counts {
        println!(
            "{memory:?}: {holder}, {ending:?}: {} refused with 401, {} answered again",
            count.refused, count.answered
        );
    }
    assert_eq!(counts.len(), 11);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_end_at_once_though_every_memory_holds_their_verdict() {
    Box::pin(play_all(Memory::Kept, 9)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_end_at_once_when_redis_forgot_everything() {
    Box::pin(play_all(Memory::Flushed, 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_end_at_once_though_old_verdicts_are_put_back() {
    Box::pin(play_all(Memory::PutBack, 11)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_end_at_once_while_redis_is_down() {
    Box::pin(play_all(Memory::Down, 0)).await;
}
