//! `GET /api/v1/approvals/{id}`, with and without waiting.

use std::{future::Future, pin::pin, time::Duration};

use futures_util::future::{Either, join_all, select, select_all};
use serde_json::{Value, json};
use shared::{
    lambda::AnswerBy,
    testing::{TestKey, poll_until},
};
use tokio::time::Instant;

use crate::scene::{STATES, Scene, id, request, request_with};

const WITHOUT_REDIS: [(&str, &str); 2] = [("REDIS_URL", "redis://127.0.0.1:1"), ("REDIS_TIMEOUT_MS", "100")];

async fn wait(scene: &Scene, id: &str, query: &str) -> Value {
    scene
        .client
        .get(&scene.tenant.agent, &format!("/api/v1/approvals/{id}?{query}"))
        .await
        .expect(200)
}

/// Fails if the story is not over before somebody in another tenant, who waits 20 seconds for nothing, is answered.
async fn before_a_long_wait<T>(scene: &Scene, story: impl Future<Output = T>) -> T {
    let elsewhere = scene.stack.tenant().await;
    let untouched = scene
        .client
        .post(&elsewhere.agent, "/api/v1/approvals", request())
        .await
        .expect(201);
    let path = format!("/api/v1/approvals/{}?wait=20", id(&untouched));
    match select(pin!(story), pin!(scene.client.get(&elsewhere.agent, &path))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => panic!("took to the end of a long wait"),
    }
}

/// What a wait of 25 seconds comes to that must last until `act` is done, and then end before its time.
async fn ended_by<T>(scene: &Scene, waiting: impl Future<Output = Value>, act: impl Future<Output = T>) -> (Value, T) {
    let story = async {
        match select(pin!(waiting), pin!(act)).await {
            Either::Left(_) => panic!("did not wait"),
            Either::Right((done, waiting)) => (waiting.await, done),
        }
    };
    before_a_long_wait(scene, story).await
}

/// What is answered without waiting: whoever waits takes a seat first, which is seen.
async fn at_once(scene: &Scene, id: &str, query: &str) -> Value {
    match select(pin!(wait(scene, id, query)), pin!(until_waiting(scene, 1))).await {
        Either::Left((status, _)) => status,
        Either::Right(_) => panic!("{query}: waited"),
    }
}

/// Until this many sit and wait.
async fn until_waiting(scene: &Scene, wanted: usize) {
    poll_until(Duration::from_secs(30), "seats are taken", async || {
        let mut taken = 0;
        for seat in 0..scene.stack.ctx.config.approvals.max_waiters {
            let key = format!("waiters:{}:{seat}", scene.tenant.id);
            taken += usize::from(scene.stack.ctx.cache.exists(&key).await.expect("Redis answers"));
        }
        if taken >= wanted { Ok(()) } else { Err(taken) }
    })
    .await;
}

#[tokio::test]
async fn every_status_is_shown_to_those_who_may_see_it() {
    let scene = Scene::start().await;
    let other_agent = TestKey::of_agent(&scene.stack, scene.tenant.id, "other-agent", None).await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        for (_, key) in scene.tenant.keys() {
            let status = scene.get(key, &id).await;
            assert_eq!(status["status"], state);
            let poll_after_ms = match state {
                "PENDING" => 1_000,
                "APPROVED" => 5_000,
                _ => 0,
            };
            assert_eq!(status["poll_after_ms"], poll_after_ms, "{state}");
        }
        let path = format!("/api/v1/approvals/{id}");
        scene
            .client
            .get(&other_agent, &path)
            .await
            .expect_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn an_approval_that_was_not_redeemed_in_time_names_no_decider() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("APPROVED").await;
    scene.expire(&id).await;
    let status = scene.get(&scene.tenant.agent, &id).await;
    assert_eq!(
        (&status["status"], &status["decided_at"]),
        (&json!("EXPIRED"), &Value::Null)
    );
    assert_eq!(
        status["decisions"].as_array().map(Vec::len),
        Some(1),
        "the votes remain"
    );
}

