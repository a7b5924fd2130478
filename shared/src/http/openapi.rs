//! The error answers every operation shares, for the API description.

use std::collections::BTreeMap;

use utoipa::{
    IntoParams, IntoResponses, ToSchema as _,
    openapi::{
        ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use super::ErrorBody;

/// What a route without a body may answer besides its success: 400, 401, 403, 404, 429, 500, 503.
pub struct ReadErrors;

/// What a route with a body may answer besides its success: the same, and 409, 413, 415.
pub struct WriteErrors;

/// What a route that takes an `Idempotency-Key` may answer besides its success: the same, and 422.
pub struct CreateErrors;

/// The header `Idempotency-Key`, as a parameter of an operation.
pub struct IdempotencyKey;

/// What a route without credentials may answer besides its success: 400, 500, 503.
pub struct PublicErrors;

/// What a route without credentials that takes a body, with a capability in it, may answer besides its success: the same, and
/// 403, 404, 409, 413, 415.
pub struct PublicWriteErrors;

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

const READ: [(&str, &str); 7] = [
    (
        "400",
        "`MISSING_TENANT_ID`, `INVALID_TENANT_ID`, `VALIDATION_ERROR`, `INVALID_CURSOR`",
    ),
    ("401", "`UNAUTHORIZED`"),
    ("403", "`FORBIDDEN`, `SELF_APPROVAL`, `NOT_ELIGIBLE`"),
    ("404", "`NOT_FOUND`"),
    ("429", "`RATE_LIMITED`, with `Retry-After`"),
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

impl IntoResponses for CreateErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = WriteErrors::responses();
        all.extend(errors(&[(
            "422",
            "`IDEMPOTENCY_MISMATCH`: the `Idempotency-Key` was used with another body",
        )]));
        all
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[!-~]+$"));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Makes the request take effect once: sent again with the same body within 24 hours, it is answered as the \
                 first time, with `Idempotency-Replayed: true` and without what is shown only once.",
            ))
            .schema(Some(schema));
        vec![parameter.build()]
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

impl IntoResponses for PublicWriteErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut all = WriteErrors::responses();
        all.extend(PublicErrors::responses());
        all.retain(|status, _| !["401", "429"].contains(&status.as_str()));
        all
    }
}
