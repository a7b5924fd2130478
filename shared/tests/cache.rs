//! The cache against a real Redis.

use std::time::Duration;

use shared::{
    data::{CacheError, Ttl},
    testing::TestStack,
};

#[tokio::test]
async fn it_keeps_its_interface() {
    let stack = TestStack::start().await;
    let (cache, name) = (&stack.ctx.cache, stack.ctx.ids.next());
    let key = |part: &str| format!("test:{name}:{part}");
    cache.ping().await.expect("Redis answers");

    assert_eq!(cache.get(&key("a")).await.expect("answers"), None);
    assert_eq!(cache.ttl(&key("a")).await.expect("answers"), -2);
    assert!(!cache.exists(&key("a")).await.expect("answers"));
    cache.set(&key("a"), "value", Ttl::seconds(60)).await.expect("stored");
    assert_eq!(cache.get(&key("a")).await.expect("answers").as_deref(), Some("value"));
    assert!(cache.exists(&key("a")).await.expect("answers"));
    assert!((1..=60).contains(&cache.ttl(&key("a")).await.expect("answers")));
    assert!(cache.delete(&key("a")).await.expect("answers"));
    assert!(!cache.delete(&key("a")).await.expect("answers"));

    assert_eq!(cache.incr(&key("n"), Ttl::seconds(60)).await.expect("counts"), 1);
    assert_eq!(cache.incr(&key("n"), Ttl::seconds(9_000)).await.expect("counts"), 2);
    assert!(
        (1..=60).contains(&cache.ttl(&key("n")).await.expect("answers")),
        "counting does not extend the life"
    );

    cache
        .set_json(&key("j"), &vec![1, 2], Ttl::seconds(60))
        .await
        .expect("stored");
    assert_eq!(
        cache.get_json::<Vec<i32>>(&key("j")).await.expect("answers"),
        Some(vec![1, 2])
    );
    assert_eq!(cache.get_json::<Vec<i32>>(&key("none")).await.expect("answers"), None);
    cache
        .set(&key("j"), "{not json", Ttl::seconds(60))
        .await
        .expect("stored");
    assert!(matches!(
        cache.get_json::<Vec<i32>>(&key("j")).await,
        Err(CacheError::Json(_))
    ));
}

#[tokio::test]
async fn nothing_is_stored_for_ever() {
    let stack = TestStack::start().await;
    let key = format!("test:{}", stack.ctx.ids.next());
    stack
        .ctx
        .cache
        .set(&key, "value", Ttl::seconds(0))
        .await
        .expect("stored");
    assert!(stack.ctx.cache.ttl(&key).await.expect("answers") >= 0);
}

#[tokio::test]
async fn a_message_wakes_who_waits() {
    let stack = TestStack::start().await;
    let channel = format!("test:{}", stack.ctx.ids.next());
    let mut subscription = stack.ctx.cache.subscribe(&channel).await.expect("subscribed");
    stack.ctx.cache.publish(&channel).await.expect("published");
    let woken = tokio::time::timeout(Duration::from_secs(20), subscription.wait(Duration::from_mins(1))).await;
    assert_eq!(woken, Ok(true), "woken by the message, not by the end of the wait");
}

#[tokio::test]
async fn redis_being_down_is_an_error_and_never_a_hang() {
    let stack = TestStack::with(&[("REDIS_URL", "redis://127.0.0.1:1"), ("REDIS_TIMEOUT_MS", "100")]).await;
    let cache = &stack.ctx.cache;
    assert!(cache.ping().await.is_err());
    assert!(cache.get("x").await.is_err());
    assert!(cache.set("x", "y", Ttl::seconds(1)).await.is_err());
    assert!(cache.incr("x", Ttl::seconds(1)).await.is_err());
    assert!(cache.publish("x").await.is_err());
    assert!(cache.subscribe("x").await.is_err());
}
