//! JSON inside a string.
//!
//! A reader of JSON keeps one of two equal keys and we cannot know which one another reader keeps, so such a text is
//! told apart: looking at one value would leave the other unseen.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

const DUPLICATE: &str = "duplicate key";

/// What a string holds.
pub(super) enum Embedded {
    /// No JSON object or array.
    Text,
    /// JSON with equal keys in one object.
    Ambiguous,
    /// JSON that means one thing.
    Json(Value),
}

impl Embedded {
    pub(super) fn parse(text: &str) -> Self {
        match serde_json::from_str::<Unambiguous>(text) {
            Ok(Unambiguous(value)) => Self::Json(value),
            // A text may repeat a key and then break off; it is only JSON if it can be read to its end.
            Err(error) if error.to_string().starts_with(DUPLICATE) && serde_json::from_str::<Value>(text).is_ok() => {
                Self::Ambiguous
            }
            Err(_) => Self::Text,
        }
    }
}

struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Unambiguous(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Unambiguous(value))) = entries.next_entry::<String, Unambiguous>()? {
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_json_is_read_as_every_reader_would() {
        for value in [
            json!({}),
            json!([]),
            json!([true, false, null, "text", 0, -1, 1.5, u64::MAX, i64::MIN]),
            json!({"a": [{"b": {"c": [1, [2]]}}], "d": ""}),
        ] {
            let text = format!(" {value}\n");
            assert!(
                matches!(Embedded::parse(&text), Embedded::Json(read) if read == value),
                "{text}"
            );
        }
    }

    #[test]
    fn equal_keys_of_one_object_are_told_apart_from_those_of_two() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"[0, {"deep": [{"a": null, "b": true, "a": -1}]}, 2.5]"#,
        ] {
            assert!(matches!(Embedded::parse(text), Embedded::Ambiguous), "{text}");
        }
        let apart = r#"{"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}"#;
        assert!(matches!(Embedded::parse(apart), Embedded::Json(_)));
    }

    #[test]
    fn what_breaks_off_is_text_whatever_it_repeats() {
        for text in [
            "",
            "{",
            r#"{"a": 1, "a": 2"#,
            r#"{"a": 1} and more"#,
            "[1, 2,]",
            "{a: 1}",
        ] {
            assert!(matches!(Embedded::parse(text), Embedded::Text), "{text}");
        }
    }
}
