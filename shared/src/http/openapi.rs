//! The error answers every operation shares, for the API description.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, ToSchema as _,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

use super::ErrorBody;

/// What a route without a body may answer besides its success: 400, 401, 403, 404, 500, 503.
pub struct ReadErrors;

/// What a route with a body may answer besides its success: the same, and 409, 413, 415.
pub struct WriteErrors;

/// What a route without credentials may answer besides its success: 400, 500, 503.
pub struct PublicErrors;

fn errors(statuses: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    statuses
        .iter()
        .map(|(status, description)| {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name(ErrorBody::name())))
                .build();
            let response = ResponseBuilder::new()
                .description(*description)
                .content("application/json", content)
                .build();
            ((*status).to_owned(), RefOr::T(response))
        })
        .collect()
}

const READ: [(&str, &str); 6] = [
    (
        "400",
        "`MISSING_TENANT_ID`, `INVALID_TENANT_ID`, `VALIDATION_ERROR`, `INVALID_CURSOR`",
    ),
    ("401", "`UNAUTHORIZED`"),
    ("403", "`FORBIDDEN`, `SELF_APPROVAL`, `NOT_ELIGIBLE`"),
    ("404", "`NOT_FOUND`"),
    ("500", "`INTERNAL_ERROR`"),
    ("503", "`UNAVAILABLE`, with `Retry-After`"),
];

impl IntoResponses for ReadErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&READ)
    }
}

impl IntoResponses for WriteErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = errors(&READ);
        all.extend(errors(&[
            ("409", "A conflict with the state of the object; the code says which"),
            ("413", "`PAYLOAD_TOO_LARGE`: the body is over 1 MiB"),
            ("415", "`UNSUPPORTED_MEDIA_TYPE`: the body is not JSON in UTF-8"),
        ]));
        all
    }
}

impl IntoResponses for PublicErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        errors(&[
            ("400", "`VALIDATION_ERROR`"),
            ("500", "`INTERNAL_ERROR`"),
            ("503", "`UNAVAILABLE`, with `Retry-After`"),
        ])
    }
}
