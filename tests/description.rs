//! One product, described four times: the routers, `openapi.json`, the local router in `Cargo.toml`, and the gateway in
//! `template.yaml`. They must list the same routes.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::MetadataCommand;
use serde_json::Value;
use system_tests::{description, functions};

fn root() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Path to function, as the routers have it.
fn by_router() -> BTreeMap<String, String> {
    functions()
        .into_iter()
        .flat_map(|(function, routes)| {
            let paths: Vec<String> = routes.into_openapi().paths.paths.into_keys().collect();
            paths.into_iter().map(move |path| (path, function.to_owned()))
        })
        .collect()
}

#[test]
fn openapi_json_is_what_the_code_says() {
    let mut generated = serde_json::to_string_pretty(&description()).expect("a description has a JSON form");
    generated.push('\n');
    let file = root().join("openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &generated).expect("written");
    }
    let committed = std::fs::read_to_string(&file).expect("openapi.json is there");
    assert!(
        committed == generated,
        "openapi.json is stale: UPDATE_OPENAPI=1 cargo test -p system-tests"
    );
}

#[test]
fn every_operation_names_itself_its_credentials_and_its_errors() {
    let description = serde_json::to_value(description()).expect("JSON");
    let mut seen = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let name = format!("{method} {path}");
            let id = operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{name} has no operation id"));
            assert!(seen.insert(id.to_owned()), "{id} names two operations");
            assert!(
                operation["summary"].as_str().is_some_and(|summary| summary.len() > 5),
                "{name} has no summary"
            );
            let public = operation["security"] == serde_json::json!([{}]);
            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{name} never succeeds"
            );
            if !public {
                assert!(
                    operation["security"][0]["api_key"].is_array(),
                    "{name} does not say what credential it takes"
                );
                for status in ["400", "401", "403", "500", "503"] {
                    assert!(responses.contains_key(status), "{name} does not describe {status}");
                }
            }
            let described = path.matches('{').count();
            let parameters = operation["parameters"].as_array().map_or(0, |parameters| {
                parameters.iter().filter(|parameter| parameter["in"] == "path").count()
            });
            assert_eq!(parameters, described, "{name} describes its path parameters");
        }
    }
}

#[test]
fn the_local_router_serves_the_same_routes() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
        .exec()
        .expect("cargo metadata");
    let local = metadata.workspace_metadata["lambda"]["watch"]["router"]
        .as_object()
        .expect("the router's table");
    let mut local: BTreeMap<String, String> = local
        .iter()
        .map(|(path, function)| (path.clone(), function.as_str().expect("a name").to_owned()))
        .collect();
    // What belongs to no route goes to a function too, so that its 404 is ours.
    assert_eq!(local.remove("/").as_deref(), Some("tenant"));
    assert_eq!(local.remove("/{*rest}").as_deref(), Some("tenant"));
    assert_eq!(local, by_router());
}

#[test]
fn the_gateway_serves_the_same_routes() {
    let mut gateway = template_routes(&std::fs::read_to_string(root().join("template.yaml")).expect("the template"));
    assert_eq!(gateway.remove("$default").as_deref(), Some("tenant"));
    assert_eq!(gateway.remove("/").as_deref(), Some("tenant"));
    assert_eq!(gateway, by_router());
}

/// The routes of a SAM template. Not a YAML parser: it knows how this one file writes an event of the gateway, and takes
/// only those that pass every method on, since the functions answer a wrong one themselves.
fn template_routes(template: &str) -> BTreeMap<String, String> {
    let mut routes = BTreeMap::new();
    let mut function = String::new();
    for line in template.lines() {
        if let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) {
            function = name.trim_end_matches("Function:").to_lowercase();
        }
        let Some(event) = line.trim().strip_prefix("Properties: {ApiId: !Ref Api") else {
            continue;
        };
        let route = event.trim_end_matches('}').trim_start_matches(", ");
        match route
            .strip_prefix("Path: ")
            .and_then(|route| route.strip_suffix(", Method: ANY"))
        {
            Some(path) => routes.insert(path.trim_matches('"').to_owned(), function.clone()),
            None if route.is_empty() => routes.insert("$default".to_owned(), function.clone()),
            None => panic!("a route that does not pass every method on: {line}"),
        };
    }
    routes
}

#[test]
fn every_name_in_the_description_is_known_to_the_contracts_style() {
    fn walk(value: &Value, path: &str, problems: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(properties) = map.get("properties").and_then(Value::as_object) {
                    for name in properties.keys() {
                        let snake = name
                            .chars()
                            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                        // The index's one camel-cased name is the contract's.
                        if !snake && name != "tenantId" {
                            problems.push(format!("{path}: {name}"));
                        }
                    }
                }
                for (key, value) in map {
                    walk(value, &format!("{path}/{key}"), problems);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, problems)),
            _ => {}
        }
    }
    let mut problems = Vec::new();
    walk(&serde_json::to_value(description()).expect("JSON"), "", &mut problems);
    assert!(problems.is_empty(), "{problems:#?}");
}
