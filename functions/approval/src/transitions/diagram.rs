//! Draws the state machine from the rules, and holds docs/approvals.md to the drawing.

use std::fmt::Write as _;

use super::*;
use crate::approval::{
    ApprovalState::{Approved, Cancelled, Consumed, Expired, Pending, Revoked},
    Decision::{Approve, Deny},
};

const DOCUMENT: &str = include_str!("../../../../docs/approvals.md");

/// The text between two marks of the document.
fn drawn(name: &str) -> &'static str {
    let begin = format!("<!-- {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let start = DOCUMENT.find(&begin).expect("it begins") + begin.len();
    let length = DOCUMENT[start..].find(&end).expect("it ends");
    DOCUMENT[start..start + length].trim()
}

/// Every step that a verb, or time, takes a request in this state.
fn steps(from: ApprovalState) -> Vec<(&'static str, ApprovalState)> {
    let mut steps = Vec::new();
    if vote(from, None, Approve) == Ok(Ballot::Counts) {
        steps.push(("approve, and more are needed", after_vote(Approve, 1, 2)));
        steps.push(("approve, and that is enough", after_vote(Approve, 2, 2)));
    }
    if vote(from, None, Deny) == Ok(Ballot::Counts) {
        steps.push(("deny", after_vote(Deny, 1, 2)));
    }
    if cancel(from) == Ok(Withdrawal::Ends) {
        steps.push(("cancel", Cancelled));
    }
    if redeem(from) == Ok(()) {
        steps.push(("redeem", Consumed));
    }
    if revoke(from) == Ok(Withdrawal::Ends) {
        steps.push(("revoke", Revoked));
    }
    if !from.is_terminal() {
        steps.push(("its time is over", Expired));
    }
    steps
}

#[test]
fn the_diagram_in_the_documentation_is_the_code() {
    let mut diagram = String::from("```mermaid\nstateDiagram-v2\n    [*] --> PENDING: request\n");
    for from in ApprovalState::ALL {
        for (how, to) in steps(from) {
            let _ = writeln!(diagram, "    {from} --> {to}: {how}");
        }
        if from.is_terminal() {
            let _ = writeln!(diagram, "    {from} --> [*]");
        }
    }
    diagram.push_str("```");
    assert_eq!(drawn("states"), diagram, "docs/approvals.md should show\n\n{diagram}\n");
}

/// What a refusal is called in the contract.
fn code(refusal: StateRefusal) -> String {
    let error = shared::http::ApiError::from(refusal);
    format!("`{}`", error.code().as_str())
}

fn answer<T>(outcome: Result<T, StateRefusal>) -> String {
    outcome.map_or_else(code, |_| "200".to_owned())
}

#[test]
fn the_table_in_the_documentation_is_the_code() {
    let mut table = String::from("| |");
    for state in ApprovalState::ALL {
        let _ = write!(table, " {state} |");
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(ApprovalState::ALL.len()));
    let mut row = |name: &str, cell: &dyn Fn(ApprovalState) -> String| {
        let _ = write!(table, "\n| {name} |");
        for state in ApprovalState::ALL {
            let _ = write!(table, " {} |", cell(state));
        }
    };
    row("approve, deny", &|state| answer(vote(state, None, Approve)));
    row("one's own vote again", &|state| {
        answer(vote(state, Some(Approve), Approve))
    });
    row("deny after one's own approval", &|state| {
        answer(vote(state, Some(Approve), Deny))
    });
    row("cancel", &|state| answer(cancel(state)));
    row("redeem", &|state| answer(redeem(state)));
    row("revoke", &|state| answer(revoke(state)));
    assert_eq!(drawn("answers"), table, "docs/approvals.md should show\n\n{table}\n");
    assert_eq!(answer(vote(Pending, None, Deny)), answer(vote(Pending, None, Approve)));
    for state in [Approved, Consumed] {
        assert_eq!(answer(vote(state, None, Deny)), answer(vote(state, None, Approve)));
    }
}
