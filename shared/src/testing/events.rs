//! Events that are not JSON, or that no reader of JSON can decode.

use serde_json::Value;

/// How deep `serde_json` follows a value.
const LEVELS: usize = 127;

/// What to call it, and the event: `sound`, an event with a body, spoilt in one place, and what is no event at all.
#[must_use]
pub fn undecodable_events(sound: &Value) -> Vec<(&'static str, Vec<u8>)> {
    const MARK: &str = "\"THE PLACE\"";
    let with = |pointer: &str, raw: &[u8]| {
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        let mut event = sound.clone();
        event.pointer_mut(parent).expect("a parent")[name] = MARK.trim_matches('"').into();
        let text = event.to_string();
        let (before, after) = text.split_once(MARK).expect("it stands there once");
        [before.as_bytes(), raw, after.as_bytes()].concat()
    };
    let nested = |levels: usize| ["[".repeat(levels), "]".repeat(levels)].concat().into_bytes();
    let whole = sound.to_string();
    vec![
        (
            "half of a surrogate pair in a header",
            with("/headers/x-note", br#""\ud800""#),
        ),
        (
            "half of a surrogate pair in the body",
            with("/body", br#""{\"reason\":\"\udc00\"}""#),
        ),
        ("0xff in a header", with("/headers/x-note", b"\"\xff\"")),
        ("0xff in the body", with("/body", b"\"\xff\"")),
        ("0xff in the path", with("/rawPath", b"\"/\xff\"")),
        ("200 levels", with("/body", &nested(200))),
        ("as many levels as make it too deep", nested(LEVELS + 1)),
        ("100,000 levels that do not end", "[".repeat(100_000).into_bytes()),
        ("a number beyond a double", with("/requestContext/timeEpoch", b"1e400")),
        ("a control character in a text", with("/headers/x-note", b"\"\n\"")),
        ("no JSON", b"GET /health HTTP/1.1\r\n\r\n".to_vec()),
        ("half of an event", whole.as_bytes()[..whole.len() / 2].to_vec()),
        (
            "an event and a half",
            [&whole, &whole[..whole.len() / 2]].concat().into_bytes(),
        ),
        ("0xff", vec![0xff]),
        ("a byte order mark", [b"\xef\xbb\xbf", whole.as_bytes()].concat()),
        ("UTF-16", whole.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("an empty payload", Vec::new()),
        ("a space", b" ".to_vec()),
    ]
}
