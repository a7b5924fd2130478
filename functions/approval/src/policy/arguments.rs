//! The type of what a policy reads of a call's arguments, and how it is declared to Cedar.
//!
//! Cedar's strict validation knows every attribute's type, but the arguments of tools have no common shape. So each policy is
//! validated against the published schema with the arguments it mentions declared: all optional, and of the types that its
//! operators ask for, which `reading` finds. What stands outside the arguments is checked against the schema alone. Whether a
//! call's arguments are of those types is checked at each call, in `types`: Cedar takes values of two types for unequal and
//! says nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The type of an argument, or of all of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    Bool,
    Long,
    Text,
    Decimal,
    Set(Box<Shape>),
    Record(BTreeMap<String, Shape>),
    /// What is only asked for with `has`, and may be anything.
    Any,
    /// What is only compared with other arguments: those of one number are of one type, whichever it is.
    Alike(usize),
}

impl Shape {
    /// What declares both, or `None` where they differ.
    pub(super) fn merged(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Record(ours), Self::Record(theirs)) => {
                let mut both = ours.clone();
                for (attribute, their) in theirs {
                    let merged = match both.get(attribute) {
                        Some(our) => our.merged(their)?,
                        None => their.clone(),
                    };
                    both.insert(attribute.clone(), merged);
                }
                Some(Self::Record(both))
            }
            (Self::Set(ours), Self::Set(theirs)) => Some(Self::Set(Box::new(ours.merged(theirs)?))),
            (Self::Any, known) | (known, Self::Any) => Some(known.clone()),
            // They are declared alike.
            (Self::Alike(_), Self::Alike(_)) => Some(self.clone()),
            (ours, theirs) if ours == theirs => Some(ours.clone()),
            _ => None,
        }
    }

    /// Only what is compared with decimals, if anything is.
    pub(super) fn decimals(&self) -> Option<Self> {
        match self {
            Self::Decimal => Some(Self::Decimal),
            Self::Set(element) => element.decimals().map(|element| Self::Set(Box::new(element))),
            Self::Record(attributes) => {
                let decimals: BTreeMap<_, _> = attributes
                    .iter()
                    .filter_map(|(attribute, shape)| Some((attribute.clone(), shape.decimals()?)))
                    .collect();
                (!decimals.is_empty()).then_some(Self::Record(decimals))
            }
            Self::Bool | Self::Long | Self::Text | Self::Any | Self::Alike(_) => None,
        }
    }

    /// The type in Cedar's JSON schema format. Where any would do, it is text.
    pub(super) fn schema(&self) -> Value {
        match self {
            Self::Bool => json!({ "type": "Boolean" }),
            Self::Long => json!({ "type": "Long" }),
            Self::Text | Self::Any | Self::Alike(_) => json!({ "type": "String" }),
            Self::Decimal => json!({ "type": "Extension", "name": "decimal" }),
            Self::Set(element) => json!({ "type": "Set", "element": element.schema() }),
            Self::Record(attributes) => {
                let attributes: Map<String, Value> = attributes
                    .iter()
                    .map(|(attribute, shape)| {
                        let mut declared = shape.schema();
                        declared["required"] = json!(false);
                        (attribute.clone(), declared)
                    })
                    .collect();
                json!({ "type": "Record", "attributes": attributes })
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::policy) fn record(attributes: &[(&str, Shape)]) -> Shape {
        Shape::Record(
            attributes
                .iter()
                .map(|(attribute, shape)| ((*attribute).to_owned(), shape.clone()))
                .collect(),
        )
    }

    #[test]
    fn shapes_merge_unless_they_differ() {
        let (long, text) = (record(&[("a", Shape::Long)]), record(&[("a", Shape::Text)]));
        let other = record(&[("b", Shape::Text)]);
        assert_eq!(long.merged(&text), None);
        assert_eq!(
            long.merged(&other),
            Some(record(&[("a", Shape::Long), ("b", Shape::Text)]))
        );
        let any = record(&[("a", Shape::Any)]);
        assert_eq!(long.merged(&any), Some(long.clone()));
        assert_eq!(any.merged(&long), Some(long));
    }
}
