//! Requests, votes and recorded events, and what each step of their stories leaves.

use serde_json::{Value, json};
use shared::testing::{TestKey, TestTenant};

use crate::journal::{Journal, Leaves, Who};

pub(crate) fn request(quorum: u32) -> Value {
    json!({ "tool_call": { "tool": "deploy", "arguments": { "n": 1 } }, "reason": "x", "required_approvals": quorum })
}

/// The same name in the log and in the outbox.
fn both(name: &'static [&'static str; 1]) -> Leaves<'static> {
    Leaves {
        action: name[0],
        events: name,
        object: None,
    }
}

async fn ask(journal: &mut Journal, key: &TestKey, quorum: u32) -> Value {
    let body = Some(request(quorum));
    journal
        .leaves(
            ("create_approval", Who::Key(key), "", 201),
            body,
            both(&["approval.requested"]),
        )
        .await
}

pub(crate) async fn of_requests(journal: &mut Journal) {
    let tenant = journal.stack.tenant().await;
    approved_and_cancelled(journal, &tenant).await;
    redeemed(journal, &tenant).await;
    revoked(journal, &tenant).await;
    denied_after_all(journal, &tenant).await;
    decided_by_link(journal, &tenant).await;
    decided_in_a_batch(journal, &tenant).await;
    past_its_deadline(journal, &tenant).await;
    let agent = Who::Key(&tenant.agent);
    journal
        .leaves_nothing(("create_approval", agent, "", 400), Some(request(9)))
        .await;
    let mut elsewhere = request(1);
    elsewhere["tool_call"]["environment"] = json!("production");
    journal
        .leaves_nothing(("create_approval", agent, "", 403), Some(elsewhere))
        .await;
}

async fn approved_and_cancelled(journal: &mut Journal, tenant: &TestTenant) {
    let agent = Who::Key(&tenant.agent);
    let (first, second) = (Who::Key(&tenant.approver), Who::Key(&tenant.second_approver));
    let asked = ask(journal, &tenant.agent, 2).await;
    let id = asked["id"].as_str().expect("an id");
    let stale = Some(json!({ "display_hash": "other" }));
    journal.leaves_nothing(("approve_request", first, id, 409), stale).await;
    journal
        .leaves(
            ("approve_request", first, id, 200),
            Some(json!({})),
            both(&["approval.voted"]),
        )
        .await;
    journal
        .leaves_nothing(("approve_request", first, id, 200), Some(json!({})))
        .await;
    journal
        .leaves(
            ("approve_request", second, id, 200),
            Some(json!({})),
            both(&["approval.approved"]),
        )
        .await;
    journal
        .leaves_nothing(("approve_request", second, id, 200), Some(json!({})))
        .await;
    journal
        .leaves_nothing(("deny_request", second, id, 409), Some(json!({})))
        .await;
    journal
        .leaves(
            ("cancel_request", agent, id, 200),
            Some(json!({})),
            both(&["approval.cancelled"]),
        )
        .await;
    journal
        .leaves_nothing(("cancel_request", agent, id, 200), Some(json!({})))
        .await;
    journal
        .leaves_nothing(("approve_request", first, id, 409), Some(json!({})))
        .await;
    let check = Some(json!({ "token": asked["token"] }));
    journal
        .leaves_nothing(("check_approval", agent, "", 200), check.clone())
        .await;
    journal
        .leaves_nothing(("check_approval", Who::Key(&tenant.admin), "", 404), check)
        .await;
}

async fn ask_approved(journal: &mut Journal, tenant: &TestTenant) -> String {
    let asked = ask(journal, &tenant.agent, 1).await;
    let id = asked["id"].as_str().expect("an id");
    let approve = ("approve_request", Who::Key(&tenant.approver), id, 200);
    journal
        .leaves(approve, Some(json!({})), both(&["approval.approved"]))
        .await;
    id.to_owned()
}