#[tokio::test]
async fn a_decision_ends_the_wait() {
    for settings in [&[][..], &WITHOUT_REDIS] {
        let scene = Scene::with(settings).await;
        let asked = scene.ask(request()).await;
        let id = id(&asked);
        let decide = async {
            if settings.is_empty() {
                until_waiting(&scene, 1).await;
            }
            scene.approve(&scene.tenant.approver, id).await.expect(200)
        };
        let (seen, decided) = ended_by(&scene, wait(&scene, id, "wait=25"), decide).await;
        assert_eq!(seen, decided);
        assert_eq!(seen["status"], "APPROVED");
    }
}

#[tokio::test]
async fn a_vote_ends_the_wait_for_a_version_but_not_the_wait_for_a_decision() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let vote = async {
        until_waiting(&scene, 1).await;
        scene.approve(&scene.tenant.approver, id).await.expect(200)
    };
    let (seen, voted) = ended_by(&scene, wait(&scene, id, "wait=25&after_version=1"), vote).await;
    assert_eq!((&seen, &seen["status"]), (&voted, &json!("PENDING")));

    let decide = async {
        until_waiting(&scene, 1).await;
        scene.approve(&scene.tenant.admin, id).await.expect(200)
    };
    let (seen, decided) = ended_by(&scene, wait(&scene, id, "wait=25"), decide).await;
    assert_eq!(seen, decided);
}

#[tokio::test]
async fn each_change_wakes_whoever_listens() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let channel = format!("approval:{}:{id}", scene.tenant.id);
    let mut messages = scene.stack.ctx.cache.subscribe(&channel).await.expect("Redis answers");
    for (key, verb) in [
        (&scene.tenant.approver, "approve"),
        (&scene.tenant.second_approver, "approve"),
        (&scene.tenant.agent, "cancel"),
    ] {
        let _ = scene.act(key, id, verb, json!({})).await.expect(200);
        assert!(
            before_a_long_wait(&scene, messages.wait(Duration::from_hours(1))).await,
            "{verb}"
        );
    }
}

#[tokio::test]
async fn what_is_there_already_is_answered_at_once() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let version = scene.get(&scene.tenant.agent, &id).await["version"]
            .as_i64()
            .expect("a version");
        let mut queries = vec!["wait=0".to_owned(), format!("wait=25&after_version={}", version - 1)];
        if state != "PENDING" {
            queries.push("wait=25".to_owned());
        }
        if !["PENDING", "APPROVED"].contains(&state) {
            queries.push(format!("wait=25&after_version={}", version + 100));
        }
        for query in queries {
            assert_eq!(at_once(&scene, &id, &query).await["status"], state, "{query}");
        }
    }
}

#[tokio::test]
async fn an_approved_request_is_waited_on_when_a_version_is_named() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("APPROVED").await;
    let cancel = async {
        until_waiting(&scene, 1).await;
        scene
            .act(&scene.tenant.agent, &id, "cancel", json!({}))
            .await
            .expect(200)
    };
    let (seen, cancelled) = ended_by(&scene, wait(&scene, &id, "wait=25&after_version=2"), cancel).await;
    assert_eq!(seen, cancelled);
}

#[tokio::test]
async fn the_wait_ends_unmoved_after_its_time_and_holds_no_connection() {
    let scene = Scene::with(&[
        ("DATABASE_MAX_CONNECTIONS", "1"),
        ("DATABASE_ACQUIRE_TIMEOUT_MS", "3000"),
    ])
    .await;
    let (id, _) = scene.request_in("PENDING").await;
    // The only connection serves others while somebody waits.
    let others = async {
        until_waiting(&scene, 1).await;
        for _ in 0..20 {
            assert_eq!(scene.get(&scene.tenant.approver, &id).await["status"], "PENDING");
        }
    };
    let (status, ()) = tokio::join!(wait(&scene, &id, "wait=4"), others);
    assert_eq!((&status["status"], &status["version"]), (&json!("PENDING"), &json!(1)));
}

#[tokio::test]
async fn expiry_ends_the_wait_though_nobody_announces_it() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let expire = async {
        until_waiting(&scene, 1).await;
        scene
            .force(&id, "expires_at = clock_timestamp() + interval '100 milliseconds'")
            .await;
    };
    let (status, ()) = ended_by(&scene, wait(&scene, &id, "wait=25"), expire).await;
    assert_eq!(
        (&status["status"], &status["decided_at"]),
        (&json!("EXPIRED"), &Value::Null)
    );
}

