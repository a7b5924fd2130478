//! The headers of answers, which the frame adds to every route and the routes' own descriptions need not repeat.
//!
//! Each is described twice, as always there and as there at times, since one status may be answered before the credential
//! is known and after: only an answer to somebody known has a rate limit to tell.

use utoipa::openapi::{
    Header, HeaderBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, Type,
    path::{Operation, Parameter, PathItem},
};

/// Name and meaning.
type Known = (&'static str, &'static str);

const REQUEST_ID: Known = (
    "X-Request-Id",
    "The request's id: the caller's own if it sent one of 1 to 128 visible ASCII characters, else a new one",
);
const REPLAYED: Known = (
    "Idempotency-Replayed",
    "`true` when this is the answer of an earlier request with the same `Idempotency-Key`",
);
const RATE_LIMIT: Known = (
    "RateLimit",
    "What is left: `\"default\";r=<requests>;t=<seconds until all are back>`",
);
const RATE_LIMIT_POLICY: Known = (
    "RateLimit-Policy",
    "The rule: `\"default\";q=<requests at once>;w=<seconds in which they grow back>`",
);
const RETRY_AFTER: Known = ("Retry-After", "Seconds until it is worth trying again");
const AUTHENTICATE: Known = ("WWW-Authenticate", "The scheme, `Bearer` (RFC 9110, section 15.5.2)");

const ALL: [Known; 6] = [
    REQUEST_ID,
    REPLAYED,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    RETRY_AFTER,
    AUTHENTICATE,
];

/// On which of a status's answers a header is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    AtTimes,
}

/// Adds the headers to the answers that have them.
pub(super) fn describe(description: &mut OpenApi) {
    let components = description.components.get_or_insert_default();
    for known in ALL {
        for when in [When::Always, When::AtTimes] {
            components
                .headers
                .insert(component(known, when), RefOr::T(header(known, when)));
        }
    }
    for operation in description.paths.paths.values_mut().flat_map(operations) {
        let authenticated = asks_for_a_credential(operation);
        let idempotent = operation
            .parameters
            .as_ref()
            .is_some_and(|parameters| parameters.iter().any(is_idempotency_key));
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            for (known, when) in headers_of(status, authenticated, idempotent) {
                let reference = Ref::new(format!("#/components/headers/{}", component(known, when)));
                response.headers.insert(known.0.to_owned(), RefOr::Ref(reference));
            }
        }
    }
    let used = used(description);
    let components = description.components.get_or_insert_default();
    components.headers.retain(|name, _| used.contains(name));
}

fn headers_of(status: &str, authenticated: bool, idempotent: bool) -> Vec<(Known, When)> {
    let mut headers = vec![(REQUEST_ID, When::Always)];
    if idempotent && status.starts_with('2') {
        headers.push((REPLAYED, When::AtTimes));
    }
    let limited = match status {
        "401" => None,
        // A malformed tenant header, too many wrong secrets, and trouble come before the credential is known as well.
        "400" | "429" | "500" | "503" => Some(When::AtTimes),
        _ => Some(When::Always),
    };
    if let Some(when) = limited.filter(|_| authenticated) {
        headers.extend([(RATE_LIMIT, when), (RATE_LIMIT_POLICY, when)]);
    }
    let retry = match status {
        "429" | "503" => Some(When::Always),
        // While the first request with the same key is in flight.
        "409" if idempotent => Some(When::AtTimes),
        _ => None,
    };
    headers.extend(retry.map(|when| (RETRY_AFTER, when)));
    if status == "401" {
        headers.push((AUTHENTICATE, When::Always));
    }
    headers
}

/// Whether the operation is not public, which is written as one requirement of nothing.
fn asks_for_a_credential(operation: &Operation) -> bool {
    let requirements = serde_json::to_value(&operation.security).unwrap_or_default();
    requirements
        .as_array()
        .into_iter()
        .flatten()
        .any(|requirement| requirement.get("api_key").is_some())
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

fn responses(description: &OpenApi) -> impl Iterator<Item = &Response> {
    let operations = description.paths.paths.values().flat_map(|item| {
        [&item.get, &item.put, &item.post, &item.delete, &item.patch]
            .into_iter()
            .filter_map(Option::as_ref)
    });
    operations
        .flat_map(|operation| operation.responses.responses.values())
        .filter_map(|response| match response {
            RefOr::T(response) => Some(response),
            RefOr::Ref(_) => None,
        })
}

/// The names of the components that are referred to.
fn used(description: &OpenApi) -> Vec<String> {
    responses(description)
        .flat_map(|response| response.headers.values())
        .filter_map(|header| match header {
            RefOr::Ref(to) => to.ref_location.rsplit('/').next().map(str::to_owned),
            RefOr::T(_) => None,
        })
        .collect()
}

fn component((name, _): Known, when: When) -> String {
    match when {
        When::Always => name.to_owned(),
        When::AtTimes => format!("{name}.optional"),
    }
}

fn header((_, meaning): Known, when: When) -> Header {
    let mut header = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(meaning))
        .build();
    if when == When::Always {
        // The crate's header has no field for this one, but writes extensions beside its own fields.
        header.extensions = Some([("required", true)].into_iter().collect());
    }
    header
}
