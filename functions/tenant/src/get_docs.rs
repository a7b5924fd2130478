//! `GET /api/v1/docs`: a page that renders the description, from this server alone.

use shared::http::{NoQuery, PublicErrors, StaticPage};

const PAGE: StaticPage = StaticPage(include_str!("docs.html"));

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
pub(crate) async fn get_docs(_: NoQuery) -> StaticPage {
    PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        assert_eq!(PAGE.forbidden(), [""; 0]);
        let policy = PAGE.content_security_policy();
        assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
    }
}