async fn redeemed(journal: &mut Journal, tenant: &TestTenant) {
    let agent = Who::Key(&tenant.agent);
    let live = Some(json!({ "tool_call": request(1)["tool_call"] }));
    let other = Some(json!({ "tool_call": { "tool": "deploy", "arguments": { "n": 2 } } }));
    let pending = ask(journal, &tenant.agent, 1).await;
    let pending = pending["id"].as_str().expect("an id");
    journal
        .leaves_nothing(("redeem_approval", agent, pending, 409), live.clone())
        .await;
    let id = &ask_approved(journal, tenant).await;
    journal.leaves_nothing(("redeem_approval", agent, id, 409), other).await;
    journal
        .leaves_nothing(("redeem_approval", Who::Key(&tenant.admin), id, 403), live.clone())
        .await;
    journal
        .leaves(
            ("redeem_approval", agent, id, 200),
            live.clone(),
            both(&["approval.consumed"]),
        )
        .await;
    journal.leaves_nothing(("redeem_approval", agent, id, 409), live).await;
}

async fn revoked(journal: &mut Journal, tenant: &TestTenant) {
    let id = &ask_approved(journal, tenant).await;
    let reason = Some(json!({ "reason": "changed my mind" }));
    let (first, second) = (Who::Key(&tenant.approver), Who::Key(&tenant.second_approver));
    journal
        .leaves_nothing(("revoke_approval", second, id, 403), reason.clone())
        .await;
    journal
        .leaves(
            ("revoke_approval", first, id, 200),
            reason.clone(),
            both(&["approval.revoked"]),
        )
        .await;
    for who in [first, Who::Key(&tenant.admin)] {
        journal
            .leaves_nothing(("revoke_approval", who, id, 200), reason.clone())
            .await;
    }
    let live = Some(json!({ "tool_call": request(1)["tool_call"] }));
    journal
        .leaves_nothing(("redeem_approval", Who::Key(&tenant.agent), id, 409), live)
        .await;
}

/// Asked by an admin, who cannot decide on it; one person changes their mind.
async fn denied_after_all(journal: &mut Journal, tenant: &TestTenant) {
    let (first, second) = (Who::Key(&tenant.approver), Who::Key(&tenant.second_approver));
    let asked = ask(journal, &tenant.admin, 2).await;
    let id = asked["id"].as_str().expect("an id");
    let admin = Who::Key(&tenant.admin);
    journal
        .leaves_nothing(("approve_request", admin, id, 403), Some(json!({})))
        .await;
    journal
        .leaves(
            ("approve_request", first, id, 200),
            Some(json!({})),
            both(&["approval.voted"]),
        )
        .await;
    journal
        .leaves(
            ("deny_request", first, id, 200),
            Some(json!({})),
            both(&["approval.denied"]),
        )
        .await;
    journal
        .leaves_nothing(("deny_request", first, id, 200), Some(json!({})))
        .await;
    for (operation, who) in [("approve_request", second), ("cancel_request", admin)] {
        journal.leaves_nothing((operation, who, id, 409), Some(json!({}))).await;
    }
}

/// Two people, each by their link; one changes their mind by another.
async fn decided_by_link(journal: &mut Journal, tenant: &TestTenant) {
    let asked = ask(journal, &tenant.agent, 3).await;
    let id = asked["id"].as_str().expect("an id");
    let hash = &asked["display_hash"];
    for (key, decision, event) in [
        (&tenant.approver, "APPROVE", ["approval.voted"]),
        (&tenant.second_approver, "APPROVE", ["approval.voted"]),
        (&tenant.approver, "DENY", ["approval.denied"]),
    ] {
        let given = Leaves {
            action: "decision_link.created",
            events: &[],
            object: Some(id),
        };
        let link = ("create_decision_link", Who::Key(key), id, 201);
        let made = journal.leaves(link, Some(json!({})), given).await;
        let (_, secret) = made["url"]
            .as_str()
            .and_then(|url| url.split_once('#'))
            .expect("a link");
        let holder = Who::Link(key);
        let view = Some(json!({ "secret": secret }));
        journal
            .leaves_nothing(("view_by_link", holder, id, 200), view.clone())
            .await;
        let stale = json!({ "secret": secret, "decision": decision, "display_hash": "other" });
        journal
            .leaves_nothing(("decide_by_link", holder, id, 409), Some(stale))
            .await;
        let body = Some(json!({ "secret": secret, "decision": decision, "display_hash": hash }));
        let left = Leaves {
            action: event[0],
            events: &event,
            object: Some(id),
        };
        journal
            .leaves(("decide_by_link", holder, id, 200), body.clone(), left)
            .await;
        journal.leaves_nothing(("decide_by_link", holder, id, 404), body).await;
        journal.leaves_nothing(("view_by_link", holder, id, 404), view).await;
    }
    let refused = ("create_decision_link", Who::Key(&tenant.approver), id, 409);
    journal.leaves_nothing(refused, Some(json!({}))).await;
}

