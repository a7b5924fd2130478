//! The tool as the action.

use serde_json::json;

use super::{Asked, place};
use crate::policy::{Effect, compile};

/// What becomes of a call of `tool`, with an amount that is no number.
fn decide(text: &str, tool: &str) -> Effect {
    let policies = compile(text).unwrap_or_else(|flaw| panic!("{flaw:?} in {text}"));
    Asked::new(tool, json!({ "amount": "5" }), &[]).of(&policies).effect
}

#[test]
fn a_policy_may_name_the_tool_as_its_action() {
    let table = [
        ("action == Action::\"pay\", resource", "", true, false),
        (
            "action in [Action::\"pay\", Action::\"book\"], resource",
            "",
            true,
            false,
        ),
        (
            "action in [Action::\"book\", Action::\"refund\"], resource",
            "",
            false,
            true,
        ),
        ("action == Action::\"call\", resource", "", true, true),
        (
            "action in [Action::\"book\", Action::\"call\"], resource",
            "",
            true,
            true,
        ),
        ("action, resource", "when { action == Action::\"pay\" }", true, false),
        (
            "action, resource",
            "unless { [Action::\"pay\"].contains(action) }",
            false,
            true,
        ),
        (
            "action == Action::\"pay\", resource == Tool::\"refund\"",
            "",
            false,
            false,
        ),
    ];
    for (scope, condition, pays, refunds) in table {
        let text = format!("permit (principal, {scope}) {condition};");
        for (tool, expected) in [("pay", pays), ("refund", refunds)] {
            assert_eq!(decide(&text, tool) == Effect::Allow, expected, "{tool}: {text}");
        }
    }
}

#[test]
fn arguments_are_read_only_by_policies_about_the_action() {
    let text = "permit (principal, action, resource);
                forbid (principal, action == Action::\"pay\", resource) when { context.arguments has amount && context.arguments.amount > 5 };";
    assert_eq!(decide(text, "refund"), Effect::Allow);
    assert_eq!(decide(text, "pay"), Effect::Deny);
}

#[test]
fn in_a_condition_the_action_that_stands_for_all_is_refused() {
    let text = "permit (principal, action, resource);\npermit (principal, action, resource) when { action == Action::\"call\" };";
    let (line, _, message) = place(text);
    assert_eq!(line, 2);
    assert!(message.contains("every tool"), "{message}");
}

#[test]
fn a_flaw_is_told_where_it_was_written() {
    let text = "permit (principal, action == Action::\"pay\", resource) when { context.amount > 3 };";
    let (line, column, message) = place(text);
    assert_eq!((line, column), (1, 62));
    assert!(message.contains("amount") && message.contains("pay"), "{message}");
}

#[test]
fn many_tools_may_be_named() {
    let named: Vec<String> = (0..900)
        .map(|n| format!("permit (principal, action == Action::\"t{n}\", resource);"))
        .collect();
    let text = named.concat();
    assert_eq!(decide(&text, "t899"), Effect::Allow);
    assert_ne!(decide(&text, "t900"), Effect::Allow);
}
