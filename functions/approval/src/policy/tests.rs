//! Texts and what they decide.

mod actions;
mod depth;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shared::auth::Environment;

use super::{Call, CompiledPolicies, Effect, Requirement, Verdict, compile};

/// A call of `tool` with these arguments and labels, by an agent of trust level 1 in dev.
pub(super) struct Asked {
    pub(super) tool: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) risk_labels: Vec<String>,
    pub(super) environment: Environment,
}

impl Asked {
    pub(super) fn new(tool: &str, arguments: Value, risk_labels: &[&str]) -> Self {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        Self {
            tool: tool.to_owned(),
            arguments,
            risk_labels: risk_labels.iter().map(|label| (*label).to_owned()).collect(),
            environment: Environment::Dev,
        }
    }

    pub(super) fn of(&self, policies: &CompiledPolicies) -> Verdict {
        policies.evaluate(&Call {
            caller: "deployer",
            role: "agent",
            trust_level: 1,
            environment: self.environment,
            tool: &self.tool,
            server: Some("main"),
            arguments: &self.arguments,
            risk_labels: &self.risk_labels,
            reason: None,
            time: DateTime::UNIX_EPOCH,
        })
    }
}

fn decide(text: &str, arguments: Value) -> Verdict {
    let policies = compile(text).unwrap_or_else(|flaw| panic!("{flaw:?} in {text}"));
    Asked::new("pay", arguments, &["money"]).of(&policies)
}

fn place(text: &str) -> (usize, usize, String) {
    let flaw = compile(text).expect_err(text);
    (flaw.line, flaw.column, flaw.message)
}

const ALLOW: &str = "@id(\"allow\") permit (principal, action, resource);";
const ASK: &str = "@id(\"ask\") @require_approval(\"quorum=2\") permit (principal, action, resource);";
const FORBID: &str = "@id(\"forbid\") forbid (principal, action, resource);";
const ERR: &str = "@id(\"err\") permit (principal, action, resource)
                   when { context.arguments has amount && context.arguments.amount > 3 };";

#[test]
fn an_error_is_before_a_forbid_before_an_approval_before_an_allowance() {
    let all = [
        (ERR, "DENY", "err"),
        (FORBID, "DENY", "forbid"),
        (ASK, "REQUIRE_APPROVAL", "ask"),
        (ALLOW, "ALLOW", "allow"),
    ];
    for mask in 1..1_u32 << all.len() {
        let present: Vec<_> = (0..all.len())
            .filter(|n| mask & (1 << n) != 0)
            .map(|n| all[n])
            .collect();
        let (_, effect, id) = present[0];
        let forward: Vec<&str> = present.iter().map(|(text, ..)| *text).collect();
        let backward: Vec<&str> = forward.iter().rev().copied().collect();
        for order in [forward, backward] {
            let verdict = decide(&order.join("\n"), json!({ "amount": "much" }));
            assert_eq!(
                (verdict.effect.as_str(), verdict.policy_ids.as_slice()),
                (effect, [id.to_owned()].as_slice()),
                "{order:?}"
            );
        }
    }
}

#[test]
fn what_nothing_matches_asks_one_person() {
    for text in ["", "permit (principal == Agent::\"other\", action, resource);"] {
        let verdict = decide(text, json!({}));
        assert_eq!(verdict.effect, Effect::RequireApproval(Requirement::default()));
        assert!(
            verdict.policy_ids.is_empty() && verdict.reasons.len() == 1,
            "{verdict:?}"
        );
    }
}

