//! `GET /api/v1/docs`: a page that renders the description, from this server alone.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use shared::http::{NoQuery, PublicErrors};

const PAGE: &str = include_str!("docs.html");

/// Shows the API to a reader.
#[utoipa::path(
    get,
    path = "/api/v1/docs",
    operation_id = "get_docs",
    tag = "tenant",
    responses(
        (
            status = 200,
            body = String,
            content_type = "text/html",
            description = "The page",
            headers(
                ("Content-Security-Policy" = String, description = "Lets the page run only what stands in it"),
                ("Referrer-Policy" = String, description = "`no-referrer`"),
            )
        ),
        PublicErrors
    ),
    security(())
)]
pub(crate) async fn get_docs(_: NoQuery) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, content_security_policy(PAGE)),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, PAGE).into_response()
}

/// A policy (CSP Level 3) that runs and applies exactly what stands in the page, named by its hash, and lets it fetch from
/// nowhere but here.
fn content_security_policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hashes(page, "<script>", "</script>"),
        hashes(page, "<style>", "</style>"),
    )
}

/// The hash of everything between each pair of these marks.
fn hashes(page: &str, start: &str, end: &str) -> String {
    let sources: Vec<String> = page
        .split(start)
        .skip(1)
        .filter_map(|rest| rest.split_once(end))
        .map(|(content, _)| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(content))))
        .collect();
    sources.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_inline_is_named_by_its_hash() {
        // printf 'abc' | openssl dgst -sha256 -binary | base64
        let abc = "'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='";
        assert_eq!(
            hashes("<p><script>abc</script><script>abc</script>", "<script>", "</script>"),
            format!("{abc} {abc}")
        );
        let policy = content_security_policy(PAGE);
        assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        assert_eq!(PAGE.matches("<script").count(), PAGE.matches("<script>").count());
        assert_eq!(PAGE.matches("<style").count(), PAGE.matches("<style>").count());
        for forbidden in [
            " src=",
            "style=\"",
            " onclick",
            " onload",
            "innerHTML",
            "http://",
            "https://",
        ] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
    }
}
