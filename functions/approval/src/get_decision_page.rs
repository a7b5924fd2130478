//! `GET /decide/{id}`: the page a decision link leads to. The same for everybody and for every request.
//!
//! It reads nothing and changes nothing, so that whatever follows links unasked (prefetching, previews, scanners of mail)
//! decides nothing. Its script asks for the request with the secret that stands in the link's fragment, which only the browser
//! knows, and sends a decision after a click.

use shared::http::{ApiError, NoQuery, Path, PublicErrors, StaticPage};
use uuid::Uuid;

const PAGE: StaticPage = StaticPage(include_str!("decision_page.html"));

/// Shows a person the request that their link is for, and takes their decision.
#[utoipa::path(
    get,
    path = "/decide/{id}",
    operation_id = "get_decision_page",
    tag = "approval",
    params(("id" = Uuid, Path, description = "The request")),
    responses(
        (
            status = 200,
            body = String,
            content_type = "text/html",
            description = "The page, the same for every id",
            headers(
                ("Content-Security-Policy" = String, description = "Lets the page run only what stands in it"),
                ("Referrer-Policy" = String, description = "`no-referrer`"),
            )
        ),
        PublicErrors
    ),
    security(())
)]
pub(crate) async fn get_decision_page(_: NoQuery, Path(_): Path<Uuid>) -> Result<StaticPage, ApiError> {
    Ok(PAGE)
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
