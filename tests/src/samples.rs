//! From a schema: a body that it allows, and the places in it where something else can be put.
#![expect(
    clippy::missing_panics_doc,
    reason = "a schema that cannot be read has failed the test"
)]

use serde_json::{Map, Value, json};

/// Stands where the malice will be written into the text of a body.
const PLACEHOLDER: &str = "@@here@@";

/// A place in a body.
#[derive(Debug, Clone)]
pub struct Field {
    /// From the root to it.
    steps: Vec<Step>,
    /// What may be there, without references.
    pub schema: Value,
}

#[derive(Debug, Clone)]
enum Step {
    Member(String),
    First,
}

impl Field {
    /// As an error names it: `tool_call.tool`, `risk_labels[0]`.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.steps {
            match step {
                Step::Member(member) if name.is_empty() => name.push_str(member),
                Step::Member(member) => {
                    name.push('.');
                    name.push_str(member);
                }
                Step::First => name.push_str("[0]"),
            }
        }
        name
    }

    /// The name of the member that it is, unless it is an element.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self.steps.last() {
            Some(Step::Member(member)) => Some(member),
            _ => None,
        }
    }

    /// The text of an allowed body with `malice` in this place, whether or not that leaves it JSON.
    #[must_use]
    pub fn with(&self, body_schema: &Value, malice: &str) -> String {
        self.put(sample(body_schema), body_schema, PLACEHOLDER.into())
            .to_string()
            .replace(&format!("\"{PLACEHOLDER}\""), malice)
    }

    /// A body with `value` in this place, and whatever has to be around it.
    #[must_use]
    pub fn put(&self, mut body: Value, body_schema: &Value, value: Value) -> Value {
        let mut schema = alternative(body_schema).clone();
        let mut place = &mut body;
        for step in &self.steps {
            let inner = match step {
                Step::Member(member) => member_schema(&schema, member),
                Step::First => alternative(&schema["items"]).clone(),
            };
            place = match step {
                Step::Member(member) => place
                    .as_object_mut()
                    .expect("an object")
                    .entry(member.clone())
                    .or_insert_with(|| sample(&inner)),
                Step::First => {
                    let items = place.as_array_mut().expect("an array");
                    if items.is_empty() {
                        items.push(sample(&inner));
                    }
                    &mut items[0]
                }
            };
            schema = inner;
        }
        *place = value;
        body
    }

    /// The names of JSON's types that the schema allows here.
    #[must_use]
    pub fn types(&self) -> Vec<&str> {
        let own = |schema: &'_ Value| -> Vec<String> {
            match &schema["type"] {
                Value::String(name) => vec![name.clone()],
                Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                _ => Vec::new(),
            }
        };
        let mut types = own(&self.schema);
        for either in ["oneOf", "anyOf"] {
            types.extend(self.schema[either].as_array().into_iter().flatten().flat_map(own));
        }
        assert!(!types.is_empty(), "{} has no type: {}", self.name(), self.schema);
        ["null", "boolean", "integer", "number", "string", "array", "object"]
            .into_iter()
            .filter(|known| types.iter().any(|name| name == known))
            .collect()
    }

    /// The schema of what is not null.
    #[must_use]
    pub fn rules(&self) -> &Value {
        alternative(&self.schema)
    }
}

/// Every place in a body of this schema, at any depth.
#[must_use]
pub fn fields(body_schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(alternative(body_schema), &[], &mut found);
    found
}

fn collect(schema: &Value, steps: &[Step], found: &mut Vec<Field>) {
    let mut add = |step: Step, schema: &Value| {
        let steps = [steps, &[step]].concat();
        found.push(Field {
            steps: steps.clone(),
            schema: schema.clone(),
        });
        collect(alternative(schema), &steps, found);
    };
    for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
        add(Step::Member(member.clone()), schema);
    }
    if schema["additionalProperties"].is_object() {
        add(Step::Member("some_name".to_owned()), &schema["additionalProperties"]);
    }
    if schema["items"].is_object() {
        add(Step::First, &schema["items"]);
    }
}

/// Every object in a body of this schema that has a fixed set of members: as a place, or `None` for the body itself.
#[must_use]
pub fn closed_objects(body_schema: &Value) -> Vec<(Option<Field>, Value)> {
    let root = alternative(body_schema).clone();
    let inner = fields(body_schema).into_iter().map(|field| {
        let rules = field.rules().clone();
        (Some(field), rules)
    });
    [(None, root)]
        .into_iter()
        .chain(inner)
        .filter(|(_, rules)| rules["additionalProperties"] == false)
        .collect()
}

/// The first of several schemas that is not that of null.
fn alternative(schema: &Value) -> &Value {
    ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|either| schema[either].as_array())
        .flatten()
        .find(|one| one["type"] != "null")
        .unwrap_or(schema)
}

fn member_schema(schema: &Value, member: &str) -> Value {
    let named = &schema["properties"][member];
    let schema = if named.is_null() {
        &schema["additionalProperties"]
    } else {
        named
    };
    alternative(schema).clone()
}

/// Bodies that the schema allows field by field: with what is required, for each value of what can have but a few; with
/// each of the rest beside that; and with everything. A route may still refuse one for what its fields are together.
#[must_use]
pub fn variants(body_schema: &Value) -> Vec<Value> {
    let schema = alternative(body_schema);
    let least = sample(schema);
    let (Some(required), Some(properties)) = (least.as_object(), schema["properties"].as_object()) else {
        return vec![least];
    };
    let mut bases = vec![least.clone()];
    for member in required.keys() {
        for value in alternative(&properties[member])["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .skip(1)
        {
            bases.push(with_member(&least, member, value.clone()));
        }
    }
    let rest: Vec<(&String, Value)> = properties
        .iter()
        .filter(|(member, _)| !required.contains_key(*member))
        .map(|(member, schema)| (member, sample(schema)))
        .collect();
    let beside = bases.iter().flat_map(|base| {
        rest.iter()
            .map(|(member, value)| with_member(base, member, value.clone()))
    });
    let everything = rest.iter().fold(least.clone(), |body, (member, value)| {
        with_member(&body, member, value.clone())
    });
    bases.iter().cloned().chain(beside).chain([everything]).collect()
}

fn with_member(body: &Value, member: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[member] = value;
    body
}

/// A value that the schema allows, with nothing that is not required.
#[must_use]
pub fn sample(schema: &Value) -> Value {
    let schema = alternative(schema);
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let types = match &schema["type"] {
        Value::Array(names) => names.iter().find_map(Value::as_str).unwrap_or_default(),
        one => one.as_str().unwrap_or_default(),
    };
    match types {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten();
            let members: Map<String, Value> = required
                .filter_map(Value::as_str)
                .map(|member| (member.to_owned(), sample(&schema["properties"][member])))
                .collect();
            Value::Object(members)
        }
        "array" if schema["minItems"].as_u64().is_some_and(|least| least > 0) => json!([sample(&schema["items"])]),
        "array" => json!([]),
        "boolean" => json!(true),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "string" => text(schema),
        other => panic!("a schema of type {other:?}: {schema}"),
    }
}

fn text(schema: &Value) -> Value {
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    match schema["format"].as_str() {
        Some("uuid") => json!("019a9f00-0000-7000-8000-000000000001"),
        Some("email") => json!("someone@example.com"),
        Some("date-time") => json!("2099-01-01T00:00:00.000Z"),
        _ if schema["pattern"]
            .as_str()
            .is_some_and(|pattern| pattern.starts_with("^[A-Z]")) =>
        {
            json!("ALLOW")
        }
        _ => json!("some-text"),
    }
}
