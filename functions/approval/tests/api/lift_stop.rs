//! `DELETE /api/v1/stops/{id}`.

use serde_json::{Value, json};

use crate::scene::{Scene, call, id, request};

async fn lift(scene: &Scene, stop: &Value) {
    let path = format!("/api/v1/stops/{}", id(stop));
    scene.client.delete(&scene.tenant.admin, &path).await.expect(204);
}

#[tokio::test]
async fn what_was_stopped_goes_on_and_what_was_cancelled_stays_so() {
    let scene = Scene::start().await;
    let (pending, _) = scene.request_in("PENDING").await;
    let (approved, _) = scene.request_in("APPROVED").await;
    let stop = scene.stop(Some("dev-agent")).await;
    lift(&scene, &stop).await;
    assert_eq!(scene.get(&scene.tenant.agent, &pending).await["status"], "CANCELLED");
    let redeemed = scene.redeem(&scene.tenant.agent, &approved, call()).await;
    assert_eq!(redeemed.expect(200)["status"], "CONSUMED");
    let _ = scene.ask(request()).await;
}

#[tokio::test]
async fn every_stop_is_lifted_by_itself() {
    let scene = Scene::start().await;
    let (approved, _) = scene.request_in("APPROVED").await;
    let agent = &scene.tenant.agent;
    let (own, all) = (scene.stop(Some("dev-agent")).await, scene.stop(None).await);
    for (stop, scope) in [(&own, "TENANT"), (&all, "")] {
        lift(&scene, stop).await;
        if !scope.is_empty() {
            let refused = scene.redeem(agent, &approved, call()).await;
            assert_eq!(refused.expect_error(409, "STOPPED")["scope"], scope);
        }
    }
    let _ = scene.redeem(agent, &approved, call()).await.expect(200);
}

#[tokio::test]
async fn it_is_lifted_once_and_recorded_once() {
    let scene = Scene::start().await;
    let second = scene.person("admin", &[]).await;
    let stop = scene.stop(Some("dev-agent")).await;
    let path = format!("/api/v1/stops/{}", id(&stop));
    for key in [&second, &scene.tenant.admin] {
        scene.client.delete(key, &path).await.expect(204);
    }
    let logged = scene.audit(id(&stop)).await;
    let expected = [
        ("stop.created".to_owned(), scene.tenant.admin.principal.clone()),
        ("stop.lifted".to_owned(), second.principal.clone()),
    ];
    assert_eq!(logged, expected);
    let sent: Vec<(String, i32, Value)> = sqlx::query_as(
        "SELECT event_type, aggregate_version, payload FROM outbox
         WHERE aggregate_id = $1::uuid ORDER BY aggregate_version",
    )
    .bind(id(&stop))
    .fetch_all(&scene.owner)
    .await
    .expect("read");
    let expected = [
        ("stop.created".to_owned(), 1, stop.clone()),
        ("stop.lifted".to_owned(), 2, stop.clone()),
    ];
    assert_eq!(sent, expected);
    let lifted_by: String = sqlx::query_scalar("SELECT lifted_by FROM stops WHERE lifted_at >= created_at")
        .fetch_one(&scene.owner)
        .await
        .expect("lifted");
    assert_eq!(lifted_by, second.principal);
}

#[tokio::test]
async fn anothers_stop_does_not_exist() {
    let scene = Scene::start().await;
    let stop = scene.stop(None).await;
    let elsewhere = scene.stack.tenant().await;
    let path = format!("/api/v1/stops/{}", id(&stop));
    scene
        .client
        .delete(&elsewhere.admin, &path)
        .await
        .expect_error(404, "NOT_FOUND");
    let page = scene.client.get(&scene.tenant.admin, "/api/v1/stops").await.expect(200);
    assert_eq!(page["data"], json!([stop]));
}