#[test]
fn an_evaluation_error_denies_and_names_the_policy() {
    for arguments in [
        json!({ "amount": "5" }),
        json!({ "amount": [5] }),
        json!({ "amount": 0.00001 }),
        json!({ "amount": 1e300 }),
    ] {
        let verdict = decide(&format!("{ALLOW}{ERR}"), arguments);
        assert_eq!(
            (verdict.effect, verdict.policy_ids),
            (Effect::Deny, vec!["err".to_owned()])
        );
        assert!(
            verdict.reasons[0].starts_with("The policy err could not be evaluated: "),
            "{:?}",
            verdict.reasons
        );
    }
    let overflow = "permit (principal, action, resource)
                    when { context.arguments has a && context.arguments.a * 9007199254740991 > 0 };";
    assert_eq!(
        decide(overflow, json!({ "a": 9_007_199_254_740_991_i64 })).effect,
        Effect::Deny
    );
    // Null is absent, so the condition is false.
    assert_eq!(
        decide(&format!("{ALLOW}{ERR}"), json!({ "amount": null })).effect,
        Effect::Allow
    );
    // A number that is neither is only an error where its size matters.
    let other = "@id(\"a\") permit (principal, action, resource) when { context.arguments has amount };";
    assert_eq!(decide(other, json!({ "amount": 0.00001 })).effect, Effect::Allow);
}

#[test]
fn reasons_are_the_policys_own_or_made() {
    let own = "@reason(\"Ask first\") @require_approval permit (principal, action, resource);";
    assert_eq!(decide(own, json!({})).reasons, ["Ask first"]);
    assert_eq!(decide(ALLOW, json!({})).reasons, ["The policy allow allows this call"]);
    assert_eq!(
        decide(FORBID, json!({})).reasons,
        ["The policy forbid forbids this call"]
    );
    assert_eq!(decide(ASK, json!({})).reasons, ["The policy ask asks for 2 approvals"]);
    let of = "@require_approval(\"groups=ops,finance\") permit (principal, action, resource);";
    assert_eq!(
        decide(of, json!({})).reasons,
        ["The policy policy0 asks for 1 approval from finance, ops"]
    );
}

#[test]
fn requirements_of_several_policies_add_up_or_deny() {
    let ask = |requirement: &str| format!("@require_approval({requirement:?}) permit (principal, action, resource);");
    let both = format!(
        "{}{}",
        ask("quorum=2; groups=a,b; ttl=900"),
        ask("quorum=1; groups=b,c; ttl=600; risk=low")
    );
    let Effect::RequireApproval(requirement) = decide(&both, json!({})).effect else {
        panic!("asked")
    };
    assert_eq!(
        (requirement.quorum, requirement.groups, requirement.ttl_seconds),
        (2, Some(vec!["b".to_owned()]), Some(600))
    );
    let apart = decide(&format!("{}{}", ask("groups=a"), ask("groups=b")), json!({}));
    assert_eq!(
        (apart.effect, apart.policy_ids),
        (Effect::Deny, vec!["policy0".to_owned(), "policy1".to_owned()])
    );
    assert!(apart.reasons[0].contains("no group in common"), "{:?}", apart.reasons);
}