async fn decided_in_a_batch(journal: &mut Journal, tenant: &TestTenant) {
    let asked = ask(journal, &tenant.agent, 1).await;
    let own = ask(journal, &tenant.admin, 1).await;
    let admin = Who::Key(&tenant.admin);
    let decision =
        |status: &Value| json!({ "id": status["id"], "decision": "APPROVE", "display_hash": status["display_hash"] });
    let body = Some(json!({ "decisions": [decision(&own), decision(&asked)] }));
    let id = asked["id"].as_str().expect("an id");
    let left = both(&["approval.approved"]);
    journal
        .leaves(("decide_batch", admin, id, 200), body.clone(), left)
        .await;
    journal.leaves_nothing(("decide_batch", admin, id, 200), body).await;
}

/// Whoever is refused for it says so; only the sweep writes it down.
async fn past_its_deadline(journal: &mut Journal, tenant: &TestTenant) {
    let agent = Who::Key(&tenant.agent);
    let (first, second) = (Who::Key(&tenant.approver), Who::Key(&tenant.second_approver));
    let asked = ask(journal, &tenant.agent, 1).await;
    let id = asked["id"].as_str().expect("an id");
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "BEGIN; SET LOCAL session_replication_role = replica;
         UPDATE approval_requests SET created_at = created_at - interval '2 hours', expires_at = now() WHERE id = '{id}';
         COMMIT"
    )))
    .execute(&journal.owner)
    .await
    .expect("past");
    for (operation, who) in [
        ("approve_request", first),
        ("deny_request", second),
        ("cancel_request", agent),
    ] {
        journal.leaves_nothing((operation, who, id, 409), Some(json!({}))).await;
    }
    journal.leaves_nothing(("get_approval", agent, id, 200), None).await;
}

/// Of an agent that has nothing pending: what a stop cancels is recorded for each by itself.
pub(crate) async fn of_stops(journal: &mut Journal) {
    let tenant = journal.stack.tenant().await;
    let (admin, agent) = (Who::Key(&tenant.admin), Who::Key(&tenant.agent));
    let body = Some(json!({ "caller_id": "dev-agent", "reason": "x" }));
    let stop = journal
        .leaves(("create_stop", admin, "", 201), body, both(&["stop.created"]))
        .await;
    let id = stop["id"].as_str().expect("an id");
    journal
        .leaves_nothing(("create_approval", agent, "", 409), Some(request(1)))
        .await;
    journal
        .leaves(("lift_stop", admin, id, 204), None, both(&["stop.lifted"]))
        .await;
    journal.leaves_nothing(("lift_stop", admin, id, 204), None).await;
    let spaces = Some(json!({ "caller_id": "dev agent", "reason": "x" }));
    journal.leaves_nothing(("create_stop", admin, "", 400), spaces).await;
}

pub(crate) async fn of_events(journal: &mut Journal) {
    let tenant = journal.stack.tenant().await;
    let event = |request_id: &str, outcome: &str| {
        json!({
            "request_id": request_id, "caller_id": "ci", "tool": "deploy", "action": "deploy.finished",
            "outcome": outcome, "arguments": {},
        })
    };
    let one = event("one", "OK");
    journal.leaves_submitted(&tenant.agent, one.clone(), &["one"]).await;
    journal.leaves_submitted(&tenant.agent, one.clone(), &[]).await;
    // Another's event of the same name is another's.
    journal.leaves_submitted(&tenant.admin, one.clone(), &["one"]).await;
    let batch = json!([one, event("three", "OK"), event("two", "OK"), event("two", "OK")]);
    journal.leaves_submitted(&tenant.agent, batch, &["three", "two"]).await;
    // All or nothing.
    let conflict = Some(json!([event("four", "OK"), event("one", "FAILED")]));
    journal
        .leaves_nothing(("record_events", Who::Key(&tenant.agent), "", 409), conflict)
        .await;
}
