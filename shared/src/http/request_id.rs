//! The id that ties an answer to its log line.

use axum::http::HeaderMap;
use uuid::Uuid;

/// The caller's `X-Request-Id` if it is 1–128 visible ASCII characters, else a new one.
pub(super) fn choose(headers: &HeaderMap, fresh: impl FnOnce() -> Uuid) -> String {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(|| fresh().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn chosen(id: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_bytes(id).expect("a header value"));
        choose(&headers, Uuid::nil)
    }

    #[test]
    fn only_visible_ascii_of_1_to_128_is_echoed() {
        let fresh = Uuid::nil().to_string();
        assert_eq!(chosen(b"abc-1"), "abc-1");
        assert_eq!(chosen(&[b'x'; 128]), "x".repeat(128));
        assert_eq!(chosen(&[b'x'; 129]), fresh);
        assert_eq!(chosen(b"a b"), fresh);
        assert_eq!(chosen("é".as_bytes()), fresh);
        assert_eq!(chosen(b""), fresh);
    }
}
