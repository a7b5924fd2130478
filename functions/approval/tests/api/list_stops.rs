//! `GET /api/v1/stops`.

use serde_json::{Value, json};

use crate::scene::{Scene, id};

async fn list(scene: &Scene, query: &str) -> Value {
    let path = format!("/api/v1/stops?{query}");
    scene.client.get(&scene.tenant.admin, &path).await.expect(200)
}

#[tokio::test]
async fn it_shows_what_is_in_force_newest_first() {
    let scene = Scene::start().await;
    assert_eq!(list(&scene, "").await, json!({ "data": [], "next_cursor": null }));
    let mut made = Vec::new();
    for caller_id in [Some("a"), None, Some("a")] {
        made.insert(0, scene.stop(caller_id).await);
    }
    assert_eq!(list(&scene, "").await, json!({ "data": made, "next_cursor": null }));

    let mut walked: Vec<Value> = Vec::new();
    let mut query = "limit=1".to_owned();
    loop {
        let page = list(&scene, &query).await;
        walked.extend(page["data"].as_array().expect("data").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=1&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(walked, made);

    let lifted = made.remove(1);
    let path = format!("/api/v1/stops/{}", id(&lifted));
    scene.client.delete(&scene.tenant.admin, &path).await.expect(204);
    assert_eq!(list(&scene, "").await["data"], json!(made));
    let elsewhere = scene.stack.tenant().await;
    let theirs = scene.client.get(&elsewhere.admin, "/api/v1/stops").await.expect(200);
    assert_eq!(theirs["data"], json!([]));
}

#[tokio::test]
async fn what_it_does_not_know_is_refused() {
    let scene = Scene::start().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("caller_id=a", "caller_id"),
    ] {
        let answer = scene
            .client
            .get(&scene.tenant.admin, &format!("/api/v1/stops?{query}"))
            .await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field);
    }
    let page = scene.client.get(&scene.tenant.admin, "/api/v1/stops?cursor=AAAA").await;
    page.expect_error(400, "INVALID_CURSOR");
}
