//! What this function writes into the journal beside every change.

use serde::Serialize;
use serde_json::{Map, Value};
use shared::{auth::Principal, context::AppContext, journal::audit_log::NewAuditEvent};
use uuid::Uuid;

/// The event of something a principal did to an object.
pub(crate) fn by(ctx: &AppContext, principal: &Principal, action: &str, object: Uuid) -> NewAuditEvent {
    NewAuditEvent::of_product(ctx, &principal.to_string(), action, object)
        .environment(principal.environment.as_str())
        .trust_level(principal.trust_level)
}

/// The fields in which two states of an object differ, with their new values. Empty when nothing changed.
pub(crate) fn changes<T: Serialize>(before: &T, after: &T) -> Map<String, Value> {
    let (before, after) = (fields(before), fields(after));
    after
        .into_iter()
        .filter(|(name, value)| before.get(name) != Some(value))
        .collect()
}

/// An object's fields, as its GET route shows them.
pub(crate) fn fields<T: Serialize>(object: &T) -> Map<String, Value> {
    match serde_json::to_value(object) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_a_change() {
        let before = json!({"name": "a", "groups": ["x"], "role": "admin"});
        let after = json!({"name": "a", "groups": [], "role": "auditor"});
        assert_eq!(
            Value::Object(changes(&before, &after)),
            json!({"groups": [], "role": "auditor"})
        );
        assert!(changes(&before, &before).is_empty());
    }
}
