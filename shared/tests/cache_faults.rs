//! Redis refused, silent, slow, emptied and unwilling: always an answer in bounded time, and never one that is not true.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use shared::{
    data::{Cache, CacheError, Ttl},
    testing::{FaultProxy, ProxiedStack, ProxyMode, poll_until, redis_database},
};
use tokio::time::{Instant, timeout};

/// What takes longer than this is not bounded.
const PATIENCE: Duration = Duration::from_secs(40);
const MINUTE: Ttl = Ttl::seconds(60);

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("this wait has no end")
}

/// A stack whose Redis is given up after `timeout_ms`.
async fn stack(timeout_ms: &str) -> ProxiedStack {
    ProxiedStack::with(&[("REDIS_TIMEOUT_MS", timeout_ms)]).await
}

/// Asks until Redis answers again: after a time-out it is left alone for a while.
async fn recovered(cache: &Cache) {
    poll_until(PATIENCE, "Redis is back and asked", async || cache.get("nothing").await).await;
}

/// Every command once, each of which must end in an error.
async fn every_command_fails(cache: &Cache, key: &str) {
    assert!(bounded(cache.ping()).await.is_err());
    assert!(bounded(cache.get(key)).await.is_err());
    assert!(bounded(cache.set(key, "x", MINUTE)).await.is_err());
    assert!(bounded(cache.exists(key)).await.is_err());
    assert!(bounded(cache.ttl(key)).await.is_err());
    assert!(bounded(cache.incr(key, MINUTE)).await.is_err());
    assert!(bounded(cache.set_json(key, &1, MINUTE)).await.is_err());
    assert!(bounded(cache.get_json::<i32>(key)).await.is_err());
    assert!(bounded(cache.publish(key)).await.is_err());
    assert!(bounded(cache.delete(key)).await.is_err());
    assert!(bounded(cache.subscribe(key)).await.is_err());
}

#[tokio::test]
async fn a_redis_that_is_stopped_is_an_error_at_every_command_and_comes_back_by_itself() {
    let proxied = stack("1000").await;
    let (cache, key) = (
        &proxied.stack.ctx.cache,
        format!("test:{}", proxied.stack.ctx.ids.next()),
    );
    for _ in 0..2 {
        recovered(cache).await;
        cache.set(&key, "kept", MINUTE).await.expect("stored");
        proxied.redis.stop();
        every_command_fails(cache, &key).await;
        proxied.redis.set(ProxyMode::Pass);
        recovered(cache).await;
        assert_eq!(cache.get(&key).await.expect("answers").as_deref(), Some("kept"));
        bounded(cache.subscribe(&key)).await.expect("subscribed");
    }
}

#[tokio::test]
async fn a_silent_redis_is_an_error_at_every_command_and_comes_back_by_itself() {
    for from_the_start in [true, false] {
        let proxied = stack("200").await;
        let (cache, key) = (
            &proxied.stack.ctx.cache,
            format!("test:{}", proxied.stack.ctx.ids.next()),
        );
        if !from_the_start {
            recovered(cache).await;
        }
        proxied.redis.set(ProxyMode::BlackHole);
        every_command_fails(cache, &key).await;
        proxied.redis.set(ProxyMode::Pass);
        recovered(cache).await;
        bounded(cache.subscribe(&key)).await.expect("subscribed");
    }
}

#[tokio::test]
async fn a_silent_redis_costs_one_time_out_and_is_then_left_alone() {
    // With a time-out this long, asking again within this test's patience shows as time.
    let proxied = stack("2000").await;
    let cache = &proxied.stack.ctx.cache;
    recovered(cache).await;
    proxied.redis.set(ProxyMode::BlackHole);
    assert!(matches!(bounded(cache.get("x")).await, Err(CacheError::Timeout)));
    let silent = proxied.redis.traffic();
    let started = Instant::now();
    let mut asked = 0;
    // For half as long as it is left alone.
    while started.elapsed() < Duration::from_millis(500) {
        assert!(matches!(cache.get("x").await, Err(CacheError::Timeout)));
        assert!(matches!(cache.set("x", "y", MINUTE).await, Err(CacheError::Timeout)));
        assert!(matches!(cache.clone().publish("x").await, Err(CacheError::Timeout)));
        asked += 3;
        tokio::task::yield_now().await;
    }
    assert!(asked > 30, "{asked}: each was refused without a wait");
    assert_eq!(
        proxied.redis.traffic(),
        silent,
        "nothing was sent and no connection tried"
    );
}

#[tokio::test]
async fn readiness_and_deletions_ask_even_while_redis_is_left_alone() {
    let proxied = stack("500").await;
    let (cache, key) = (
        &proxied.stack.ctx.cache,
        format!("test:{}", proxied.stack.ctx.ids.next()),
    );
    recovered(cache).await;
    cache.set(&key, "x", MINUTE).await.expect("stored");
    proxied.redis.lose();
    assert!(matches!(bounded(cache.get(&key)).await, Err(CacheError::Timeout)));
    // A value that must go must not survive because something else was slow; and readiness tells what is.
    poll_until(PATIENCE, "the value is deleted", async || {
        match cache.delete(&key).await {
            Ok(true) => Ok(()),
            other => Err(other),
        }
    })
    .await;
    bounded(cache.ping()).await.expect("answers");
}

#[tokio::test]
async fn a_slow_redis_is_waited_for_within_the_time_out() {
    let proxied = stack("10000").await;
    let (cache, key) = (
        &proxied.stack.ctx.cache,
        format!("test:{}", proxied.stack.ctx.ids.next()),
    );
    proxied.redis.set(ProxyMode::Delay(Duration::from_millis(50)));
    cache.set(&key, "slow", MINUTE).await.expect("stored");
    assert_eq!(cache.get(&key).await.expect("answers").as_deref(), Some("slow"));
    proxied.redis.set(ProxyMode::Delay(Duration::from_mins(1)));
    assert!(matches!(bounded(cache.get(&key)).await, Err(CacheError::Timeout)));
}

