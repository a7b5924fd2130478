//! `POST /decide/{id}`.

use serde_json::{Value, json};
use shared::testing::{Answer, TestKey};

use crate::scene::{STATES, Scene, id, linked, request, request_with};

async fn send(scene: &Scene, id: &str, body: &Value) -> Answer {
    scene
        .client
        .request("POST", &format!("/decide/{id}"))
        .json(body)
        .send()
        .await
}

#[tokio::test]
async fn a_decision_by_link_is_the_persons_vote_and_is_recorded_as_such() {
    let scene = Scene::start().await;
    for (decision, state, event) in [
        ("APPROVE", "APPROVED", "approval.approved"),
        ("DENY", "DENIED", "approval.denied"),
    ] {
        let asked = scene.ask(request()).await;
        let (person, id) = (&scene.tenant.approver, id(&asked));
        let secret = scene.link(person, id).await;
        let body = json!({
            "secret": secret, "decision": decision, "display_hash": asked["display_hash"], "note": "  from my phone ",
        });
        let status = send(&scene, id, &body).await.expect(200);
        assert_eq!(status["status"], state);
        assert_eq!(
            status["decisions"],
            json!([{ "by": person.principal, "decision": decision, "note": "from my phone", "at": status["decided_at"] }])
        );
        let shown = scene.get(&scene.tenant.agent, id).await;
        assert_eq!(status, linked(shown.clone(), Some(decision)));
        let log = scene.audit(id).await;
        assert_eq!(log.last(), Some(&(event.to_owned(), person.principal.clone())));
        assert_eq!(scene.outbox(id).await.last().expect("an event").2, shown);
        let entry: Value = sqlx::query_scalar(
            "SELECT jsonb_build_object('arguments', sanitized_args, 'trust', trust_level) FROM audit_events
             WHERE correlation_id = $1 AND action = $2",
        )
        .bind(id)
        .bind(event)
        .fetch_one(&scene.owner)
        .await
        .expect("an entry");
        assert_eq!(
            (&entry["arguments"]["via"], &entry["arguments"]["note"], &entry["trust"]),
            (&json!("LINK"), &json!("from my phone"), &Value::Null)
        );
    }
    // One with a key says nothing of a door.
    let (id, _) = scene.request_in("APPROVED").await;
    let via: Option<Value> = sqlx::query_scalar(
        "SELECT sanitized_args::jsonb -> 'via' FROM audit_events WHERE correlation_id = $1 AND action = 'approval.approved'",
    )
    .bind(&id)
    .fetch_one(&scene.owner)
    .await
    .expect("an entry");
    assert_eq!(via, None);
}

#[tokio::test]
async fn a_link_works_once() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let secret = scene.link(&scene.tenant.approver, id).await;
    let first = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
    assert_eq!((&first["status"], &first["approvals"]), (&json!("PENDING"), &json!(1)));
    for decision in ["APPROVE", "DENY"] {
        scene
            .decide_by_link(&asked, &secret, decision)
            .await
            .expect_error(404, "NOT_FOUND");
    }
    scene.view_by_link(id, &secret).await.expect_error(404, "NOT_FOUND");
    assert_eq!(first, linked(scene.get(&scene.tenant.agent, id).await, Some("APPROVE")));
}

