//! JSON as the contract takes it.
//!
//! A body that two parsers could read differently must not reach an approval: duplicate keys, integers a double cannot
//! hold, NUL, lone surrogates and deep nesting are refused here, before anything is hashed, shown or stored.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::quoting;

/// Containers within containers.
const MAX_DEPTH: usize = 64;
/// 2^53 − 1, the largest integer every JSON implementation holds exactly (RFC 8259 §6).
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Why a text is refused.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StrictJsonError(String);

/// Parses a whole text.
///
/// # Errors
/// Not JSON in UTF-8, or one of the things refused here.
pub fn parse_strict(text: &[u8]) -> Result<Value, StrictJsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| StrictJsonError(error.to_string()))?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!(
                "nesting over {MAX_DEPTH} levels is not allowed"
            )));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

fn text<E: Error>(text: &str) -> Result<String, E> {
    if text.contains('\0') {
        return Err(E::custom("the NUL character is not allowed"));
    }
    Ok(text.to_owned())
}

fn out_of_range<E: Error>() -> E {
    E::custom("integers beyond 2^53-1 in either direction are not allowed; send them as strings")
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        if value > MAX_SAFE_INTEGER {
            Err(out_of_range())
        } else {
            Ok(Value::from(value))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > MAX_SAFE_INTEGER {
            Err(out_of_range())
        } else {
            Ok(Value::from(value))
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // A long literal arrives here as a double; every double this large is an integer.
        #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in a double")]
        if value.abs() > MAX_SAFE_INTEGER as f64 {
            return Err(out_of_range());
        }
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("numbers must be finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        text(value).map(Value::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let key = text(&key)?;
            let value = entries.next_value_seed(inner)?;
            if values.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "duplicate key {:?}",
                    quoting::name(&key)
                )));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refused(text: &str) -> String {
        parse_strict(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        assert!(refused(r#"{"a":1,"a":1}"#).contains("duplicate key"));
        assert!(refused(r#"{"a":[{"b":{"c":1,"c":2}}]}"#).contains("duplicate key"));
        assert!(refused(r#"{"a":"\u0000"}"#).contains("NUL"));
        assert!(refused(r#"{"\u0000":1}"#).contains("NUL"));
        refused(r#""\ud800""#);
        refused(r#""\udc00x""#);
        refused(r#"{"\ud800\u0041":1}"#);
        assert!(refused("9007199254740992").contains("integers"));
        assert!(refused("-9007199254740992").contains("integers"));
        assert!(refused("123456789012345678901234567890").contains("integers"));
        assert!(refused("1e30").contains("integers"));
        assert!(refused("1e999").contains("out of range"));
        assert!(refused("{} {}").contains("trailing"));
        refused("");
        refused("\u{feff}{}");
        refused("NaN");
        assert!(parse_strict(b"\"\xff\"").is_err());
    }

    #[test]
    fn nesting_ends_at_64() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_strict(nested(64).as_bytes()).is_ok());
        assert!(refused(&nested(65)).contains("nesting"));
        refused(&nested(100_000));
    }

    #[test]
    fn everything_else_is_kept_as_it_is() {
        let text = r#"{"a":[1,-9007199254740991,9007199254740991,1.5,"é😀",null,true,{}]}"#;
        assert_eq!(
            parse_strict(text.as_bytes()).expect("plain JSON"),
            json!({"a": [1, -9_007_199_254_740_991_i64, 9_007_199_254_740_991_i64, 1.5, "é😀", null, true, {}]})
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = parse_strict(&bytes);
        }
    }
}
