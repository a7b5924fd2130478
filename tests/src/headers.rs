//! The headers of answers, which the frame adds to every route and the routes' own descriptions need not repeat.

use utoipa::openapi::{
    Header, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, Type,
    path::{Operation, Parameter, PathItem},
};

const REPLAYED: (&str, &str) = (
    "Idempotency-Replayed",
    "`true` when this is the answer of an earlier request with the same `Idempotency-Key`",
);
const RATE_LIMIT: (&str, &str) = (
    "RateLimit",
    "What is left: `\"default\";r=<requests>;t=<seconds until all are back>`",
);
const RATE_LIMIT_POLICY: (&str, &str) = (
    "RateLimit-Policy",
    "The rule: `\"default\";q=<requests at once>;w=<seconds in which they grow back>`",
);
const RETRY_AFTER: (&str, &str) = ("Retry-After", "Seconds until it is worth trying again");

/// Adds the headers to the answers that have them.
pub(super) fn describe(description: &mut OpenApi) {
    let components = description.components.get_or_insert_default();
    for (name, meaning) in [REPLAYED, RATE_LIMIT, RATE_LIMIT_POLICY, RETRY_AFTER] {
        components.headers.insert(name.to_owned(), RefOr::T(header(meaning)));
    }
    for operation in description.paths.paths.values_mut().flat_map(operations) {
        let authenticated = operation.security.as_ref().is_some_and(|needed| !needed.is_empty());
        let idempotent = operation
            .parameters
            .as_ref()
            .is_some_and(|parameters| parameters.iter().any(is_idempotency_key));
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            let success = status.starts_with('2');
            if success && idempotent {
                add(response, REPLAYED);
            }
            if authenticated && (success || status == "429") {
                add(response, RATE_LIMIT);
                add(response, RATE_LIMIT_POLICY);
            }
            if status == "429" || status == "503" {
                add(response, RETRY_AFTER);
            }
        }
    }
}

fn is_idempotency_key(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == "Idempotency-Key")
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .filter_map(Option::as_mut)
}

fn add(response: &mut Response, (name, _): (&str, &str)) {
    let header = Ref::new(format!("#/components/headers/{name}"));
    response.headers.insert(name.to_owned(), RefOr::Ref(header));
}

fn header(meaning: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(meaning))
        .build()
}