#[tokio::test]
async fn an_emptied_redis_has_forgotten_and_says_so() {
    // A numbered database that nothing else uses: the server is shared.
    let url = redis_database(13);
    let proxied = ProxiedStack::with(&[("REDIS_URL", &url), ("REDIS_TIMEOUT_MS", "2000")]).await;
    let (cache, key) = (
        &proxied.stack.ctx.cache,
        format!("test:{}", proxied.stack.ctx.ids.next()),
    );
    cache.set(&key, "x", MINUTE).await.expect("stored");
    let counter = format!("{key}:n");
    assert_eq!(cache.incr(&counter, MINUTE).await.expect("counted"), 1);
    assert_eq!(cache.incr(&counter, MINUTE).await.expect("counted"), 2);
    let mut bare = redis::Client::open(url)
        .expect("a URL")
        .get_multiplexed_async_connection()
        .await
        .expect("Redis answers");
    redis::cmd("FLUSHDB")
        .query_async::<()>(&mut bare)
        .await
        .expect("emptied");
    assert_eq!(cache.get(&key).await.expect("answers"), None);
    assert!(!cache.exists(&key).await.expect("answers"));
    assert_eq!(cache.ttl(&key).await.expect("answers"), -2);
    assert_eq!(cache.incr(&counter, MINUTE).await.expect("counted"), 1);
    assert!(
        (1..=60).contains(&cache.ttl(&counter).await.expect("answers")),
        "it goes by itself again"
    );
}

/// Answers each command that `concerns` picks, by its name, with an error of Redis; the others reach the server.
fn refuse_commands(proxy: &FaultProxy, error: &'static str, concerns: fn(&str) -> bool) -> Arc<AtomicUsize> {
    let refused = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&refused);
    proxy.set(ProxyMode::Answer(Arc::new(move |sent| {
        // The Redis serialization protocol: an array of bulk strings for each command. The name is the first of them.
        let text = String::from_utf8_lossy(sent);
        let commands = text.split("\r\n*").filter_map(|command| command.split("\r\n").nth(2));
        let (concerned, others): (Vec<_>, Vec<_>) = commands.partition(|name| concerns(name));
        if concerned.is_empty() {
            return None;
        }
        assert!(
            others.is_empty(),
            "a chunk of commands with different fates: {concerned:?} {others:?}"
        );
        counted.fetch_add(concerned.len(), SeqCst);
        Some(format!("-{error}\r\n").repeat(concerned.len()).into_bytes())
    })));
    refused
}

#[tokio::test]
async fn a_redis_that_refuses_is_an_error_and_not_left_alone() {
    for (error, concerns) in [
        (
            "LOADING Redis is loading the dataset in memory",
            (|_| true) as fn(&str) -> bool,
        ),
        ("NOAUTH Authentication required.", |_| true),
        ("OOM command not allowed when used memory > 'maxmemory'.", |name| {
            name == "SETEX"
        }),
        ("READONLY You can't write against a read only replica.", |name| {
            name == "SETEX"
        }),
        ("MISCONF Redis is configured to save RDB snapshots", |name| {
            name == "SETEX"
        }),
    ] {
        let proxied = stack("2000").await;
        let (cache, key) = (
            &proxied.stack.ctx.cache,
            format!("test:{}", proxied.stack.ctx.ids.next()),
        );
        cache.set(&key, "before", MINUTE).await.expect("stored");
        let refused = refuse_commands(&proxied.redis, error, concerns);
        for _ in 0..2 {
            let told = bounded(cache.set(&key, "after", MINUTE)).await;
            assert!(matches!(told, Err(CacheError::Redis(_))), "{error}: {told:?}");
        }
        assert!(refused.load(SeqCst) >= 2, "{error}");
        proxied.redis.set(ProxyMode::Pass);
        assert_eq!(
            cache.get(&key).await.expect("answers").as_deref(),
            Some("before"),
            "{error}"
        );
        cache.set(&key, "after", MINUTE).await.expect("stored");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_redis_protocol_is_an_error() {
    let proxied = stack("2000").await;
    let cache = &proxied.stack.ctx.cache;
    recovered(cache).await;
    proxied.redis.set(ProxyMode::Answer(Arc::new(|_| {
        Some(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())
    })));
    assert!(bounded(cache.get("x")).await.is_err());
    proxied.redis.set(ProxyMode::Pass);
    recovered(cache).await;
}

#[tokio::test]
async fn a_subscription_that_breaks_wakes_its_waiter_and_says_so() {
    let proxied = stack("2000").await;
    let cache = &proxied.stack.ctx.cache;
    let mut subscription = cache.subscribe("test:broken").await.expect("subscribed");
    let (kept, ()) = tokio::join!(bounded(subscription.wait(Duration::from_hours(1))), async {
        tokio::task::yield_now().await;
        proxied.redis.cut();
    });
    assert!(!kept, "waiting on it again is pointless");
    assert!(!bounded(subscription.wait(Duration::from_hours(1))).await);
}

#[tokio::test]
async fn a_subscription_that_falls_silent_ends_with_its_time() {
    let proxied = stack("2000").await;
    let cache = &proxied.stack.ctx.cache;
    let mut subscription = cache.subscribe("test:silent").await.expect("subscribed");
    proxied.redis.set(ProxyMode::BlackHole);
    assert!(bounded(subscription.wait(Duration::from_millis(100))).await);
}