#[test]
fn arguments_are_matched_by_their_structure() {
    let cases = [
        (
            "context.arguments has a.b && context.arguments.a.b == \"x\"",
            json!({ "a": { "b": "x" } }),
            true,
        ),
        (
            "context.arguments has a.b && context.arguments.a.b == \"x\"",
            json!({ "a": { "b": "y" } }),
            false,
        ),
        (
            "context.arguments has a.b && context.arguments.a.b == \"x\"",
            json!({ "a": {} }),
            false,
        ),
        (
            "context.arguments has tags && context.arguments.tags.contains(\"x\")",
            json!({ "tags": ["y", "x", null] }),
            true,
        ),
        (
            "context.arguments has n && context.arguments.n == 5",
            json!({ "n": 5.0 }),
            true,
        ),
        (
            "context.arguments has n && context.arguments.n >= 5",
            json!({ "n": 4 }),
            false,
        ),
        (
            "context.arguments has dry_run && context.arguments.dry_run",
            json!({ "dry_run": true }),
            true,
        ),
        (
            "context.arguments has p && context.arguments.p.greaterThan(decimal(\"9.99\"))",
            json!({ "p": 10 }),
            true,
        ),
        (
            "context.arguments has p && context.arguments.p.greaterThan(decimal(\"9.99\"))",
            json!({ "p": 9.5 }),
            false,
        ),
        (
            "context.arguments has a && context.arguments has b && context.arguments.a == context.arguments.b",
            json!({ "a": 0.00001, "b": 1e-5 }),
            true,
        ),
        (
            "resource has server && resource.server == \"main\" && resource.name like \"p*\"",
            json!({}),
            true,
        ),
        (
            "principal.trust_level > 0 && principal.role == \"agent\" && principal.name == \"deployer\"",
            json!({}),
            true,
        ),
        (
            "context.risk_labels.contains(\"money\") && context.environment == \"dev\" && !(context has reason)",
            json!({}),
            true,
        ),
        ("context.time < datetime(\"2026-11-20\")", json!({}), true),
        (
            "principal == Agent::\"deployer\" && resource == Tool::\"pay\" && action == Action::\"pay\"",
            json!({}),
            true,
        ),
    ];
    for (condition, arguments, matches) in cases {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let effect = decide(&text, arguments.clone()).effect;
        let expected = if matches {
            Effect::Allow
        } else {
            Effect::RequireApproval(Requirement::default())
        };
        assert_eq!(effect, expected, "{condition} of {arguments}");
    }
    // One policy's decimal is another's whole number.
    let money = "@id(\"exact\") permit (principal, action, resource) when { context.arguments has a && context.arguments.a == decimal(\"5.0\") };
                 @id(\"whole\") permit (principal, action, resource) when { context.arguments has a && context.arguments.a == 5 };";
    assert_eq!(decide(money, json!({ "a": 5 })).policy_ids, ["exact", "whole"]);
}

#[test]
fn every_flaw_is_told_with_its_place() {
    let cases = [
        ("permit (principal, action, resource)\n  whn { true };", 2, 3, "whn"),
        (
            "permit (principal, action, resource) when { 1 + };",
            1,
            49,
            "unexpected token",
        ),
        (
            "\n\n permit (principal, action, resource) when { principal.rol == \"x\" };",
            3,
            46,
            "`rol`",
        ),
        ("permit (principal == User::\"a\", action, resource);", 1, 22, "User"),
        (
            "permit (principal, action, resource) when { context.amount > 3 };",
            1,
            45,
            "amount",
        ),
        (
            "permit (principal, action, resource) when { resource.name == 1 };",
            1,
            45,
            "not compatible",
        ),
        (
            "permit (principal, action, resource) when { resource.server == \"x\" };",
            1,
            45,
            "optional attribute",
        ),
        // The arguments too: nothing is there for sure, and everything is of one type.
        (
            "permit (principal, action, resource) when { context.arguments.a > 3 };",
            1,
            45,
            "optional attribute",
        ),
        (
            "permit (principal, action, resource) when {\n context.arguments has a && context.arguments.a > 3 && context.arguments.a like \"x\" };",
            2,
            56,
            "String",
        ),
        (
            "permit (principal, action, resource) when { context.arguments has a && context.arguments.a < datetime(\"2026-11-20\") };",
            1,
            72,
            "datetime",
        ),
        (
            "permit (principal, action, resource) when { context.time < datetime(\"soon\") };",
            1,
            60,
            "datetime",
        ),
        ("permit (principal == ?principal, action, resource);", 1, 1, "template"),
        ("permit (principal, action, resource); /* */", 1, 39, ""),
        (
            "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
            2,
            1,
            "two policies",
        ),
        (
            "@id(\"policy1\") permit (principal, action, resource);\npermit (principal, action, resource);",
            1,
            1,
            "two policies",
        ),
        (
            "permit (principal, action, resource);\n// é\n  @require_approval(\"\") forbid (principal, action, resource);",
            3,
            3,
            "belongs on a permit",
        ),
        (
            "@id(\"x\")\n@require_approval(\"quorum=0\") permit (principal, action, resource);",
            2,
            1,
            "quorum",
        ),
        (
            "@require_aproval permit (principal, action, resource);",
            1,
            1,
            "no annotation",
        ),
    ];
    for (text, line, column, message) in cases {
        let (at_line, at_column, told) = place(text);
        assert_eq!((at_line, at_column), (line, column), "{told} in {text}");
        assert!(told.contains(message), "{told} in {text}");
    }
}

#[test]
fn many_policies_that_read_alike_named_arguments_differently_are_sound() {
    let reading = |condition: &str| {
        format!(
            "permit (principal, action, resource == Tool::\"t\")
             when {{ context.arguments has a && context.arguments.a{condition} }};"
        )
    };
    let text = [" > 3", " == \"x\"", ".contains(\"y\")", " == decimal(\"1.5\")"]
        .map(reading)
        .concat();
    let policies = compile(&text).expect("sound");
    // They are about another tool, so what they would read is not read.
    let asked = Asked::new("pay", json!({ "a": {} }), &[]);
    assert_eq!(
        asked.of(&policies).effect,
        Effect::RequireApproval(Requirement::default())
    );
}

#[test]
fn a_whole_record_is_compared_field_by_field_or_not_at_all() {
    let text =
        "permit (principal, action, resource) when { context.arguments has a && context.arguments.a == {b: 1} };";
    assert!(place(text).2.contains("not compatible"));
}

/// A policy about one of three facts of a call, and whether it matches.
fn some_policy() -> impl Strategy<Value = (String, usize)> {
    let condition = proptest::sample::select(vec![
        "context.arguments has a && context.arguments.a > 3",
        "context.risk_labels.contains(\"money\")",
        "principal.trust_level > 2",
        "context.arguments has b && context.arguments.b.lessThan(decimal(\"2.5\"))",
    ]);
    let head = proptest::sample::select(vec![
        "permit",
        "forbid",
        "@require_approval(\"quorum=2; groups=a,b\") permit",
        "@require_approval(\"ttl=60; groups=b,c; risk=high\") permit",
    ]);
    (head, condition, any::<usize>()).prop_map(|(head, condition, place)| {
        (
            format!("{head} (principal, action, resource) when {{ {condition} }};"),
            place,
        )
    })
}

fn some_arguments() -> impl Strategy<Value = Value> {
    let value = proptest::sample::select(vec![
        json!(1),
        json!(5),
        json!(2.25),
        json!("5"),
        Value::Null,
        json!(1e-9),
    ]);
    (value.clone(), value).prop_map(|(a, b)| json!({ "a": a, "b": b }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_order_of_policies_decides_nothing(mut policies in proptest::collection::vec(some_policy(), 0..8), arguments in some_arguments()) {
        let named = |(n, (policy, _)): (usize, &(String, usize))| format!("@id(\"p{n}\") {policy}\n");
        let written: Vec<String> = policies.iter().enumerate().map(named).collect();
        let mut shuffled: Vec<(usize, String)> = policies.iter_mut().map(|(_, place)| *place).zip(written.clone()).collect();
        shuffled.sort();
        let first = decide(&written.concat(), arguments.clone());
        let second = decide(&shuffled.into_iter().map(|(_, policy)| policy).collect::<String>(), arguments);
        prop_assert_eq!(&first.effect, &second.effect);
        let sorted = |mut ids: Vec<String>| { ids.sort(); ids };
        prop_assert_eq!(sorted(first.policy_ids), sorted(second.policy_ids));
    }

    #[test]
    fn one_more_forbid_never_lets_more_through(policies in proptest::collection::vec(some_policy(), 0..6), arguments in some_arguments()) {
        let text: String = policies.iter().map(|(policy, _)| policy.as_str()).collect();
        let verdict = decide(&format!("{text}forbid (principal, action, resource);"), arguments);
        prop_assert_eq!(verdict.effect, Effect::Deny);
    }

    #[test]
    fn no_text_brings_the_reader_down(text in "[@a-z(){}\\[\\]\"\\\\;,.=<>!&|?: \\n/*0-9é-]{0,200}") {
        if let Err(flaw) = compile(&text) {
            prop_assert!(flaw.line >= 1 && flaw.column >= 1 && !flaw.message.is_empty());
        }
    }
}
