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
    use serde_json::Map;
    use shared::presentation::display_warnings;

    use super::*;

    /// The ranges of the character class in the page's script.
    fn marked() -> Vec<(u32, u32)> {
        let (_, class) = PAGE.0.split_once("const HIDDEN = new RegExp(").expect("the pattern");
        let (class, _) = class.split_once("]|").expect("its end");
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        let mut continues = false;
        for code in class.split("\\\\u").skip(1) {
            let hex: String = code
                .trim_start_matches('{')
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .collect();
            let point = u32::from_str_radix(&hex, 16).expect("a code point");
            match ranges.last_mut() {
                Some((_, last)) if continues => *last = point,
                _ => ranges.push((point, point)),
            }
            let rest = code
                .trim_start_matches('{')
                .trim_start_matches(|c: char| c.is_ascii_hexdigit());
            continues = rest.trim_start_matches('}').starts_with('-');
        }
        ranges
    }

    #[test]
    fn the_page_marks_exactly_the_characters_that_are_warned_of() {
        let marked = marked();
        assert!(marked.len() > 20, "{marked:x?}");
        // The planes that have any.
        for char in ('\0'..='\u{1ffff}').chain('\u{e0000}'..='\u{effff}') {
            let point = u32::from(char);
            let is_marked = marked.iter().any(|(first, last)| (*first..=*last).contains(&point));
            let text = String::from(char);
            let is_warned_of = !display_warnings([text.as_str()], &Map::new()).is_empty();
            assert_eq!(is_marked, is_warned_of, "U+{point:04X}");
        }
    }

    #[test]
    fn the_page_marks_as_many_combining_marks_as_are_warned_of() {
        let (_, rest) = PAGE.0.split_once("|\\\\p{M}{").expect("the pattern of marks");
        let (fewest, _) = rest.split_once(",}\"").expect("its end");
        let fewest: usize = fewest.parse().expect("a number");
        let warned_of = |marks: usize| {
            let text = format!("e{}", "\u{301}".repeat(marks));
            !display_warnings([text.as_str()], &Map::new()).is_empty()
        };
        assert!(warned_of(fewest) && !warned_of(fewest - 1), "{fewest}");
    }

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        assert_eq!(PAGE.forbidden(), [""; 0]);
        let policy = PAGE.content_security_policy();
        assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
    }
}
