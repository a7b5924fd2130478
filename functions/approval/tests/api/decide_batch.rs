//! `POST /api/v1/approvals/decide-batch`.

use serde_json::{Value, json};
use shared::{
    http::app,
    testing::{Answer, TestKey, TestStack},
};

use crate::scene::{STATES, Scene, id, request, request_with};

async fn decide(scene: &Scene, key: &TestKey, decisions: Value) -> Answer {
    let body = json!({ "decisions": decisions });
    scene.client.post(key, "/api/v1/approvals/decide-batch", body).await
}

fn decision(status: &Value, decision: &str) -> Value {
    json!({ "id": status["id"], "decision": decision, "display_hash": status["display_hash"] })
}

#[tokio::test]
async fn each_decision_is_taken_by_itself_and_answered_in_order() {
    let scene = Scene::start().await;
    let tenant = &scene.tenant;
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(scene.ask(request()).await);
    }
    let own = scene.ask_as(&tenant.admin, request()).await;
    let (decided, _) = scene.request_in("DENIED").await;
    let (expired, _) = scene.request_in("EXPIRED").await;
    let of_ops = scene.ask(request_with(json!({ "approver_groups": ["ops"] }))).await;
    let mut stale = decision(&asked[2], "APPROVE");
    stale["display_hash"] = json!("0".repeat(64));
    let mut denial = decision(&asked[1], "DENY");
    denial["note"] = json!(" not today ");
    let unknown = "01930000-0000-7000-8000-000000000000";
    let results = decide(
        &scene,
        &tenant.admin,
        json!([
            decision(&asked[0], "APPROVE"),
            decision(&own, "APPROVE"),
            denial,
            { "id": unknown, "decision": "APPROVE", "display_hash": "" },
            { "id": decided, "decision": "APPROVE", "display_hash": "" },
            { "id": expired, "decision": "DENY", "display_hash": "" },
            decision(&of_ops, "APPROVE"),
            stale,
        ]),
    )
    .await
    .expect(200);
    let results = results["results"].as_array().expect("results").clone();
    let ids: Vec<_> = results.iter().map(|result| &result["id"]).collect();
    let sent = [
        &asked[0]["id"],
        &own["id"],
        &asked[1]["id"],
        &json!(unknown),
        &json!(decided),
        &json!(expired),
        &of_ops["id"],
        &asked[2]["id"],
    ];
    assert_eq!(ids, sent);
    let outcomes: Vec<_> = results
        .iter()
        .map(|result| {
            result["error"]["code"]
                .as_str()
                .or(result["status"].as_str())
                .expect("one of the two")
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            "APPROVED",
            "SELF_APPROVAL",
            "DENIED",
            "NOT_FOUND",
            "ALREADY_DECIDED",
            "APPROVAL_EXPIRED",
            "NOT_ELIGIBLE",
            "STALE_VIEW"
        ]
    );
    for result in &results {
        let fields: Vec<&str> = result
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys())
            .map(String::as_str)
            .collect();
        let expected: &[&str] = if result["error"].is_null() {
            &["id", "status"]
        } else {
            &["id", "error"]
        };
        assert_eq!(fields, expected, "{result}");
    }
    assert_eq!(results[4]["error"]["details"], json!({ "status": "DENIED" }));
    assert_eq!(results[7]["error"]["details"], json!({ "field": "display_hash" }));
    assert!(results[3]["error"].get("details").is_none());
    for at in [0, 2] {
        let shown = scene.get(&tenant.admin, id(&results[at])).await;
        assert_eq!(shown["status"], results[at]["status"]);
    }
    let denied = scene.get(&tenant.admin, id(&results[2])).await;
    assert_eq!(denied["decisions"][0]["note"], "not today");
    for untouched in [&own, &of_ops, &asked[2]] {
        assert_eq!(scene.get(&tenant.admin, id(untouched)).await["version"], 1);
    }
}

