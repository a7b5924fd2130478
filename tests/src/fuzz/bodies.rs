//! What a client sends in bodies: strict JSON, and the secrets that must not stay in it.

use serde_json::{Map, Value, json};
use shared::{
    http::parse_strict,
    journal::redaction::{sanitize, sanitize_text},
};

/// What is accepted means the same to every parser: no member twice, no NUL, no integer that a double cannot hold, at most
/// 64 levels; and it survives being written and read again.
pub(super) fn strict_json(data: &[u8]) {
    let Ok(value) = parse_strict(data) else { return };
    match serde_json::from_slice::<Value>(data) {
        Ok(usual) => assert_eq!(usual, value, "read differently from serde_json"),
        Err(error) => panic!("accepted what serde_json refuses: {error}"),
    }
    let written = value.to_string();
    assert!(
        matches!(parse_strict(written.as_bytes()), Ok(again) if again == value),
        "{written} is not what was read"
    );
    let mut seen = Seen::default();
    seen.walk(&value, 0);
    assert!(seen.deepest <= 64, "{} levels", seen.deepest);
    assert_eq!(colons(data), seen.members, "a member was lost");
}

#[derive(Default)]
struct Seen {
    members: usize,
    deepest: usize,
}

impl Seen {
    fn walk(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) => assert!(!text.contains('\0'), "NUL in a text"),
            Value::Number(number) => {
                let double = number.as_f64().unwrap_or(f64::INFINITY);
                assert!(double.abs() <= 9_007_199_254_740_991.0, "{number}");
            }
            Value::Array(items) => {
                self.deepest = self.deepest.max(depth + 1);
                for item in items {
                    self.walk(item, depth + 1);
                }
            }
            Value::Object(members) => {
                self.deepest = self.deepest.max(depth + 1);
                self.members += members.len();
                for (name, value) in members {
                    assert!(!name.contains('\0'), "NUL in a name");
                    self.walk(value, depth + 1);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// The colons of a JSON text that stand outside of strings: one for each member.
fn colons(data: &[u8]) -> usize {
    let (mut count, mut inside, mut escaped) = (0, false, false);
    for byte in data {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b':' if !inside => count += 1,
            _ => {}
        }
    }
    count
}

/// Sanitizing again changes nothing, and what stands under the name of a secret is gone, whatever stands beside it.
pub(super) fn redaction(data: &[u8]) {
    if let Ok(Value::Object(arguments)) = parse_strict(data) {
        is_stable(&arguments);
        let mut planted = arguments;
        planted.insert("password".to_owned(), json!("correct horse battery staple"));
        let shown = Value::Object(sanitize(&planted).arguments).to_string();
        assert!(!shown.contains("battery staple"), "{shown}");
    }
    let text = String::from_utf8_lossy(data);
    let once = sanitize_text(&text);
    let twice = sanitize_text(&once.text);
    assert_eq!(twice.text, once.text, "sanitizing a text again changes it");

    let mut arguments = Map::new();
    arguments.insert("note".to_owned(), json!(text));
    arguments.insert(
        "list".to_owned(),
        json!(["--token", text, { "name": "api_key", "value": text }]),
    );
    arguments.insert(text.to_string(), json!({ "client_secret": text }));
    is_stable(&arguments);
    let sanitized = sanitize(&arguments).arguments;
    assert_eq!(sanitized["list"][2]["value"], "[REDACTED]", "{sanitized:?}");
}

fn is_stable(arguments: &Map<String, Value>) {
    let once = sanitize(arguments).arguments;
    let twice = sanitize(&once).arguments;
    assert_eq!(twice, once, "sanitizing again changes something");
}
