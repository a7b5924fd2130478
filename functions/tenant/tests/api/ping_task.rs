//! `POST /api/v1/tasks/ping`.

use serde_json::json;

use crate::stage::{Stage, id};

#[tokio::test]
async fn any_key_queues_a_task_with_its_events() {
    let stage = Stage::set().await;
    for (role, key) in stage.tenant.keys() {
        let task = stage
            .client
            .request("POST", "/api/v1/tasks/ping")
            .key(key)
            .send()
            .await
            .expect(202);
        assert_eq!(task, json!({"id": task["id"], "status": "QUEUED"}), "{role}");
        let enqueued = stage.enqueued(stage.tenant.id).await.pop().expect("an event");
        let payload = json!({"id": task["id"], "requested_by": key.principal});
        assert_eq!(
            enqueued,
            ("task".to_owned(), id(&task), 1, "tasks.ping".to_owned(), payload)
        );
        let event = stage.audited(stage.tenant.id).await.pop().expect("an event");
        assert_eq!(
            (event.action.as_str(), &event.recorded_by),
            ("task.queued", &key.principal)
        );
        assert_eq!(event.object, id(&task).to_string());
    }
    assert_eq!(stage.enqueued(stage.tenant.id).await.len(), 4);
    assert_eq!(stage.audited(stage.tenant.id).await.len(), 4);
}
