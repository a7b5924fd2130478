//! `GET /health/ready` with each dependency out of order in each way, and `GET /health` through all of it.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use shared::{
    http::app,
    secrets::Secrets,
    testing::{FaultProxy, ProxiedStack, ProxyMode, TestClient, poll_until},
};
use tokio::time::timeout;

/// What takes longer than this is not bounded.
const PATIENCE: Duration = Duration::from_secs(40);

struct Scene {
    proxied: ProxiedStack,
    client: TestClient,
}

impl Scene {
    async fn set() -> Self {
        let proxied = ProxiedStack::with(&[]).await;
        let client = proxied.stack.client(app(proxied.stack.ctx.clone(), health::routes()).0);
        Self { proxied, client }
    }

    async fn ready(&self, status: u16) -> Value {
        let answer = timeout(PATIENCE, self.client.request("GET", "/health/ready").send())
            .await
            .expect("readiness has no end");
        let body = answer.expect(status);
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{body}");
        assert!(!answer.text().contains("countersign-tests"), "the password: {body}");
        body
    }

    /// `/health` answers, and reaches for nothing.
    async fn alive(&self) {
        let traffic = || (self.proxied.postgres.traffic(), self.proxied.redis.traffic());
        let before = traffic();
        let body = self.client.request("GET", "/health").send().await.expect(200);
        assert_eq!(body["status"], "ok");
        assert_eq!(traffic(), before);
    }

    /// Ready again, without a restart.
    async fn recovers(&self) {
        poll_until(PATIENCE, "it is ready again", async || {
            let body = self.client.request("GET", "/health/ready").send().await.json();
            if body["status"] == "ok" { Ok(()) } else { Err(body) }
        })
        .await;
    }
}

fn statuses(body: &Value) -> Vec<&str> {
    ["postgres", "redis", "secrets", "migrations", "outbox"]
        .map(|name| body["checks"][name]["status"].as_str().expect("a status"))
        .to_vec()
}

#[tokio::test]
async fn redis_out_of_order_in_any_way_is_degraded() {
    let scene = Scene::set().await;
    let ways: [&dyn Fn(&FaultProxy); 3] = [&FaultProxy::stop, &|proxy| proxy.set(ProxyMode::BlackHole), &|proxy| {
        proxy.set(ProxyMode::Answer(Arc::new(|_| Some(b"-LOADING as told\r\n".to_vec()))));
    }];
    for break_redis in ways {
        scene.ready(200).await;
        break_redis(&scene.proxied.redis);
        let body = scene.ready(200).await;
        assert_eq!(body["status"], "degraded", "{body}");
        assert_eq!(statuses(&body), ["ok", "unavailable", "ok", "ok", "ok"]);
        scene.alive().await;
        scene.proxied.redis.set(ProxyMode::Pass);
        scene.recovers().await;
    }
}

#[tokio::test]
async fn a_redis_that_forgot_the_connection_is_asked_on_another() {
    let scene = Scene::set().await;
    assert_eq!(scene.ready(200).await["status"], "ok");
    scene.proxied.redis.lose();
    scene.recovers().await;
}

#[tokio::test]
async fn postgres_out_of_order_in_any_way_is_unavailable() {
    let scene = Scene::set().await;
    let ways: [&dyn Fn(&FaultProxy); 2] = [&FaultProxy::stop, &|proxy| proxy.set(ProxyMode::BlackHole)];
    for break_postgres in ways {
        assert_eq!(scene.ready(200).await["status"], "ok");
        break_postgres(&scene.proxied.postgres);
        let body = scene.ready(503).await;
        assert_eq!(body["status"], "unavailable", "{body}");
        assert_eq!(
            statuses(&body),
            ["unavailable", "ok", "ok", "unavailable", "unavailable"]
        );
        // Patience is 2 s; what Postgres alone can tell is not waited for again.
        assert!(
            body["checks"]["postgres"]["latency_ms"]
                .as_u64()
                .is_some_and(|ms| ms < 20_000),
            "{body}"
        );
        assert_eq!(body["checks"]["migrations"]["latency_ms"], 0, "{body}");
        assert_eq!(body["checks"]["outbox"]["pending"], Value::Null);
        scene.alive().await;
        scene.proxied.postgres.set(ProxyMode::Pass);
        scene.recovers().await;
    }
}

#[tokio::test]
async fn no_connections_left_is_unavailable() {
    let scene = Scene::set().await;
    let owner = scene.proxied.stack.owner_pool();
    for (limit, expected) in [(0, 503), (-1, 200)] {
        let name = scene.proxied.stack.database.name();
        let sql = sqlx::AssertSqlSafe(format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"));
        sqlx::raw_sql(sql).execute(&owner).await.expect("the superuser may");
        scene.ready(expected).await;
        scene.alive().await;
    }
}

#[tokio::test]
async fn connections_that_were_ended_are_replaced_unnoticed() {
    let scene = Scene::set().await;
    assert_eq!(scene.ready(200).await["status"], "ok");
    scene.proxied.postgres.cut();
    scene.proxied.redis.cut();
    scene.recovers().await;
    assert_eq!(scene.ready(200).await["status"], "ok");
}

#[tokio::test]
async fn both_out_of_order_are_both_named() {
    let scene = Scene::set().await;
    scene.proxied.postgres.stop();
    scene.proxied.redis.set(ProxyMode::BlackHole);
    let body = scene.ready(503).await;
    assert_eq!(
        statuses(&body),
        ["unavailable", "unavailable", "ok", "unavailable", "unavailable"]
    );
    scene.alive().await;
}

#[tokio::test]
async fn secrets_that_cannot_be_had_are_unavailable() {
    let scene = Scene::set().await;
    let mut ctx = scene.proxied.stack.ctx.clone();
    ctx.secrets = Secrets::from_lookup(|_| None, Duration::from_secs(1));
    let client = scene.proxied.stack.client(app(ctx, health::routes()).0);
    let body = client.request("GET", "/health/ready").send().await.expect(503);
    assert_eq!(statuses(&body), ["ok", "ok", "unavailable", "ok", "ok"]);
    client.request("GET", "/health").send().await.expect(200);
}
