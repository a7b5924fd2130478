//! From a text to policies that can decide, or to what is wrong with it and where.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter::zip,
};

use cedar_policy::{Policy, PolicyId, PolicySet, Schema, SchemaFragment, ValidationMode, Validator};
use serde_json::Value;

use super::{
    actions,
    annotations::Notes,
    arguments::Shape,
    compiled::{CompiledPolicies, Group},
    reading::read_by,
    text::{Flaw, annotation_offset, check_size},
    types::Reader,
};

/// The words in which policies speak. Their editors use it too, so it is published as it stands.
const SCHEMA: &str = include_str!("../../../../policies/countersign.cedarschema");

/// Parsing and validation recurse. The deepest texts that `check_size` lets through take 12 to 16 MiB of this in a build without
/// optimisation; a function may have 128 MB.
const STACK_BYTES: usize = 32 << 20;

/// One policy of a text.
struct Written {
    policy: Policy,
    /// As it is validated along with others.
    generic: Policy,
    /// As it is asked.
    evaluated: Policy,
    /// The actions that it names.
    actions: BTreeSet<String>,
    /// Where it begins, in bytes.
    offset: usize,
    notes: Notes,
    reads: Shape,
}

/// Reads, validates and prepares a text.
///
/// # Errors
/// The first flaw: too large, no Cedar, a template, an annotation that says nothing, an id given twice, or words that the
/// schema does not have.
pub(crate) fn compile(text: &str) -> Result<CompiledPolicies, Flaw> {
    let deepest = check_size(text)?;
    stacker::grow(STACK_BYTES, || {
        let policies = read(text)?;
        check_ids(text, &policies)?;
        validate(text, &policies)?;
        prepare(text, policies, deepest)
    })
}

fn read(text: &str) -> Result<Vec<Written>, Flaw> {
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let first = errors.iter().next();
        first.map_or_else(
            || Flaw::at(text, 0, errors.to_string()),
            |error| Flaw::found(text, error, 0),
        )
    })?;
    if let Some(template) = set.templates().next() {
        let offset = text.find(&template.to_cedar()).unwrap_or_default();
        return Err(Flaw::at(
            text,
            offset,
            "?principal and ?resource make a template, and there is nothing to fill it",
        ));
    }
    let mut from = 0;
    (0..set.num_of_policies())
        .map(|number| {
            let name = format!("policy{number}");
            // Cedar names the policies of a text in their order.
            let policy = set
                .policy(&PolicyId::new(&name))
                .ok_or_else(|| Flaw::at(text, from, format!("{name} is missing")))?;
            let own_text = policy.to_cedar().unwrap_or_default();
            let offset = text[from..].find(&own_text).map_or(from, |at| from + at);
            from = offset + own_text.len();
            let notes = Notes::read(policy, &name).map_err(|misnoted| {
                let within = annotation_offset(&own_text, &misnoted.annotation);
                Flaw::at(text, offset + within, misnoted.message)
            })?;
            let json = policy.to_json().map_err(|error| Flaw::found(text, &error, offset))?;
            if actions::compares_with_any(&json) {
                let message = "Action::\"call\" stands for every tool in a scope, and in a condition for none";
                return Err(Flaw::at(text, offset, message));
            }
            let unread = |error: String| Flaw::at(text, offset, error);
            let generic = actions::generic(policy, &json).map_err(unread)?;
            let evaluated = actions::widened(policy, &json).map_err(unread)?;
            Ok(Written {
                policy: policy.clone(),
                generic,
                evaluated,
                actions: actions::named_in(&json),
                offset,
                notes,
                reads: read_by(&json),
            })
        })
        .collect()
}

/// Who reads of a policy in an answer or in the log must find one policy under its name.
fn check_ids(text: &str, policies: &[Written]) -> Result<(), Flaw> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (number, written) in policies.iter().enumerate() {
        if let Some(first) = known.insert(&written.notes.id, number) {
            // The later of the two, or the one that chose its name.
            let given = if written.policy.annotation("id").is_some() {
                written
            } else {
                &policies[first]
            };
            let within = annotation_offset(&text[given.offset..], "id");
            let message = format!("two policies have the id {:?}", written.notes.id);
            return Err(Flaw::at(text, given.offset + within, message));
        }
    }
    Ok(())
}