#[tokio::test]
async fn waiters_beyond_the_cap_are_answered_at_once() {
    for redis in [&[][..], &WITHOUT_REDIS] {
        let settings: Vec<_> = [("APPROVAL_MAX_WAITERS", "2")]
            .into_iter()
            .chain(redis.iter().copied())
            .collect();
        let scene = Scene::with(&settings).await;
        let (id, _) = scene.request_in("PENDING").await;
        let query = "wait=25";
        // Three ask, two may sit: whoever is answered PENDING was turned away, and then one decides for the others.
        let waiting = (0..3).map(|_| Box::pin(wait(&scene, &id, query)));
        let (turned_away, _, sitting) = before_a_long_wait(&scene, select_all(waiting)).await;
        assert_eq!(turned_away["status"], "PENDING");
        let decide = scene.approve(&scene.tenant.approver, &id);
        let (answers, decided) = tokio::join!(join_all(sitting), decide);
        let decided = decided.expect(200);
        assert!(answers.iter().all(|answer| *answer == decided), "{answers:?}");
    }
}

#[tokio::test]
async fn a_cancelled_wait_gives_its_seat_back() {
    let scene = Scene::with(&[("APPROVAL_MAX_WAITERS", "1")]).await;
    let (id, _) = scene.request_in("PENDING").await;
    for _ in 0..3 {
        match select(pin!(wait(&scene, &id, "wait=25")), pin!(until_waiting(&scene, 1))).await {
            Either::Left(_) => panic!("the seat was not free"),
            // Dropped while it waits.
            Either::Right(_) => {}
        }
        let seat = format!("waiters:{}:0", scene.tenant.id);
        let given_back = poll_until(Duration::from_secs(30), "the seat is free", async || {
            let taken = scene.stack.ctx.cache.exists(&seat).await.expect("Redis answers");
            if taken { Err("taken") } else { Ok(()) }
        });
        before_a_long_wait(&scene, given_back).await;
    }
}

#[tokio::test]
async fn a_seat_always_comes_free_by_itself() {
    let scene = Scene::with(&[("APPROVAL_MAX_WAITERS", "1")]).await;
    let (id, _) = scene.request_in("PENDING").await;
    let waiting = pin!(wait(&scene, &id, "wait=25"));
    match select(waiting, pin!(until_waiting(&scene, 1))).await {
        Either::Left(_) => panic!("did not wait"),
        Either::Right(((), _waiting)) => {
            let ttl = scene
                .stack
                .ctx
                .cache
                .ttl(&format!("waiters:{}:0", scene.tenant.id))
                .await
                .expect("Redis answers");
            assert!((1..=30).contains(&ttl), "{ttl}");
        }
    }
}

#[tokio::test]
async fn without_seats_nobody_waits() {
    let scene = Scene::with(&[("APPROVAL_MAX_WAITERS", "0")]).await;
    let (id, _) = scene.request_in("PENDING").await;
    assert_eq!(wait(&scene, &id, "wait=25").await["status"], "PENDING");
}

#[tokio::test]
async fn wrong_patience_is_named() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    for (query, field) in [
        ("wait=26", "wait"),
        ("wait=-1", "wait"),
        ("wait=1.5", "wait"),
        ("wait=", "wait"),
        ("wait=1&wait=1", "wait"),
        ("after_version=-1", "after_version"),
        ("after_version=x", "after_version"),
        ("after_version=99999999999", "after_version"),
        ("until=1", "until"),
    ] {
        let answer = scene
            .client
            .get(&scene.tenant.agent, &format!("/api/v1/approvals/{id}?{query}"))
            .await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{query}");
    }
}

#[tokio::test]
async fn a_wait_ends_before_the_invocation_does() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let id = id(&asked);
    let answer_by = AnswerBy(Instant::now() + Duration::from_secs(2));
    let answer = scene
        .client
        .request("GET", &format!("/api/v1/approvals/{id}?wait=25"))
        .key(&scene.tenant.agent)
        .with(answer_by)
        .send()
        .await;
    assert_eq!(answer.expect(200)["status"], "PENDING");
    assert!(Instant::now() < answer_by.0, "answered in time");
}
