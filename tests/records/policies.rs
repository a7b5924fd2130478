//! Policies and what they decide, and what each step of that leaves.

use serde_json::json;

use crate::journal::{Journal, Leaves, Who};

pub(crate) async fn of_policies(journal: &mut Journal) {
    let tenant = journal.stack.tenant().await;
    let call = |tool: &str| json!({ "tool_call": { "tool": tool, "arguments": { "n": 1 } } });
    for (tool, decision) in [
        ("read_file", "ALLOW"),
        ("deploy", "REQUIRE_APPROVAL"),
        ("get_secret", "DENY"),
    ] {
        journal.leaves_decision(&tenant.agent, call(tool), decision).await;
    }
    let (agent, admin) = (Who::Key(&tenant.agent), Who::Key(&tenant.admin));
    let refused = json!({ "tool_call": { "tool": "t", "environment": "production" } });
    journal
        .leaves_nothing(("evaluate_tool_call", agent, "", 403), Some(refused))
        .await;

    let text = json!({ "cedar": "permit (principal, action, resource);" });
    for (body, changes) in [(text.clone(), true), (text, false), (json!({ "version": 1 }), true)] {
        if changes {
            let expected = Leaves {
                action: "policy.updated",
                events: &["policy.updated"],
                object: None,
            };
            journal
                .leaves(("put_policies", admin, "", 200), Some(body), expected)
                .await;
        } else {
            journal
                .leaves_nothing(("put_policies", admin, "", 200), Some(body))
                .await;
        }
    }
    for (body, status) in [(json!({ "cedar": "permit" }), 400), (json!({ "version": 9 }), 404)] {
        journal
            .leaves_nothing(("put_policies", admin, "", status), Some(body.clone()))
            .await;
        journal
            .leaves_nothing(("simulate_policies", admin, "", status), Some(body))
            .await;
    }
    journal
        .leaves_nothing(("simulate_policies", admin, "", 200), Some(json!({ "cedar": "" })))
        .await;
}