#[tokio::test]
async fn the_log_says_that_a_vote_came_in_a_batch() {
    let scene = Scene::start().await;
    let asked = [scene.ask(request()).await, scene.ask(request()).await];
    let decisions = json!([decision(&asked[0], "APPROVE"), decision(&asked[1], "DENY")]);
    let _ = decide(&scene, &scene.tenant.approver, decisions).await.expect(200);
    let via: Vec<(String, Option<Value>)> = sqlx::query_as(
        "SELECT action, sanitized_args::jsonb -> 'via' FROM audit_events
         WHERE correlation_id = ANY ($1) AND action <> 'approval.requested' ORDER BY event_id",
    )
    .bind(asked.each_ref().map(|status| id(status).to_owned()))
    .fetch_all(&scene.owner)
    .await
    .expect("the log");
    let batch = Some(json!("BATCH"));
    assert_eq!(
        via,
        [
            ("approval.approved".to_owned(), batch.clone()),
            ("approval.denied".to_owned(), batch)
        ]
    );
}

#[tokio::test]
async fn the_same_batch_again_changes_nothing() {
    let scene = Scene::start().await;
    let mut decisions = Vec::new();
    for at in 0..50 {
        let asked = scene.ask(request()).await;
        decisions.push(decision(&asked, if at % 2 == 0 { "APPROVE" } else { "DENY" }));
    }
    let first = decide(&scene, &scene.tenant.approver, json!(decisions))
        .await
        .expect(200);
    assert_eq!(
        decide(&scene, &scene.tenant.approver, json!(decisions))
            .await
            .expect(200),
        first
    );
    for decided in first["results"].as_array().expect("results") {
        assert_eq!(scene.get(&scene.tenant.admin, id(decided)).await["version"], 2);
    }
}

#[tokio::test]
async fn every_state_answers_as_the_route_of_one_does() {
    let scene = Scene::start().await;
    for state in STATES {
        let (id, _) = scene.request_in(state).await;
        let seen = scene.get(&scene.tenant.admin, &id).await;
        let result = decide(&scene, &scene.tenant.admin, json!([decision(&seen, "DENY")]))
            .await
            .expect(200);
        let result = &result["results"][0];
        match state {
            "PENDING" => assert_eq!(result["status"], "DENIED"),
            "EXPIRED" => assert_eq!(result["error"]["code"], "APPROVAL_EXPIRED"),
            _ => {
                assert_eq!(result["error"]["code"], "ALREADY_DECIDED", "{state}");
                let alone = scene.deny(&scene.tenant.admin, &id).await;
                assert_eq!(result["error"], alone.json()["error"], "{state}");
            }
        }
    }
}

#[tokio::test]
async fn what_hides_or_is_too_large_can_be_denied_and_not_approved() {
    let scene = Scene::start().await;
    for (arguments, warnings) in [
        (json!({ "to": "alice\u{2067}bob" }), json!(["INVISIBLE_CHARACTERS"])),
        (json!({ "all": "x".repeat(20_000) }), json!(["TOO_LARGE"])),
    ] {
        let call = json!({ "tool": "pay", "arguments": arguments });
        let asked = scene.ask(request_with(json!({ "tool_call": call }))).await;
        let approve = decide(&scene, &scene.tenant.approver, json!([decision(&asked, "APPROVE")]))
            .await
            .expect(200);
        let error = &approve["results"][0]["error"];
        assert_eq!(
            (&error["code"], &error["details"]["display_warnings"]),
            (&json!("FORBIDDEN"), &warnings)
        );
        let deny = decide(&scene, &scene.tenant.approver, json!([decision(&asked, "DENY")]))
            .await
            .expect(200);
        assert_eq!(deny["results"][0]["status"], "DENIED");
    }
    // A high risk is no matter of being seen.
    let risky = scene.ask(request_with(json!({ "risk_labels": ["high"] }))).await;
    let approve = decide(&scene, &scene.tenant.approver, json!([decision(&risky, "APPROVE")]))
        .await
        .expect(200);
    assert_eq!(approve["results"][0]["status"], "APPROVED");
}

