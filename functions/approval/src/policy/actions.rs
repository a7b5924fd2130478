//! The tool as Cedar's action.
//!
//! A call's action is its tool: `action == Action::"refund"`. The schema that is published has one action, `call`, that stands
//! for whatever tool it is; which others there are, each policy says by naming them. Pure.

use std::collections::BTreeSet;

use cedar_policy::{ActionConstraint, EntityUid, Policy};
use serde_json::{Value, json};

/// Stands for every tool, in a scope.
pub(super) const ANY: &str = "call";

/// The actions that a policy (in Cedar's JSON form) names in its scope or its conditions.
pub(super) fn named_in(policy: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(policy, &mut names);
    names
}

fn collect(value: &Value, names: &mut BTreeSet<String>) {
    if is_action(value) {
        names.extend(value["id"].as_str().map(str::to_owned));
    }
    match value {
        Value::Object(members) => members.values().for_each(|member| collect(member, names)),
        Value::Array(members) => members.iter().for_each(|member| collect(member, names)),
        _ => {}
    }
}

/// Whether a condition names [`ANY`], which no call's action equals.
pub(super) fn compares_with_any(policy: &Value) -> bool {
    named_in(&policy["conditions"]).contains(ANY)
}

/// The policy as it is evaluated: about every tool where its scope names [`ANY`].
///
/// # Errors
/// Cedar does not read what it wrote.
pub(super) fn widened(policy: &Policy, json: &Value) -> Result<Policy, String> {
    if !named_in(&json["action"]).contains(ANY) {
        return Ok(policy.clone());
    }
    let mut json = json.clone();
    json["action"] = json!({ "op": "All" });
    Policy::from_json(Some(policy.id().clone()), json).map_err(|error| error.to_string())
}

/// The policy with [`ANY`] in the place of every action that it names. All actions are declared alike, so what is sound about
/// this one is sound about the policy; and the validator, which looks at each policy once for each action, has one to look at.
///
/// # Errors
/// Cedar does not read what it wrote.
pub(super) fn generic(policy: &Policy, json: &Value) -> Result<Policy, String> {
    if named_in(json).iter().all(|name| name == ANY) {
        return Ok(policy.clone());
    }
    let mut json = json.clone();
    rename(&mut json);
    Policy::from_json(Some(policy.id().clone()), json).map_err(|error| error.to_string())
}

fn rename(value: &mut Value) {
    if is_action(value) {
        value["id"] = json!(ANY);
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(rename),
        Value::Array(members) => members.iter_mut().for_each(rename),
        _ => {}
    }
}

/// Whether this is how Cedar's JSON names an action. A record that a policy writes out has expressions for its members, and no
/// bare texts.
fn is_action(value: &Value) -> bool {
    value["type"] == "Action" && value["id"].is_string()
}

/// Whether a scope's constraint on the action admits this one.
pub(super) fn admits(constraint: &ActionConstraint, action: &EntityUid) -> bool {
    match constraint {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => uid == action,
        ActionConstraint::In(uids) => uids.contains(action),
    }
}
