//! `GET /api/v1/audit/events/{id}`, through the router.

use serde_json::{Value, json};
use shared::testing::{TestClient, TestKey, TestStack};

use crate::{PATH, client};

/// Records an event and returns its id.
async fn record(client: &TestClient, key: &TestKey, request_id: &str) -> String {
    let event = json!({"request_id": request_id, "caller_id": "deployer", "tool": "payments.refund"});
    let body = client.post(key, PATH, event).await.expect(202);
    body["events"][0]["event_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_event_is_found_by_both_its_ids_and_looks_as_in_the_list() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let event_id = record(&client, &tenant.agent, "r-1").await;
    let listed = client.get(&tenant.auditor, PATH).await.expect(200)["data"][0].clone();
    for key in [&tenant.agent, &tenant.auditor, &tenant.admin] {
        for id in [event_id.as_str(), "r-1"] {
            assert_eq!(client.get(key, &format!("{PATH}/{id}")).await.expect(200), listed);
        }
    }
    assert_eq!(listed["event_id"], event_id);
}

#[tokio::test]
async fn any_request_id_is_found_percent_encoded() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let uuid = stack.ctx.ids.next().to_string();
    for (request_id, encoded) in [
        ("a%2Fb?c#d&e=f+g;\"h\\<>", "a%252Fb%3Fc%23d%26e%3Df+g%3B%22h%5C%3C%3E"),
        ("..", "%2e%2e"),
        ("r-1", "%72%2D1"),
        (uuid.as_str(), uuid.as_str()),
    ] {
        let event_id = record(&client, &tenant.agent, request_id).await;
        let event = client
            .get(&tenant.auditor, &format!("{PATH}/{encoded}"))
            .await
            .expect(200);
        assert_eq!(
            (&event["event_id"], &event["request_id"]),
            (&json!(event_id), &json!(request_id))
        );
    }
    let longest = "~".repeat(255);
    record(&client, &tenant.agent, &longest).await;
    client
        .get(&tenant.auditor, &format!("{PATH}/{longest}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn an_event_id_wins_over_a_request_id_that_looks_like_it() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let first = record(&client, &tenant.agent, "r-1").await;
    let second = record(&client, &tenant.agent, &first).await;
    assert_ne!(first, second);
    assert_eq!(
        client
            .get(&tenant.auditor, &format!("{PATH}/{first}"))
            .await
            .expect(200)["request_id"],
        "r-1"
    );
}

#[tokio::test]
async fn a_request_id_of_several_recorders_is_a_conflict_that_names_the_events() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    let first = record(&client, &tenant.agent, "r-1").await;
    let second = record(&client, &tenant.admin, "r-1").await;
    let details = client
        .get(&tenant.auditor, &format!("{PATH}/r-1"))
        .await
        .expect_error(409, "CONFLICT");
    assert_eq!(details, json!({"event_ids": [second, first]}));
    // For the agent there is only its own.
    assert_eq!(
        client.get(&tenant.agent, &format!("{PATH}/r-1")).await.expect(200)["event_id"],
        first
    );
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let stack = TestStack::start().await;
    let (client, tenant, other) = (client(&stack), stack.tenant().await, stack.tenant().await);
    let event_id = record(&client, &tenant.admin, "r-1").await;
    let second_agent = TestKey::of_agent(&stack, tenant.id, "second-agent", None).await;
    let unknown = stack.ctx.ids.next().to_string();
    for (key, id) in [
        (&tenant.agent, event_id.as_str()),
        (&tenant.agent, "r-1"),
        (&second_agent, &event_id),
        (&other.admin, &event_id),
        (&other.admin, "r-1"),
        (&other.auditor, &event_id),
        (&other.agent, "r-1"),
        (&tenant.admin, &unknown),
        (&tenant.admin, "r-2"),
    ] {
        let answer = client.get(key, &format!("{PATH}/{id}")).await;
        assert_eq!(answer.expect_error(404, "NOT_FOUND"), Value::Null);
    }
}

#[tokio::test]
async fn what_can_be_no_id_is_not_found() {
    let stack = TestStack::start().await;
    let (client, tenant) = (client(&stack), stack.tenant().await);
    for id in ["%00", "%E2%80%AE", "a%2Fb", "a%20b", &"x".repeat(256), "%7F"] {
        client
            .get(&tenant.auditor, &format!("{PATH}/{id}"))
            .await
            .expect_error(404, "NOT_FOUND");
    }
    client
        .get(&tenant.auditor, &format!("{PATH}/%FF"))
        .await
        .expect_error(400, "VALIDATION_ERROR");
}