#[tokio::test]
async fn a_repeated_vote_changes_nothing_and_leaves_the_link_to_deny_with() {
    let scene = Scene::start().await;
    let person = &scene.tenant.approver;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let secret = scene.link(person, id).await;
    let voted = scene.approve(person, id).await.expect(200);
    let before = scene.stack.snapshot().await;
    for _ in 0..2 {
        let repeated = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
        assert_eq!(repeated, linked(voted.clone(), Some("APPROVE")));
    }
    assert_eq!(scene.stack.snapshot().await, before, "nothing was written");
    let denied = scene.decide_by_link(&asked, &secret, "DENY").await.expect(200);
    assert_eq!(
        (&denied["status"], &denied["own_vote"]),
        (&json!("DENIED"), &json!("DENY"))
    );
    scene.view_by_link(id, &secret).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_refused_decision_does_not_use_it_up() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let id = id(&asked);
    let secret = scene.link(&scene.tenant.approver, id).await;
    let mut body = json!({ "secret": secret, "decision": "APPROVE", "display_hash": "0".repeat(64) });
    let stale = send(&scene, id, &body).await;
    assert_eq!(stale.expect_error(409, "STALE_VIEW")["field"], "display_hash");
    body["note"] = json!("\u{7}");
    assert_eq!(
        send(&scene, id, &body).await.expect_error(400, "VALIDATION_ERROR")["field"],
        "note"
    );

    // Out of the group, and no approver any more.
    for (change, back) in [
        ("role = 'auditor'", "role = 'approver'"),
        ("status = 'DEACTIVATED'", "status = 'ACTIVE'"),
    ] {
        let set = async |what: &str| {
            let sql = format!("UPDATE users SET {what} WHERE id = $1");
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .bind(scene.tenant.approver.user_id)
                .execute(&scene.owner)
                .await
                .expect("set");
        };
        set(change).await;
        let refused = scene.decide_by_link(&asked, &secret, "APPROVE").await;
        if change.starts_with("role") {
            refused.expect_error(403, "NOT_ELIGIBLE");
        } else {
            refused.expect_error(404, "NOT_FOUND");
        }
        set(back).await;
    }
    assert_eq!(scene.get(&scene.tenant.agent, id).await["version"], 1);
    let _ = scene.view_by_link(id, &secret).await.expect(200);
    let _ = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
}

#[tokio::test]
async fn eligibility_is_that_of_the_moment_of_the_decision() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "approver_groups": ["ops"] }))).await;
    let secret = scene.link(&scene.tenant.approver, id(&asked)).await;
    sqlx::query("UPDATE users SET groups = '{finance}' WHERE id = $1")
        .bind(scene.tenant.approver.user_id)
        .execute(&scene.owner)
        .await
        .expect("moved");
    scene
        .decide_by_link(&asked, &secret, "APPROVE")
        .await
        .expect_error(403, "NOT_ELIGIBLE");
    // A credential that the requester minted meanwhile.
    let asked = scene.ask(request()).await;
    let secret = scene.link(&scene.tenant.second_approver, id(&asked)).await;
    scene
        .tenant
        .second_approver
        .another(&scene.stack, "approver", "agent:dev-agent")
        .await;
    scene
        .decide_by_link(&asked, &secret, "APPROVE")
        .await
        .expect_error(403, "NOT_ELIGIBLE");
}