#[tokio::test]
async fn one_wrong_part_refuses_the_whole() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let other = scene.ask(request()).await;
    let good = decision(&asked, "APPROVE");
    let with = |field: &str, value: Value| {
        let mut wrong = decision(&other, "APPROVE");
        wrong[field] = value;
        json!([good, wrong])
    };
    let mut nameless = decision(&other, "APPROVE");
    nameless.as_object_mut().expect("an object").remove("display_hash");
    let many: Vec<Value> = (0..51)
        .map(|at| json!({ "id": uuid::Uuid::from_u128(at), "decision": "DENY", "display_hash": "" }))
        .collect();
    for (decisions, field) in [
        (json!([]), "decisions"),
        (json!(many), "decisions"),
        (json!(null), "decisions"),
        (json!([good, good]), "decisions[1].id"),
        (json!([good, nameless]), "decisions[1].display_hash"),
        (with("id", json!("x")), "decisions[1].id"),
        (with("decision", json!("approve")), "decisions[1].decision"),
        (with("display_hash", json!(null)), "decisions[1].display_hash"),
        (with("note", json!("x".repeat(2_001))), "decisions[1].note"),
        (with("note", json!("\u{1b}")), "decisions[1].note"),
        (with("surprise", json!(1)), "decisions[1].surprise"),
    ] {
        let details = decide(&scene, &scene.tenant.approver, decisions)
            .await
            .expect_error(400, "VALIDATION_ERROR");
        assert_eq!(details["field"], field);
    }
    for untouched in [&asked, &other] {
        assert_eq!(scene.get(&scene.tenant.approver, id(untouched)).await["version"], 1);
    }
}

#[tokio::test]
async fn anothers_requests_do_not_exist_in_a_batch_either() {
    let scene = Scene::start().await;
    let other_tenant = scene.stack.tenant().await;
    let theirs = scene
        .client
        .post(&other_tenant.agent, "/api/v1/approvals", request())
        .await
        .expect(201);
    let ours = scene.ask(request()).await;
    let decisions = json!([decision(&theirs, "APPROVE"), decision(&ours, "APPROVE")]);
    let results = decide(&scene, &scene.tenant.admin, decisions).await.expect(200);
    assert_eq!(results["results"][0]["error"]["code"], "NOT_FOUND");
    assert_eq!(results["results"][1]["status"], "APPROVED");
    let untouched = scene.get(&other_tenant.admin, id(&theirs)).await;
    assert_eq!(untouched["version"], 1);
}

#[tokio::test]
async fn when_postgres_goes_down_in_the_middle_the_rest_is_unavailable_and_untouched() {
    let scene = Scene::start().await;
    let mut asked = Vec::new();
    for _ in 0..4 {
        asked.push(scene.ask(request()).await);
    }
    let decisions = || {
        json!(
            asked
                .iter()
                .map(|status| decision(status, "APPROVE"))
                .collect::<Vec<_>>()
        )
    };
    // The second request is locked by somebody who does not let go, and a statement that waits is not waited for.
    let impatient = TestStack::sharing(&scene.stack, &[("DATABASE_STATEMENT_TIMEOUT_MS", "2000")]);
    let client = impatient.client(app(impatient.ctx.clone(), approval::routes()).0);
    let mut holder = scene.owner.begin().await.expect("begun");
    sqlx::query("SELECT FROM approval_requests WHERE id = $1::uuid FOR UPDATE")
        .bind(id(&asked[1]))
        .execute(&mut *holder)
        .await
        .expect("locked");
    let body = json!({ "decisions": decisions() });
    let results = client
        .post(&scene.tenant.approver, "/api/v1/approvals/decide-batch", body.clone())
        .await
        .expect(200);
    let outcome = |at: usize| {
        let result = &results["results"][at];
        result["error"]["code"]
            .as_str()
            .or(result["status"].as_str())
            .map(str::to_owned)
    };
    assert_eq!(
        [0, 1, 2, 3].map(outcome).map(Option::unwrap_or_default),
        ["APPROVED", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"]
    );
    holder.rollback().await.expect("let go");
    for untouched in &asked[1..] {
        assert_eq!(scene.get(&scene.tenant.approver, id(untouched)).await["version"], 1);
    }
    // Sent again, the rest is done.
    let results = client
        .post(&scene.tenant.approver, "/api/v1/approvals/decide-batch", body)
        .await
        .expect(200);
    for result in results["results"].as_array().expect("results") {
        assert_eq!(result["status"], "APPROVED", "{result}");
    }
}
