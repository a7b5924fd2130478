//! What the description says of all operations alike, and no handler should have to say for itself: which bodies may be
//! absent, and where the id of what was made can be used.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::{
    OpenApi, PathItem, RefOr, Required, Schema,
    link::{Link, LinkBuilder},
    path::Operation,
};

/// Where the id of what an operation makes stands in its answer, other than under `POST {path}` and in `id`: operation,
/// status, the operation that takes it, and the place.
const ELSEWHERE: [(&str, &str, &str, &str); 2] = [
    ("ping_task", "202", "get_task", "$response.body#/id"),
    ("record_events", "202", "get_event", "$response.body#/events/0/event_id"),
];

/// Completes the description of the whole.
pub(crate) fn refine(description: &mut OpenApi) {
    let schemas = description
        .components
        .as_ref()
        .map(|components| components.schemas.clone())
        .unwrap_or_default();
    let named: Vec<(String, String)> = description
        .paths
        .paths
        .iter_mut()
        .flat_map(|(path, item)| {
            let ids: Vec<_> = operations(item)
                .filter_map(|operation| operation.operation_id.clone())
                .collect();
            ids.into_iter().map(|id| (path.clone(), id))
        })
        .collect();
    for (path, item) in &mut description.paths.paths {
        if let Some(made) = &mut item.post {
            let below = format!("{path}/{{id}}");
            for (_, id) in named.iter().filter(|(other, _)| other.starts_with(&below)) {
                link(made, "201", id, by_id(id, "$response.body#/id"));
            }
        }
        for operation in operations(item) {
            allow_absent_body(operation, &schemas);
            let own = operation.operation_id.clone().unwrap_or_default();
            for (_, status, target, place) in ELSEWHERE.iter().filter(|(from, ..)| *from == own) {
                link(operation, status, target, by_id(target, place));
            }
            if own == "create_approval" {
                let body = Some(json!({ "token": "$response.body#/token" }));
                let check = LinkBuilder::new()
                    .operation_id("check_approval")
                    .request_body(body)
                    .build();
                link(operation, "201", "check_approval", check);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn by_id(operation: &str, place: &str) -> Link {
    LinkBuilder::new()
        .operation_id(operation)
        .parameter("id", place)
        .build()
}

fn link(operation: &mut Operation, status: &str, name: &str, link: Link) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
        response.links.insert(name.to_owned(), RefOr::T(link));
    }
}

/// Where no field is required, an absent body is `{}`.
fn allow_absent_body(operation: &mut Operation, schemas: &BTreeMap<String, RefOr<Schema>>) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    let schema = body.content.get("application/json").and_then(|content| match content {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    });
    let schema = match schema {
        Some(RefOr::Ref(to)) => to.ref_location.rsplit('/').next().and_then(|name| schemas.get(name)),
        own => own,
    };
    if matches!(schema, Some(RefOr::T(Schema::Object(object))) if object.required.is_empty()) {
        body.required = Some(Required::False);
    }
}
