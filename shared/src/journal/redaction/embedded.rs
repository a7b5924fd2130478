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
