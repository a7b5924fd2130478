//! Whether the arguments of a call are of the types that a policy reads.
//!
//! To Cedar two values of unlike types are unequal, which is no error. So a caller who sends "5" for 5 would walk past
//! `forbid … when { context.arguments.account == 5 }`. What a policy reads is therefore checked before it is asked, and a value
//! of another type counts as that policy's evaluation error. Policies whose scope is not about the call are spared.

use std::collections::{BTreeMap, HashMap};

use cedar_policy::{ActionConstraint, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use serde_json::{Map, Value};

use super::{actions::admits, arguments::Shape, call::Numeral};

/// Whose calls, and of which tool, a policy is about, and what it reads of their arguments.
#[derive(Debug)]
pub(super) struct Reader {
    principal: PrincipalConstraint,
    action: ActionConstraint,
    resource: ResourceConstraint,
    reads: Shape,
}

impl Reader {
    pub(super) fn new(policy: &Policy, reads: Shape) -> Self {
        Self {
            principal: policy.principal_constraint(),
            action: policy.action_constraint(),
            resource: policy.resource_constraint(),
            reads,
        }
    }

    /// Which argument the policy cannot read, where there is one, as a clause.
    pub(super) fn mismatch(
        &self,
        caller: &EntityUid,
        action: &EntityUid,
        tool: &EntityUid,
        arguments: &Map<String, Value>,
    ) -> Option<String> {
        if !self.is_about(caller, action, tool) {
            return None;
        }
        let mut checking = Checking::default();
        match &self.reads {
            Shape::Record(attributes) => checking.record(attributes, arguments),
            _ => Ok(()),
        }
        .err()
        .map(|Mismatch { mut path, sent, read }| {
            path.push("context.arguments".to_owned());
            path.reverse();
            format!("{} is {sent}, and the policy reads {read}", path.join("."))
        })
    }

    /// Callers and tools are in no groups: each is only in itself.
    fn is_about(&self, caller: &EntityUid, action: &EntityUid, tool: &EntityUid) -> bool {
        let by_caller = match &self.principal {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) => uid == caller,
            PrincipalConstraint::Is(kind) => kind == caller.type_name(),
            PrincipalConstraint::IsIn(kind, uid) => kind == caller.type_name() && uid == caller,
        };
        let of_tool = match &self.resource {
            ResourceConstraint::Any => true,
            ResourceConstraint::Eq(uid) | ResourceConstraint::In(uid) => uid == tool,
            ResourceConstraint::Is(kind) => kind == tool.type_name(),
            ResourceConstraint::IsIn(kind, uid) => kind == tool.type_name() && uid == tool,
        };
        by_caller && of_tool && admits(&self.action, action)
    }
}

/// A value that is not what the policy reads.
struct Mismatch {
    /// From the value outwards.
    path: Vec<String>,
    sent: &'static str,
    read: &'static str,
}

/// The check of one call's arguments.
#[derive(Default)]
struct Checking<'a> {
    /// The first of those that the policy compares with each other, by their class.
    alike: HashMap<usize, &'a Value>,
}

impl<'a> Checking<'a> {
    fn record(&mut self, attributes: &BTreeMap<String, Shape>, object: &'a Map<String, Value>) -> Result<(), Mismatch> {
        for (attribute, shape) in attributes {
            if let Some(value) = object.get(attribute) {
                self.value(shape, value).map_err(|mut mismatch| {
                    mismatch.path.push(attribute.clone());
                    mismatch
                })?;
            }
        }
        Ok(())
    }

    fn value(&mut self, shape: &Shape, value: &'a Value) -> Result<(), Mismatch> {
        let sound = match (shape, value) {
            // Null is absent.
            (_, Value::Null) | (Shape::Any, _) | (Shape::Bool, Value::Bool(_)) | (Shape::Text, Value::String(_)) => {
                true
            }
            (Shape::Long, Value::Number(number)) => matches!(Numeral::of(number, false), Numeral::Long(_)),
            (Shape::Decimal, Value::Number(number)) => matches!(Numeral::of(number, true), Numeral::Decimal(_)),
            (Shape::Alike(class), Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                let first = self.alike.entry(*class).or_insert(value);
                std::mem::discriminant(*first) == std::mem::discriminant(value)
            }
            (Shape::Set(element), Value::Array(members)) => {
                return members.iter().try_for_each(|member| self.value(element, member));
            }
            (Shape::Record(attributes), Value::Object(object)) => return self.record(attributes, object),
            _ => false,
        };
        if sound {
            return Ok(());
        }
        Err(Mismatch {
            path: Vec::new(),
            sent: sent(value),
            read: read(shape),
        })
    }
}