/// Validates all that read the arguments alike in one go: to build a schema costs as much as to validate many policies.
fn validate(text: &str, policies: &[Written]) -> Result<(), Flaw> {
    let mut alike: Vec<(Shape, Vec<&Written>)> = Vec::new();
    for written in policies {
        let place = alike.iter_mut().find_map(|(shape, members)| {
            *shape = shape.merged(&written.reads)?;
            Some(members)
        });
        match place {
            Some(members) => members.push(written),
            None => alike.push((written.reads.clone(), vec![written])),
        }
    }
    let base = schema_json().map_err(|error| Flaw::at(text, 0, error))?;
    for (shape, members) in alike {
        let schema = declare(text, &base, &shape, &members, [])?;
        let generic = members.iter().map(|written| &written.generic);
        if first_flaw(text, schema, generic, &members)?.is_none() {
            continue;
        }
        // A policy may err only because of what another reads, so each is asked by itself; and as it was written, which tells
        // where it errs.
        for written in members {
            let schema = declare(text, &base, &written.reads, &[written], &written.actions)?;
            if let Some(flaw) = first_flaw(text, schema, [&written.policy], &[written])? {
                return Err(flaw);
            }
        }
    }
    Ok(())
}

fn schema_json() -> Result<Value, String> {
    let (fragment, _) = SchemaFragment::from_cedarschema_str(SCHEMA).map_err(|error| error.to_string())?;
    fragment.to_json_value().map_err(|error| error.to_string())
}

/// The published schema with these arguments, and with these actions declared as the one it has.
fn declare<'a>(
    text: &str,
    base: &Value,
    arguments: &Shape,
    policies: &[&Written],
    named: impl IntoIterator<Item = &'a String>,
) -> Result<Schema, Flaw> {
    let mut declared = base.clone();
    declared[""]["commonTypes"]["Arguments"] = arguments.schema();
    for action in named {
        declared[""]["actions"][action] = base[""]["actions"][actions::ANY].clone();
    }
    Schema::from_json_value(declared).map_err(|error| {
        // Cedar has names of its own that no attribute can have.
        let offset = policies.first().map_or(0, |written| written.offset);
        Flaw::at(text, offset, error.to_string())
    })
}

fn first_flaw<'a>(
    text: &str,
    schema: Schema,
    policies: impl IntoIterator<Item = &'a Policy>,
    written: &[&Written],
) -> Result<Option<Flaw>, Flaw> {
    let set = PolicySet::from_policies(policies.into_iter().cloned())
        .map_err(|error| Flaw::at(text, 0, error.to_string()))?;
    let outcome = Validator::new(schema).validate(&set, ValidationMode::Strict);
    let flaw = outcome
        .validation_errors()
        .map(|error| {
            let policy = written.iter().find(|written| written.policy.id() == error.policy_id());
            Flaw::found(text, error, policy.map_or(0, |written| written.offset))
        })
        .min_by_key(|flaw| (flaw.line, flaw.column));
    Ok(flaw)
}

/// Puts those together that are asked in the same terms.
fn prepare(text: &str, policies: Vec<Written>, deepest: usize) -> Result<CompiledPolicies, Flaw> {
    let mut groups: BTreeMap<Option<Shape>, Vec<Policy>> = BTreeMap::new();
    let mut notes = Vec::with_capacity(policies.len());
    let mut readers = Vec::with_capacity(policies.len());
    let numbers = zip(policies.iter().map(|written| written.policy.id().clone()), 0..).collect();
    for written in policies {
        let decimals = written.reads.decimals();
        readers.push(Reader::new(&written.evaluated, written.reads));
        groups.entry(decimals).or_default().push(written.evaluated);
        notes.push(written.notes);
    }
    let groups = groups
        .into_iter()
        .map(|(decimals, policies)| {
            let set = PolicySet::from_policies(policies).map_err(|error| Flaw::at(text, 0, error.to_string()))?;
            Ok(Group { decimals, set })
        })
        .collect::<Result<_, Flaw>>()?;
    Ok(CompiledPolicies {
        groups,
        notes,
        readers,
        numbers,
        deepest,
    })
}
