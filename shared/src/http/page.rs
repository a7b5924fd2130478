//! A page that carries all it needs, and the policy that lets it do no more.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

/// A self-contained HTML page: scripts and styles stand in it as plain `<script>` and `<style>` elements, and are run and
/// applied because the answer's Content-Security-Policy names them by their hash. It may fetch from its own origin alone,
/// cannot be framed, and tells nobody where its reader came from.
#[derive(Debug, Clone, Copy)]
pub struct StaticPage(pub &'static str);

impl StaticPage {
    /// The policy of the page (CSP Level 3).
    #[must_use]
    pub fn content_security_policy(self) -> String {
        format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            self.hashes("<script>", "</script>"),
            self.hashes("<style>", "</style>"),
        )
    }

    /// What of the page its own policy forbids; empty when it works as it stands.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn forbidden(self) -> Vec<&'static str> {
        let Self(page) = self;
        let with_attributes = ["<script ", "<style ", "<link rel=\"stylesheet"];
        let anywhere = [
            " src=",
            "style=\"",
            " onclick",
            " onload",
            "innerHTML",
            "http://",
            "https://",
        ];
        let found = with_attributes.into_iter().chain(anywhere);
        found.filter(|forbidden| page.contains(forbidden)).collect()
    }

    /// The hash of everything between each pair of these marks.
    fn hashes(self, start: &str, end: &str) -> String {
        let sources: Vec<String> = self
            .0
            .split(start)
            .skip(1)
            .filter_map(|rest| rest.split_once(end))
            .map(|(content, _)| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(content))))
            .collect();
        sources.join(" ")
    }
}

impl IntoResponse for StaticPage {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (header::CONTENT_SECURITY_POLICY, self.content_security_policy()),
            (header::REFERRER_POLICY, "no-referrer".to_owned()),
        ];
        (headers, self.0).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_inline_is_named_by_its_hash() {
        // printf 'abc' | openssl dgst -sha256 -binary | base64
        let abc = "'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='";
        let page = StaticPage("<style>abc</style><p><script>abc</script><script>abc</script>");
        assert_eq!(page.hashes("<script>", "</script>"), format!("{abc} {abc}"));
        let policy = page.content_security_policy();
        assert!(
            policy.contains(&format!("script-src {abc} {abc}; style-src {abc};")) && !policy.contains("unsafe"),
            "{policy}"
        );
    }

    #[test]
    fn what_the_policy_forbids_is_told() {
        assert!(StaticPage("<script>a</script>").forbidden().is_empty());
        let page = StaticPage("<script src=\"https://example.com/a.js\"></script><p onclick=\"a()\">");
        assert_eq!(page.forbidden(), ["<script ", " src=", " onclick", "https://"]);
    }
}
