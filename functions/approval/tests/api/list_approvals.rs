//! `GET /api/v1/approvals`.

use serde_json::{Value, json};
use shared::testing::TestKey;

use crate::scene::{STATES, Scene, id, request, request_with};

async fn list(scene: &Scene, key: &TestKey, query: &str) -> Value {
    scene
        .client
        .get(key, &format!("/api/v1/approvals?{query}"))
        .await
        .expect(200)
}

fn ids(page: &Value) -> Vec<String> {
    page["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|status| id(status).to_owned())
        .collect()
}

#[tokio::test]
async fn it_shows_every_status_as_get_does_newest_first() {
    let scene = Scene::start().await;
    let mut made = Vec::new();
    for state in STATES {
        made.insert(0, scene.request_in(state).await.0);
    }
    for (name, key) in scene.tenant.keys() {
        let page = list(&scene, key, "").await;
        assert_eq!(ids(&page), made, "{name}");
        assert_eq!(page["next_cursor"], Value::Null);
        for status in page["data"].as_array().expect("data") {
            assert_eq!(status, &scene.get(key, id(status)).await);
        }
    }
    for (at, state) in STATES.iter().rev().enumerate() {
        let page = list(&scene, &scene.tenant.auditor, &format!("status={state}")).await;
        assert_eq!(ids(&page), [made[at].clone()], "{state}");
    }
}

#[tokio::test]
async fn an_agent_sees_its_own_and_no_other() {
    let scene = Scene::start().await;
    let other = TestKey::of_agent(&scene.stack, scene.tenant.id, "other-agent", None).await;
    let own = scene.ask(request()).await;
    let others = scene.ask_as(&other, request()).await;
    assert_eq!(ids(&list(&scene, &scene.tenant.agent, "").await), [id(&own)]);
    assert_eq!(
        ids(&list(&scene, &scene.tenant.agent, "requested_by=agent:dev-agent").await),
        [id(&own)]
    );
    assert_eq!(
        ids(&list(&scene, &scene.tenant.agent, "requested_by=agent:other-agent").await),
        [""; 0]
    );
    assert_eq!(
        ids(&list(&scene, &scene.tenant.admin, "").await),
        [id(&others), id(&own)]
    );
    let other_tenant = scene.stack.tenant().await;
    assert_eq!(
        list(&scene, &other_tenant.admin, "").await,
        json!({ "data": [], "next_cursor": null })
    );
}

#[tokio::test]
async fn filters_combine() {
    let scene = Scene::start().await;
    let pay = scene
        .ask(request_with(json!({ "tool_call": { "tool": "pay & go" } })))
        .await;
    let _ = scene.ask(request()).await;
    let by_admin = scene
        .ask_as(
            &scene.tenant.admin,
            request_with(json!({ "tool_call": { "tool": "pay & go" } })),
        )
        .await;
    let key = &scene.tenant.auditor;
    assert_eq!(
        ids(&list(&scene, key, "tool=pay%20%26%20go").await),
        [id(&by_admin), id(&pay)]
    );
    let both = "tool=pay+%26+go&requested_by=agent%3Adev-agent&status=PENDING";
    assert_eq!(ids(&list(&scene, key, both).await), [id(&pay)]);
    assert_eq!(ids(&list(&scene, key, &format!("{both}&limit=1")).await), [id(&pay)]);
    assert_eq!(ids(&list(&scene, key, "tool=nothing").await), [""; 0]);
    assert_eq!(
        ids(&list(&scene, key, "tool=pay+%26+go&status=APPROVED").await),
        [""; 0]
    );
}

#[tokio::test]
async fn decidable_by_me_is_what_i_may_decide_now_and_have_not() {
    let scene = Scene::start().await;
    let approver = &scene.tenant.approver;
    for state in STATES {
        let _ = scene.request_in(state).await;
    }
    let _ = scene.ask(request_with(json!({ "approver_groups": ["finance"] }))).await;
    let voted = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let _ = scene.approve(approver, id(&voted)).await.expect(200);
    let ops = scene
        .ask(request_with(json!({ "approver_groups": ["finance", "ops"] })))
        .await;
    let pending = list(&scene, approver, "status=PENDING&requested_by=agent:dev-agent").await;
    let first = ids(&pending).pop().expect("the oldest");
    assert_eq!(
        ids(&list(&scene, approver, "decidable_by=me").await),
        [id(&ops).to_owned(), first]
    );
    assert_eq!(
        ids(&list(&scene, approver, "decidable_by=me&status=DENIED").await),
        [""; 0]
    );
    for key in [&scene.tenant.auditor, &scene.tenant.agent] {
        assert_eq!(ids(&list(&scene, key, "decidable_by=me").await), [""; 0]);
    }
}

#[tokio::test]
async fn pages_join_without_gap_or_repetition_while_requests_arrive() {
    let scene = Scene::start().await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.insert(0, id(&scene.ask(request()).await).to_owned());
    }
    let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
    loop {
        let page = list(&scene, &scene.tenant.admin, &query).await;
        seen.extend(ids(&page));
        let _ = scene.ask(request()).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("limit=3&cursor={cursor}");
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters_and_its_reader() {
    let scene = Scene::start().await;
    for _ in 0..2 {
        let _ = scene.ask(request()).await;
    }
    let cursor = list(&scene, &scene.tenant.admin, "limit=1").await["next_cursor"]
        .as_str()
        .expect("a cursor")
        .to_owned();
    let refused = [
        (&scene.tenant.admin, format!("status=PENDING&cursor={cursor}")),
        (&scene.tenant.admin, format!("decidable_by=me&cursor={cursor}")),
        (
            &scene.tenant.admin,
            format!("requested_by=agent:dev-agent&cursor={cursor}"),
        ),
        (&scene.tenant.admin, format!("tool=deploy&cursor={cursor}")),
        (&scene.tenant.admin, format!("cursor={cursor}A")),
        (&scene.tenant.admin, "cursor=x".to_owned()),
        (&scene.tenant.approver, format!("cursor={cursor}")),
    ];
    for (key, query) in refused {
        scene
            .client
            .get(key, &format!("/api/v1/approvals?{query}"))
            .await
            .expect_error(400, "INVALID_CURSOR");
    }
    let last = list(&scene, &scene.tenant.admin, &format!("limit=200&cursor={cursor}")).await;
    assert_eq!((ids(&last).len(), &last["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn wrong_filters_are_named() {
    let scene = Scene::start().await;
    for (query, field) in [
        ("status=pending", "status"),
        ("status=GRANTED", "status"),
        ("decidable_by=you", "decidable_by"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("colour=red", "colour"),
        ("tool=a&tool=b", "tool"),
    ] {
        let answer = scene
            .client
            .get(&scene.tenant.admin, &format!("/api/v1/approvals?{query}"))
            .await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{query}");
    }
}