fn sent(value: &Value) -> &'static str {
    match value {
        Value::Null => "absent",
        Value::Bool(_) => "true or false",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
        Value::Number(number) => match Numeral::of(number, false) {
            Numeral::Long(_) => "a whole number",
            Numeral::Decimal(_) => "a number with a fraction",
            Numeral::Opaque(_) => "a number too large or too fine for Cedar",
        },
    }
}

fn read(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bool => "true or false",
        Shape::Long => "a whole number",
        Shape::Text => "a text",
        Shape::Decimal => "a decimal",
        Shape::Set(_) => "a list",
        Shape::Record(_) => "an object",
        Shape::Any => "anything",
        Shape::Alike(_) => "one of the same type as it is compared with",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::policy::{Effect, compile, tests::Asked};

    const ALLOW: &str = "permit (principal, action, resource);";

    /// What becomes of a call with these arguments where a policy forbids this, and any other call is allowed.
    fn forbidden_when(condition: &str, arguments: &serde_json::Value) -> (Effect, Vec<String>, String) {
        let text = format!("@id(\"guard\") forbid (principal, action, resource) when {{ {condition} }};{ALLOW}");
        let policies = compile(&text).unwrap_or_else(|flaw| panic!("{flaw:?} in {text}"));
        let verdict = Asked::new("pay", arguments.clone(), &[]).of(&policies);
        (verdict.effect, verdict.policy_ids, verdict.reasons.concat())
    }

    #[test]
    fn a_value_of_another_type_does_not_walk_past_a_forbid() {
        const ERRED: &str = "The policy guard could not be evaluated: context.arguments.";
        #[rustfmt::skip]
        let table = [
            // What is compared for equality.
            ("$ has a && $.a == 5", json!({ "a": "5" }), "a is a text, and the policy reads a whole number"),
            ("$ has a && $.a == 5", json!({ "a": [5] }), "a is a list, and the policy reads a whole number"),
            ("$ has a && $.a == 5", json!({ "a": 5.5 }), "a is a number with a fraction, and the policy reads a whole number"),
            ("$ has a && $.a == 5", json!({ "a": 1e300 }), "a is a number too large or too fine for Cedar, and the policy reads a whole number"),
            ("$ has a && $.a == true", json!({ "a": 1 }), "a is a whole number, and the policy reads true or false"),
            ("$ has a && $.a == true", json!({ "a": "true" }), "a is a text, and the policy reads true or false"),
            ("$ has a && $.a == \"x\"", json!({ "a": ["x"] }), "a is a list, and the policy reads a text"),
            ("$ has a && $.a == decimal(\"1.5\")", json!({ "a": "1.5" }), "a is a text, and the policy reads a decimal"),
            ("$ has a && $.a == decimal(\"1.5\")", json!({ "a": 1.500_01 }), "a is a number too large or too fine for Cedar, and the policy reads a decimal"),
            ("$ has a && principal.name == $.a", json!({ "a": { "name": "deployer" } }), "a is an object, and the policy reads a text"),
            ("!($ has a && $.a != \"x\")", json!({ "a": ["x"] }), "a is a list, and the policy reads a text"),
            // Members of sets, either way round.
            ("$ has a && [\"rm\"].contains($.a)", json!({ "a": ["rm"] }), "a is a list, and the policy reads a text"),
            ("$ has a && $.a.contains(5)", json!({ "a": ["5"] }), "a is a text, and the policy reads a whole number"),
            ("$ has a && $.a.containsAny([5, 6])", json!({ "a": [1, "5"] }), "a is a text, and the policy reads a whole number"),
            ("$ has a && $.a.containsAll([\"x\"])", json!({ "a": [["x"]] }), "a is a list, and the policy reads a text"),
            ("$ has a && [[1]].contains($.a)", json!({ "a": ["1"] }), "a is a text, and the policy reads a whole number"),
            ("$ has a && $.a.isEmpty()", json!({ "a": {} }), "a is an object, and the policy reads a list"),
            // What lies deeper.
            ("$ has a.b", json!({ "a": 0.000_01 }), "a is a number too large or too fine for Cedar, and the policy reads an object"),
            ("$ has a.b", json!({ "a": "{}" }), "a is a text, and the policy reads an object"),
            ("$ has a.b", json!({ "a": [{ "b": 1 }] }), "a is a list, and the policy reads an object"),
            ("$ has a.b.c && $.a.b.c == 5", json!({ "a": { "b": { "c": "5" } } }), "a.b.c is a text, and the policy reads a whole number"),
            ("$ has a && {b: $.a} == {b: \"x\"}", json!({ "a": ["x"] }), "a is a list, and the policy reads a text"),
            // What is compared with each other.
            ("$ has a && $ has b && $.a == $.b", json!({ "a": 5, "b": "5" }), "b is a text, and the policy reads one of the same type as it is compared with"),
            ("$ has a && $ has b && $.a.contains($.b)", json!({ "a": ["5"], "b": 5 }), "b is a whole number, and the policy reads one of the same type as it is compared with"),
            // Even where the rest of the condition would have settled it.
            ("$ has a && context.environment == \"staging\" && $.a == 5", json!({ "a": "5" }), "a is a text, and the policy reads a whole number"),
        ];
        for (condition, arguments, reason) in table {
            let (effect, ids, told) = forbidden_when(&condition.replace('$', "context.arguments"), &arguments);
            assert_eq!(effect, Effect::Deny, "{condition} of {arguments}");
            assert_eq!(ids, ["guard"], "{condition} of {arguments}");
            assert_eq!(told, format!("{ERRED}{reason}"), "{condition} of {arguments}");
        }
    }

    #[test]
    fn a_value_of_another_type_does_not_satisfy_a_permit() {
        let text = "@id(\"p\") permit (principal, action, resource) when { context.arguments has env && context.arguments.env != \"prod\" };";
        let policies = compile(text).expect("sound");
        for (env, effect) in [
            (json!("dev"), Effect::Allow),
            (json!(["prod"]), Effect::Deny),
            (json!(1), Effect::Deny),
        ] {
            let asked = Asked::new("pay", json!({ "env": env }), &[]);
            assert_eq!(asked.of(&policies).effect, effect, "{env}");
        }
    }

    #[test]
    fn what_a_policy_does_not_compare_may_be_of_any_type() {
        let table = [
            ("$ has a", json!({ "b": "5" })),
            ("$ has a && $.a == 5", json!({ "a": null, "b": [] })),
            ("$ has a && $.a == 5", json!({ "a": 6.0 })),
            ("$ has a && $.a == decimal(\"1.5\")", json!({ "a": 1 })),
            (
                "$ has a.b && $.a.b == 5",
                json!({ "a": { "b": 6, "c": "x" }, "d": 1e300 }),
            ),
            ("$ has a && $.a.contains(5)", json!({ "a": [6, null] })),
            ("$ has a && $.a.isEmpty()", json!({ "a": [1, "x", {}] })),
            ("$ has a && $ has b && $.a == $.b", json!({ "a": "x", "b": "y" })),
            ("$ has a && $ has b && $.a == $.b", json!({ "a": 1, "b": 0.25 })),
        ];
        for (condition, arguments) in table {
            let (effect, _, told) = forbidden_when(&condition.replace('$', "context.arguments"), &arguments);
            assert_eq!(effect, Effect::Allow, "{condition} of {arguments}: {told}");
        }
        for a in [json!(1), json!("x"), json!(1e300), json!([1, "x"]), json!({})] {
            let text = "permit (principal, action, resource) when { context.arguments has a };";
            let asked = Asked::new("pay", json!({ "a": a }), &[]);
            assert_eq!(asked.of(&compile(text).expect("sound")).effect, Effect::Allow, "{a}");
        }
    }

    #[test]
    fn only_policies_about_the_call_have_to_read_its_arguments() {
        let table = [
            ("principal, action, resource", true),
            (
                "principal == Agent::\"deployer\", action == Action::\"call\", resource == Tool::\"pay\"",
                true,
            ),
            (
                "principal in Agent::\"deployer\", action in [Action::\"call\"], resource in Tool::\"pay\"",
                true,
            ),
            ("principal is Agent, action, resource is Tool", true),
            (
                "principal is Agent in Agent::\"deployer\", action, resource is Tool in Tool::\"pay\"",
                true,
            ),
            ("principal == Agent::\"other\", action, resource", false),
            ("principal in Agent::\"other\", action, resource", false),
            ("principal is Agent in Agent::\"other\", action, resource", false),
            ("principal, action, resource == Tool::\"other\"", false),
            ("principal, action, resource in Tool::\"other\"", false),
            ("principal, action, resource is Tool in Tool::\"other\"", false),
        ];
        for (scope, concerned) in table {
            let text =
                format!("forbid ({scope}) when {{ context.arguments has a && context.arguments.a == 5 }};{ALLOW}");
            let policies = compile(&text).unwrap_or_else(|flaw| panic!("{flaw:?} in {text}"));
            let effect = Asked::new("pay", json!({ "a": "5" }), &[]).of(&policies).effect;
            let expected = if concerned { Effect::Deny } else { Effect::Allow };
            assert_eq!(effect, expected, "{scope}");
        }
    }
}
