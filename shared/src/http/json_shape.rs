//! JSON values deserialized by their shape: an object where an object is meant.
//!
//! serde's derived structs also take an array, as their fields in order: `["a@b", "N", "admin"]` would be a user. The
//! contract has no such form, so a body that uses it must be refused.

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

/// A parsed value, to be read as a type of ours.
pub(super) struct Shaped(pub(super) Value);

impl<'de> Deserializer<'de> for Shaped {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Shaped));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Object(entries) => {
                let mut entries = MapDeserializer::new(entries.into_iter().map(|(key, value)| (key, Self(value))));
                let value = visitor.visit_map(&mut entries)?;
                entries.end().map(|()| value)
            }
            scalar => scalar.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0 {
            Value::Object(_) => self.deserialize_any(visitor),
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            _ => Err(Error::custom("expected an object")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // serde_json's own map would take null for an empty one; what is hashed must be what was sent.
        if self.0.is_null() {
            return Err(Error::invalid_type(Unexpected::Unit, &"an object"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        // All our enums are names; serde_json would also take `{"name": null}` for one.
        match self.0 {
            Value::String(_) => self.0.deserialize_enum(name, variants, visitor),
            _ => Err(Error::custom(format_args!("expected one of {}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Shaped {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        inner: Option<Inner>,
        list: Vec<Inner>,
        free: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        count: u32,
        kind: Kind,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Small,
    }

    #[test]
    fn null_is_no_empty_object() {
        assert!(serde_json::Map::deserialize(Shaped(Value::Null)).is_err());
        assert_eq!(
            serde_json::Map::deserialize(Shaped(json!({}))).expect("an object"),
            serde_json::Map::new()
        );
    }

    #[test]
    fn objects_are_read_and_arrays_in_their_place_are_not() {
        let inner = json!({ "count": 1, "kind": "small" });
        let whole = json!({ "name": "n", "inner": inner, "list": [inner], "free": { "a": [1, null] } });
        let read = Outer::deserialize(Shaped(whole.clone())).expect("the usual shape");
        assert_eq!(read, serde_json::from_value(whole).expect("serde agrees"));
        for wrong in [
            json!(["n", null, [], null]),
            json!({ "name": "n", "inner": [1, "small"], "list": [], "free": null }),
            json!({ "name": "n", "list": [[1, "small"]], "free": null }),
            json!({ "name": "n", "list": [{ "count": 1, "kind": { "small": null } }], "free": null }),
        ] {
            assert!(
                serde_json::from_value::<Outer>(wrong.clone()).is_ok(),
                "serde alone takes {wrong}"
            );
            assert!(Outer::deserialize(Shaped(wrong.clone())).is_err(), "{wrong}");
        }
    }
}