#[tokio::test]
async fn every_state_answers_as_it_answers_a_vote() {
    let scene = Scene::start().await;
    for state in STATES {
        for decision in ["APPROVE", "DENY"] {
            let asked = scene.ask(request()).await;
            let id = id(&asked);
            let secret = scene.link(&scene.tenant.admin, id).await;
            if state == "EXPIRED" {
                scene.expire(id).await;
            } else if state != "PENDING" {
                scene.force(id, &format!("status = '{state}', version = 2")).await;
            }
            let answer = scene.decide_by_link(&asked, &secret, decision).await;
            match state {
                "PENDING" => {
                    let _ = answer.expect(200);
                }
                // The request's own deadline was moved behind the link's back here; together they end in 404.
                "EXPIRED" => {
                    answer.expect_error(409, "APPROVAL_EXPIRED");
                }
                _ => {
                    assert_eq!(
                        answer.expect_error(409, "ALREADY_DECIDED")["status"],
                        state,
                        "{decision}"
                    );
                    let _ = scene.view_by_link(id, &secret).await.expect(200);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_risk_that_turned_high_and_what_hides_cannot_be_decided_here() {
    let scene = Scene::start().await;
    let approver = &scene.tenant.approver;
    // Labels do not change in the product; the door is shut all the same.
    let asked = scene.ask(request()).await;
    let secret = scene.link(approver, id(&asked)).await;
    scene.force(id(&asked), "risk_labels = '{High}'").await;
    for decision in ["APPROVE", "DENY"] {
        let refused = scene.decide_by_link(&asked, &secret, decision).await;
        assert_eq!(refused.expect_error(403, "FORBIDDEN"), json!({ "risk": "high" }));
    }
    for (arguments, warnings) in [
        (json!({ "to": "alice\u{202e}bob" }), json!(["INVISIBLE_CHARACTERS"])),
        (json!({ "zero\u{200b}width": 1 }), json!(["INVISIBLE_CHARACTERS"])),
        (json!({ "all": "x".repeat(16 * 1024) }), json!(["TOO_LARGE"])),
        (
            json!({ "all": "\u{feff}".repeat(16 * 1024) }),
            json!(["INVISIBLE_CHARACTERS", "TOO_LARGE"]),
        ),
    ] {
        let call = json!({ "tool": "pay", "arguments": arguments });
        let asked = scene.ask(request_with(json!({ "tool_call": call }))).await;
        assert_eq!(asked["display_warnings"], warnings);
        let secret = scene.link(approver, id(&asked)).await;
        assert_eq!(
            scene.view_by_link(id(&asked), &secret).await.expect(200)["display_warnings"],
            warnings
        );
        let refused = scene.decide_by_link(&asked, &secret, "APPROVE").await;
        assert_eq!(
            refused.expect_error(403, "FORBIDDEN"),
            json!({ "display_warnings": warnings })
        );
        let denied = scene.decide_by_link(&asked, &secret, "DENY").await.expect(200);
        assert_eq!(denied["status"], "DENIED");
        // With a key it can be approved.
        let again = scene.ask(request_with(json!({ "tool_call": call }))).await;
        let _ = scene.approve(approver, id(&again)).await.expect(200);
    }
}

#[tokio::test]
async fn a_wrong_body_is_named_before_the_secret_is_looked_at() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let whole = json!({ "secret": "x", "decision": "APPROVE", "display_hash": "x" });
    let with = |field: &str, value: Value| {
        let mut body = whole.clone();
        body[field] = value;
        body
    };
    let without = |field: &str| {
        let mut body = whole.clone();
        body.as_object_mut().expect("an object").remove(field);
        body
    };
    for (body, field) in [
        (without("secret"), "secret"),
        (without("decision"), "decision"),
        (without("display_hash"), "display_hash"),
        (with("secret", json!(7)), "secret"),
        (with("decision", json!("approve")), "decision"),
        (with("decision", json!("CANCEL")), "decision"),
        (with("display_hash", json!(null)), "display_hash"),
        (with("note", json!("x".repeat(2_001))), "note"),
        (with("note", json!("\u{1b}[31m")), "note"),
        (with("user_id", json!(scene.tenant.admin.user_id)), "user_id"),
    ] {
        let answer = send(&scene, id(&asked), &body).await;
        assert_eq!(answer.expect_error(400, "VALIDATION_ERROR")["field"], field, "{body}");
    }
    send(&scene, id(&asked), &whole).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_credential_in_the_note_is_masked() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let spare = TestKey::of_user(&scene.stack, scene.tenant.id, "approver", &[]).await;
    let (secret, others) = (
        scene.link(&scene.tenant.approver, id(&asked)).await,
        scene.link(&spare, id(&asked)).await,
    );
    let note = format!("my link is {secret} and #{others}");
    let body = json!({ "secret": secret, "decision": "APPROVE", "display_hash": asked["display_hash"], "note": note });
    let status = send(&scene, id(&asked), &body).await.expect(200);
    assert_eq!(
        status["decisions"][0]["note"],
        "my link is [REDACTED:countersign-token] and #[REDACTED:countersign-token]"
    );
}
