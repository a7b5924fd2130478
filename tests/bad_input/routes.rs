//! The routes as the description has them, so that a new route or field is tested without anybody thinking of it.

use serde_json::Value;
use system_tests::description;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Public,
    Operator,
    Tenant,
}

/// A parameter of a path or a query.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) schema: Value,
}

/// One operation of the description.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) access: Access,
    pub(crate) query: Vec<Parameter>,
    pub(crate) in_path: Option<Parameter>,
    /// Names of header parameters, in lower case.
    pub(crate) headers: Vec<String>,
    /// The schema of its body, without references.
    pub(crate) body: Option<Value>,
}

impl Route {
    /// `POST /api/v1/users`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with `id` in it.
    pub(crate) fn at(&self, id: &str) -> String {
        self.path.replace("{id}", id)
    }

    /// Whether its path names an object by UUID.
    pub(crate) fn takes_uuid(&self) -> bool {
        self.in_path
            .as_ref()
            .is_some_and(|parameter| parameter.schema["format"] == "uuid")
    }
}

/// Every operation there is.
pub(crate) fn routes() -> Vec<Route> {
    let description = serde_json::to_value(description()).expect("a description has a JSON form");
    let mut routes = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            routes.push(route(&description, path, method, operation));
        }
    }
    assert!(routes.len() >= 30, "{} routes", routes.len());
    routes
}

fn route(description: &Value, path: &str, method: &str, operation: &Value) -> Route {
    let credentials = operation["security"][0].as_object().cloned().unwrap_or_default();
    let access = match (
        credentials.contains_key("api_key"),
        credentials.contains_key("tenant_id"),
    ) {
        (false, _) => Access::Public,
        (true, false) => Access::Operator,
        (true, true) => Access::Tenant,
    };
    let parameters = |place: &str| -> Vec<Parameter> {
        operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == place)
            .map(|parameter| Parameter {
                name: parameter["name"].as_str().expect("a name").to_owned(),
                schema: resolved(description, &parameter["schema"]),
            })
            .collect()
    };
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    Route {
        method: method.to_uppercase(),
        path: path.to_owned(),
        access,
        query: parameters("query"),
        in_path: parameters("path").pop(),
        headers: parameters("header")
            .into_iter()
            .map(|parameter| parameter.name.to_lowercase())
            .collect(),
        body: (!body.is_null()).then(|| resolved(description, body)),
    }
}

/// The schema with what it refers to in the place of each reference.
fn resolved(description: &Value, schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').expect("a local reference");
                return resolved(description, description.pointer(pointer).expect("what is referred to"));
            }
            map.iter()
                .map(|(key, value)| (key.clone(), resolved(description, value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(|item| resolved(description, item)).collect(),
        other => other.clone(),
    }
}
