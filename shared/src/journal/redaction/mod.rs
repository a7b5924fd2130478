//! Takes secrets out of tool arguments before anything of them is kept or shown. Pure.
//!
//! Two kinds of rules: names of keys ([`keys`]) hide a whole value, patterns ([`rules`], [`cards`]) hide a match inside a
//! text. Where a rule is in doubt it hides: what is lost is a piece of a display, and the salted hash still covers the
//! raw arguments. Flags name the rule and nothing of the data, because they stand in the audit entry forever.

mod cards;
mod embedded;
mod keys;
mod rules;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, ops::Range};

use serde_json::{Map, Value};

use embedded::Embedded;

/// What stands for a value whose key says that it is secret.
const REDACTED: &str = "[REDACTED]";
/// How every replacement begins.
const MARKER_START: &str = "[REDACTED";
/// Deeper structures than this are hidden whole; the HTTP boundary refuses nesting over 64.
const MAX_DEPTH: usize = 128;
/// JSON inside a string inside JSON, and so on: each level doubles its escapes, so honest callers stay far below.
const MAX_EMBEDDED: usize = 6;
/// Replacing a match can only uncover another right beside it; text that goes on like that was made to.
const MAX_ROUNDS: usize = 8;

/// Arguments that may be stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sanitized {
    /// The arguments with every recognised secret replaced by `[REDACTED]` or `[REDACTED:<rule>]`.
    pub arguments: Map<String, Value>,
    /// Which rules changed something, sorted and unique: `key:<word>` or `rule:<rule>`.
    pub flags: Vec<String>,
}

/// Takes the secrets out of arguments. Sanitizing a result again changes nothing.
#[must_use]
pub fn sanitize(arguments: &Map<String, Value>) -> Sanitized {
    let mut redactor = Redactor::default();
    let arguments = redactor.object(arguments, Level::default());
    Sanitized {
        arguments,
        flags: redactor.flags.into_iter().collect(),
    }
}

#[derive(Clone, Copy, Default)]
struct Level {
    depth: usize,
    embedded: usize,
}

impl Level {
    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

#[derive(Default)]
struct Redactor {
    flags: BTreeSet<String>,
}

impl Redactor {
    fn by_key(&mut self, word: &str) -> Value {
        self.flags.insert(format!("key:{word}"));
        Value::String(REDACTED.to_owned())
    }

    fn by_rule(&mut self, rule: &str) -> String {
        self.flags.insert(format!("rule:{rule}"));
        format!("[REDACTED:{rule}]")
    }

    fn value(&mut self, value: &Value, level: Level) -> Value {
        if level.depth > MAX_DEPTH {
            return Value::String(self.by_rule("too-deep"));
        }
        match value {
            Value::Object(map) => Value::Object(self.object(map, level)),
            Value::Array(items) => Value::Array(self.array(items, level)),
            Value::String(text) => Value::String(self.string(text, level)),
            // Digits after a decimal point are a fraction and no card.
            Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => {
                if cards::spans(&number.to_string()).is_empty() {
                    value.clone()
                } else {
                    Value::String(self.by_rule(cards::NAME))
                }
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
        }
    }

    fn object(&mut self, map: &Map<String, Value>, level: Level) -> Map<String, Value> {
        // `{"name": "DB_PASSWORD", "value": "…"}`: headers and environment variables are often listed like this.
        let named = ["name", "key", "header"]
            .iter()
            .find_map(|field| map.get(*field).and_then(Value::as_str))
            .and_then(|name| keys::sensitive_word(&self.text(name)));
        let mut sanitized = Map::new();
        for (key, value) in map {
            // What is asked about is the name without any secret in it, so that asking again gives the same answer.
            let key = self.text(key);
            let word = keys::sensitive_word(&key).or_else(|| named.filter(|_| key == "value"));
            let value = match word {
                Some(word) if can_hold_a_secret(value) => self.by_key(word),
                _ => self.value(value, level.deeper()),
            };
            sanitized.insert(unused_key(key, &sanitized), value);
        }
        sanitized
    }

    fn array(&mut self, items: &[Value], level: Level) -> Vec<Value> {
        // `["--password", "…"]`: the arguments of a command.
        let mut option = None;
        items
            .iter()
            .map(|item| match option.take() {
                Some(word) if can_hold_a_secret(item) => self.by_key(word),
                _ => {
                    let item = self.value(item, level.deeper());
                    option = item
                        .as_str()
                        .filter(|text| text.starts_with('-'))
                        .and_then(keys::sensitive_word);
                    item
                }
            })
            .collect()
    }

    fn string(&mut self, text: &str, level: Level) -> String {
        if !text.trim_start().starts_with(['{', '[']) {
            return self.text(text);
        }
        match Embedded::parse(text) {
            Embedded::Text => self.text(text),
            Embedded::Ambiguous => self.by_rule("ambiguous-json"),
            Embedded::Json(_) if level.embedded >= MAX_EMBEDDED => self.by_rule("too-deep"),
            Embedded::Json(inner) => {
                let sanitized = self.value(
                    &inner,
                    Level {
                        embedded: level.embedded + 1,
                        ..level.deeper()
                    },
                );
                // Re-serialized only if it must be: the caller's own spelling is worth showing.
                if sanitized == inner {
                    text.to_owned()
                } else {
                    sanitized.to_string()
                }
            }
        }
    }

    /// Applies the patterns until nothing matches any more.
    fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..MAX_ROUNDS {
            let mut changed = false;
            for rule in rules::all() {
                let spans = rule.spans(&text);
                if !spans.is_empty() {
                    let marker = self.by_rule(rule.name);
                    text = replace(&text, &spans, &marker);
                    changed = true;
                }
            }
            if !changed {
                return text;
            }
        }
        self.by_rule("too-entangled")
    }
}

/// The key, numbered if it became equal to another one.
fn unused_key(key: String, taken: &Map<String, Value>) -> String {
    if !taken.contains_key(&key) {
        return key;
    }
    (2..=taken.len() + 1)
        .map(|number| format!("{key}#{number}"))
        .find(|numbered| !taken.contains_key(numbered))
        .unwrap_or(key)
}

fn replace(text: &str, spans: &[Range<usize>], marker: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        replaced.push_str(&text[from..span.start]);
        replaced.push_str(marker);
        from = span.end;
    }
    replaced.push_str(&text[from..]);
    replaced
}

fn can_hold_a_secret(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(_))
}
