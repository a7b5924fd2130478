//! JSON values deserialized by their shape: an object where an object is meant.
//!
//! serde's derived structs also take an array, as their fields in order: `["a@b", "N", "admin"]` would be a user. The
//! contract has no such form, so a body that uses it must be refused. And an integer is one however it is spelt: JSON knows
//! no difference between `2`, `2.0` and `20e-1` (RFC 8259 §6), nor does the type `integer` of the description.

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

impl Shaped {
    /// A number without a fraction as the integer that it is; anything else as it came.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "strict JSON holds no number beyond 2^53 - 1"
    )]
    fn spelt_as_integer(self) -> Value {
        match self.0.as_f64() {
            Some(number) if self.0.is_f64() && number.fract() == 0.0 => Value::from(number as i64),
            _ => self.0,
        }
    }
}

/// Reads integers of a type however they are spelt.
macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.spelt_as_integer().$method(visitor)
        })*
    };
}

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

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
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
    fn an_integer_is_one_however_it_is_spelt_and_a_free_value_stays_as_it_is() {
        let read = |text: &str| u32::deserialize(Shaped(serde_json::from_str(text).expect("JSON")));
        for (text, value) in [("2", 2), ("2.0", 2), ("20e-1", 2), ("1e2", 100), ("-0", 0), ("-0.0", 0)] {
            assert_eq!(read(text).expect("an integer"), value, "{text}");
        }
        for text in ["1.5", "-1", "-1.0", "5e-324", "4294967296.0", "\"2\"", "null", "[2]"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(Value::deserialize(Shaped(json!(2.0))).expect("any"), json!(2.0));
        assert!(String::deserialize(Shaped(json!(2.0))).is_err());
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
