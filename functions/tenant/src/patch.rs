//! Fields of a PATCH: an absent one stays as it is, a present one is set, and null is a mistake, because nothing here can
//! be unset.

use serde::{Deserialize, Deserializer};

/// Reads a field that is there. For `#[serde(default, deserialize_with = …)]`, whose default is the absent field.
///
/// # Errors
/// Null, or whatever the field's type refuses.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
