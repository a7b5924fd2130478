//! Takes secrets out of tool arguments before anything of them is kept or shown. Pure.
//!
//! Two kinds of rules: names of keys ([`keys`]) hide a whole value, patterns ([`rules`], [`cards`], [`assignments`],
//! [`encoded`]) hide a match inside a text. Where a rule is in doubt it hides: what is lost is a piece of a display, and the
//! salted hash still covers the raw arguments. Flags name the rule and nothing of the data, because they stand in the audit
//! entry forever.

mod assignments;
mod cards;
mod embedded;
mod encoded;
#[cfg(test)]
mod examples;
mod keys;
mod rules;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use serde_json::{Map, Value};

use embedded::Embedded;

/// What stands for a value whose key says that it is secret.
const REDACTED: &str = "[REDACTED]";
/// How every replacement begins.
const MARKER_START: &str = "[REDACTED";
/// Fields of an object that name what another field of it holds, in any case of letters.
const NAME_FIELDS: &[&str] = &["name", "key", "header", "field", "variable", "parameterKey"];
/// Fields that hold what is named.
const VALUE_FIELDS: &[&str] = &["value", "values", "parameterValue"];
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

/// A text that may be stored and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanitizedText {
    /// The text with every recognised secret replaced by `[REDACTED:<rule>]`.
    pub text: String,
    /// Which rules changed something, sorted and unique: `rule:<rule>`, and `key:<word>` where the text is JSON.
    pub flags: Vec<String>,
}

/// Takes the secrets out of what a person or an agent wrote: a reason, a note. The text is treated like a string among
/// arguments. Sanitizing a result again changes nothing.
#[must_use]
pub fn sanitize_text(text: &str) -> SanitizedText {
    let mut redactor = Redactor::default();
    let text = redactor.string(text, Level::default());
    SanitizedText {
        text,
        flags: redactor.flags.into_iter().collect(),
    }
}

/// The kind of the credential that the text holds, if it holds one that its form betrays: an API key, a token, a URL with
/// a password. For texts that name something, such as a request id: nothing can be taken out of a name, so one with a
/// credential in it is refused. Names of keys do not count here, because `token:refresh` is a fine name for a tool.
#[must_use]
pub fn credential(text: &str) -> Option<&'static str> {
    rules::by_form()
        .find(|rule| !rule.spans(text).is_empty())
        .map(|rule| rule.name)
}

/// The text with `mask` in the place of every credential that its form betrays.
#[must_use]
pub(crate) fn mask_credentials<'a>(text: &'a str, mask: &str) -> Cow<'a, str> {
    let mut masked = Cow::Borrowed(text);
    for rule in rules::by_form() {
        let spans = rule.spans(&masked);
        if !spans.is_empty() {
            masked = Cow::Owned(replace(&masked, &spans, mask));
        }
    }
    masked
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
        // `{"name": "DB_PASSWORD", "value": "…"}`: headers and environment variables are often listed like this. Any of
        // the fields may hold the name, and what is asked about is what is left of it, as for keys.
        let (names, others): (Vec<_>, Vec<_>) = map
            .iter()
            .partition(|(key, value)| is_one_of(key, NAME_FIELDS) && value.is_string());
        let mut sanitized = Map::new();
        let mut sensitive = None;
        for (key, name) in names {
            let name = self.value(name, level.deeper());
            sensitive = sensitive.or_else(|| name.as_str().and_then(keys::sensitive_word));
            sanitized.insert(key.clone(), name);
        }
        let mut numbers = HashMap::new();
        for (key, value) in others {
            // What is asked about is the name without any secret in it, so that asking again gives the same answer.
            let key = self.text(key);
            let word = keys::sensitive_word(&key).or_else(|| sensitive.filter(|_| is_one_of(&key, VALUE_FIELDS)));
            let value = match word {
                Some(word) if can_hold_a_secret(value) => self.by_key(word),
                _ => self.value(value, level.deeper()),
            };
            sanitized.insert(unused_key(key, &sanitized, &mut numbers), value);
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
                        .filter(|text| text.starts_with('-') && !text.contains('='))
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
            Embedded::Text => {
                // Without a secret that could not stand in JSON, such as a key with its line breaks, it may be JSON.
                let sanitized = self.text(text);
                if sanitized == text {
                    sanitized
                } else {
                    self.string(&sanitized, level)
                }
            }
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

/// The key, numbered if it became equal to another one. `next` remembers the number each key has come to, since counting
/// from the start every time would take as many steps as there are pairs of keys.
fn unused_key(key: String, taken: &Map<String, Value>, next: &mut HashMap<String, usize>) -> String {
    if !taken.contains_key(&key) {
        return key;
    }
    let number = next.entry(key.clone()).or_insert(2);
    loop {
        let numbered = format!("{key}#{number}");
        *number += 1;
        if !taken.contains_key(&numbered) {
            return numbered;
        }
    }
}

fn is_one_of(key: &str, fields: &[&str]) -> bool {
    fields.iter().any(|field| field.eq_ignore_ascii_case(key))
}

/// The replacement that was put at the beginning of the text before.
fn leading_marker(text: &str) -> Option<&str> {
    let rule = text.strip_prefix(MARKER_START)?;
    let length = rule
        .bytes()
        .take_while(|byte| matches!(byte, b':' | b'-' | b'a'..=b'z'))
        .count();
    rule[length..]
        .starts_with(']')
        .then(|| &text[..=MARKER_START.len() + length])
}

/// Whether the text is a replacement that was put here before.
fn is_marker(text: &str) -> bool {
    leading_marker(text) == Some(text)
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
