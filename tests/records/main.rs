//! Every change leaves exactly one audit event and the outbox events it promises; what changes nothing leaves nothing. Over
//! every route that the description has, so that a new one cannot be forgotten.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]
mod approvals;
mod at_once;
mod journal;
mod policies;
mod replays;
mod tenants;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use system_tests::routes::routes;
use uuid::Uuid;

use crate::journal::{Journal, Who, unacceptable};

/// The action of an audit event, and the outbox events beside it.
type Promise = (&'static str, &'static [&'static str]);

/// What each operation that is no GET leaves, by its id. Nothing: it only reads.
const PROMISES: [(&str, &[Promise]); 23] = [
    ("create_tenant", &[("tenant.created", &[])]),
    (
        "update_tenant",
        &[
            ("tenant.updated", &[]),
            ("tenant.suspended", &[]),
            ("tenant.resumed", &[]),
        ],
    ),
    ("suspend_tenant", &[("tenant.suspended", &[])]),
    ("bootstrap_tenant", &[("tenant.bootstrapped", &[])]),
    ("create_user", &[("user.created", &[])]),
    (
        "update_user",
        &[
            ("user.updated", &[]),
            ("user.deactivated", &[]),
            ("user.reactivated", &[]),
        ],
    ),
    ("deactivate_user", &[("user.deactivated", &[])]),
    ("update_settings", &[("settings.updated", &[])]),
    ("create_api_key", &[("api_key.created", &[])]),
    ("rotate_api_key", &[("api_key.rotated", &[])]),
    ("revoke_api_key", &[("api_key.revoked", &["api_key.revoked"])]),
    ("ping_task", &[("task.queued", &["tasks.ping"])]),
    ("create_approval", &[("approval.requested", &["approval.requested"])]),
    ("check_approval", &[]),
    (
        "approve_request",
        &[
            ("approval.voted", &["approval.voted"]),
            ("approval.approved", &["approval.approved"]),
        ],
    ),
    ("deny_request", &[("approval.denied", &["approval.denied"])]),
    ("cancel_request", &[("approval.cancelled", &["approval.cancelled"])]),
    ("redeem_approval", &[("approval.consumed", &["approval.consumed"])]),
    ("revoke_approval", &[("approval.revoked", &["approval.revoked"])]),
    (
        "evaluate_tool_call",
        &[
            ("tool_call.decided", &[]),
            ("approval.requested", &["approval.requested"]),
        ],
    ),
    ("put_policies", &[("policy.updated", &["policy.updated"])]),
    ("simulate_policies", &[]),
    // Itself: the recorder names the action.
    ("record_events", &[("deploy.finished", &[])]),
];

#[tokio::test]
async fn every_change_leaves_one_record_and_nothing_else_leaves_any() {
    let mut journal = Journal::start().await;
    tenants::of_the_operator(&mut journal).await;
    tenants::of_people_and_keys(&mut journal).await;
    approvals::of_requests(&mut journal).await;
    policies::of_policies(&mut journal).await;
    approvals::of_events(&mut journal).await;

    let promised: BTreeMap<String, BTreeSet<(String, Vec<String>)>> = PROMISES
        .iter()
        .filter(|(_, promises)| !promises.is_empty())
        .map(|(operation, promises)| {
            let promises = promises
                .iter()
                .map(|(action, events)| {
                    (
                        (*action).to_owned(),
                        events.iter().map(|event| (*event).to_owned()).collect(),
                    )
                })
                .collect();
            ((*operation).to_owned(), promises)
        })
        .collect();
    assert_eq!(
        journal.left, promised,
        "each promise was kept, and nothing else was left"
    );
    let [changes, others] = journal.counts;
    println!(
        "{changes} changes by {} operations left one record each; {others} requests left none",
        promised.len()
    );
}

#[tokio::test]
async fn every_operation_says_here_what_it_leaves() {
    let described: BTreeSet<String> = routes()
        .into_iter()
        .filter(|operation| !operation.is_read())
        .map(|operation| operation.id)
        .collect();
    let promised: BTreeSet<String> = PROMISES.iter().map(|(operation, _)| (*operation).to_owned()).collect();
    assert_eq!(described, promised);
}

#[tokio::test]
async fn what_is_refused_leaves_no_record() {
    let mut journal = Journal::start().await;
    let tenant = journal.stack.tenant().await;
    let missing = Uuid::from_u128(0x019a_9f00_0000_7000_8000_0000_0000_0001).to_string();
    let mut refused: BTreeMap<u16, usize> = BTreeMap::new();
    for operation in routes().iter().filter(|operation| !operation.is_read()) {
        let callers = [Who::Nobody, Who::Operator]
            .into_iter()
            .chain(tenant.keys().map(|(_, key)| Who::Key(key)));
        for who in callers {
            for body in [Some(unacceptable()), Some(json!([])), Some(json!({})), None] {
                let answer = journal.send(&operation.id, who, &missing, body.as_ref()).await;
                // What nothing has to be said to is not refused for that.
                if answer.status < 300 {
                    assert!(
                        ["ping_task", "update_settings", "simulate_policies"].contains(&operation.id.as_str()),
                        "{} was answered {}",
                        operation.id,
                        answer.status
                    );
                    journal.forget().await;
                    continue;
                }
                journal.nothing_new(&operation.id, &answer).await;
                *refused.entry(answer.status).or_default() += 1;
            }
        }
    }
    println!("refused without a record, by status: {refused:?}");
    for status in [400, 401, 403, 404] {
        assert!(refused.contains_key(&status), "{status} was among them: {refused:?}");
    }
}

#[tokio::test]
async fn reading_leaves_no_record() {
    let mut journal = Journal::start().await;
    let tenant = journal.stack.tenant().await;
    let made = journal
        .send(
            "create_approval",
            Who::Key(&tenant.agent),
            "",
            Some(&approvals::request(1)),
        )
        .await
        .expect(201);
    let ping = journal
        .send("ping_task", Who::Key(&tenant.agent), "", Some(&json!({})))
        .await
        .expect(202);
    let event = journal.forget().await.expect("the log has events").to_string();
    let id = |value: &serde_json::Value| value["id"].as_str().expect("an id").to_owned();
    let mut answered = 0;
    for operation in routes().iter().filter(|operation| operation.is_read()) {
        let id = match operation.path.as_str() {
            path if path.starts_with("/api/v1/approvals") => id(&made),
            path if path.starts_with("/api/v1/tasks") => id(&ping),
            path if path.starts_with("/api/v1/audit") => event.clone(),
            path if path.starts_with("/api/v1/users") => tenant.approver.user_id.expect("a person").to_string(),
            path if path.starts_with("/api/v1/tenants") => tenant.id.to_string(),
            _ => String::new(),
        };
        let callers = [Who::Nobody, Who::Operator]
            .into_iter()
            .chain(tenant.keys().map(|(_, key)| Who::Key(key)));
        let mut shown = 0;
        for who in callers {
            let answer = journal.send(&operation.id, who, &id, None).await;
            shown += usize::from(answer.status == 200);
            journal.nothing_new(&operation.id, &answer).await;
        }
        assert!(shown > 0, "{} was shown to nobody", operation.id);
        answered += shown;
    }
    println!("{answered} readings, no record");
}
