//! The routes as the description lists them, so that a test over all of them cannot forget a new one, nor a new field.
#![expect(
    clippy::missing_panics_doc,
    reason = "a description that cannot be read has failed the test"
)]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{description, functions};

/// Who may ask on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// The operator, and perhaps an admin in its own tenant.
    Operator,
    /// Who holds a tenant's key.
    Tenant,
}

/// A parameter of a path or a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it may be, without references.
    pub schema: Value,
}

/// One method on one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The operation's id.
    pub id: String,
    /// The function that serves it.
    pub function: &'static str,
    /// In capitals.
    pub method: &'static str,
    /// With `{id}` where an id stands.
    pub path: String,
    /// Who may ask.
    pub access: Access,
    /// The parameters of its query.
    pub query: Vec<Parameter>,
    /// The parameter of its path.
    pub in_path: Option<Parameter>,
    /// Names of header parameters, in lower case.
    pub headers: Vec<String>,
    /// The schema of its body, without references.
    pub body: Option<Value>,
    /// Of each status that it answers: the names of the answer's headers, in lower case, and whether each is always there.
    pub answers: BTreeMap<u16, BTreeMap<String, bool>>,
}

impl Route {
    /// `POST /api/v1/users`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with `id` in it.
    #[must_use]
    pub fn at(&self, id: &str) -> String {
        self.path.replace("{id}", id)
    }

    /// Whether its path names an object by UUID.
    #[must_use]
    pub fn takes_uuid(&self) -> bool {
        self.in_path
            .as_ref()
            .is_some_and(|parameter| parameter.schema["format"] == "uuid")
    }

    /// Whether it takes an `Idempotency-Key`.
    #[must_use]
    pub fn takes_idempotency_key(&self) -> bool {
        self.headers.iter().any(|name| name == "idempotency-key")
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.method == "GET"
    }
}

/// All of them.
#[must_use]
pub fn routes() -> Vec<Route> {
    let description = serde_json::to_value(description()).expect("a description has a JSON form");
    let mut by_path: BTreeMap<String, &'static str> = BTreeMap::new();
    for (function, routes) in functions() {
        let paths = routes.into_openapi().paths.paths.into_keys();
        by_path.extend(paths.map(|path| (path, function)));
    }
    let mut routes = Vec::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            routes.push(route(&description, by_path[path], (method, path), operation));
        }
    }
    assert!(routes.len() >= 30, "{} routes", routes.len());
    routes
}

fn route(description: &Value, function: &'static str, (method, path): (&str, &str), operation: &Value) -> Route {
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
        id: operation["operationId"].as_str().expect("an operation id").to_owned(),
        function,
        method: ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .unwrap_or_else(|| panic!("{path}: {method} is no method that tests know how to ask")),
        path: path.to_owned(),
        access: access(operation),
        query: parameters("query"),
        in_path: parameters("path").pop(),
        headers: parameters("header")
            .into_iter()
            .map(|parameter| parameter.name.to_lowercase())
            .collect(),
        body: (!body.is_null()).then(|| resolved(description, body)),
        answers: operation["responses"]
            .as_object()
            .expect("responses")
            .iter()
            .map(|(status, response)| (status.parse().expect("a status"), headers(description, response)))
            .collect(),
    }
}

fn access(operation: &Value) -> Access {
    let credentials = &operation["security"][0];
    match (credentials["api_key"].is_array(), credentials["tenant_id"].is_array()) {
        (false, _) => Access::Public,
        (true, false) => Access::Operator,
        (true, true) => Access::Tenant,
    }
}

fn headers(description: &Value, response: &Value) -> BTreeMap<String, bool> {
    let headers = resolved(description, &response["headers"]);
    headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, header)| (name.to_lowercase(), header["required"] == true))
        .collect()
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
