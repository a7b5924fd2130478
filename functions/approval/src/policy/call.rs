//! A tool call in Cedar's terms.
//!
//! The published schema tells how JSON becomes Cedar. What cannot become it exactly is neither left out (a forbid would pass
//! it over) nor rounded: it becomes an entity of its own, which equals only itself and has no size.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression as Expression,
};
use chrono::{DateTime, Utc};
use serde_json::{Map, Number, Value};
use shared::{auth::Environment, http::timestamp};

use super::arguments::Shape;

/// Decimals are 64-bit numbers of ten-thousandths, so a whole part may be this large.
const LARGEST_WHOLE: i64 = i64::MAX / 10_000 - 1;

/// One call, as it is to be decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The agent's name, without its kind.
    pub(crate) caller: &'a str,
    pub(crate) role: &'a str,
    pub(crate) trust_level: i16,
    pub(crate) environment: Environment,
    pub(crate) tool: &'a str,
    pub(crate) server: Option<&'a str>,
    pub(crate) arguments: &'a Map<String, Value>,
    pub(crate) risk_labels: &'a [String],
    pub(crate) reason: Option<&'a str>,
    pub(crate) time: DateTime<Utc>,
}

/// Cedar refuses the call's own terms.
type Refused = Box<dyn Error + Send + Sync>;

impl Call<'_> {
    pub(super) fn principal(&self) -> Result<EntityUid, Refused> {
        uid("Agent", self.caller)
    }

    pub(super) fn resource(&self) -> Result<EntityUid, Refused> {
        uid("Tool", self.tool)
    }

    /// The tool, as what is done.
    pub(super) fn action(&self) -> Result<EntityUid, Refused> {
        uid("Action", self.tool)
    }

    /// Caller and tool, with what is known of them.
    pub(super) fn entities(&self) -> Result<Entities, Refused> {
        let text = |text: &str| Expression::new_string(text.to_owned());
        let caller = HashMap::from([
            ("role".to_owned(), text(self.role)),
            ("trust_level".to_owned(), Expression::new_long(self.trust_level.into())),
            ("environment".to_owned(), text(self.environment.as_str())),
            ("name".to_owned(), text(self.caller)),
        ]);
        let mut tool = HashMap::from([("name".to_owned(), text(self.tool))]);
        if let Some(server) = self.server {
            tool.insert("server".to_owned(), text(server));
        }
        let entities = [
            Entity::new(self.principal()?, caller, HashSet::new())?,
            Entity::new(self.resource()?, tool, HashSet::new())?,
        ];
        Ok(Entities::from_entities(entities, None)?)
    }

    /// The question, to policies that compare `decimals` of the arguments with decimals.
    pub(super) fn request(&self, decimals: Option<&Shape>) -> Result<Request, Refused> {
        let labels = self.risk_labels.iter().cloned().map(Expression::new_string);
        let mut context = vec![
            ("arguments".to_owned(), record(self.arguments, decimals)?),
            ("risk_labels".to_owned(), Expression::new_set(labels)),
            (
                "time".to_owned(),
                Expression::new_datetime(timestamp::format(self.time)),
            ),
            (
                "environment".to_owned(),
                Expression::new_string(self.environment.as_str().to_owned()),
            ),
        ];
        if let Some(reason) = self.reason {
            context.push(("reason".to_owned(), Expression::new_string(reason.to_owned())));
        }
        let request = Request::new(
            self.principal()?,
            self.action()?,
            self.resource()?,
            Context::from_pairs(context)?,
            None,
        )?;
        Ok(request)
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Refused> {
    Ok(EntityUid::from_type_name_and_id(
        kind.parse::<EntityTypeName>()?,
        EntityId::new(id),
    ))
}

fn record(object: &Map<String, Value>, decimals: Option<&Shape>) -> Result<Expression, Refused> {
    let mut attributes = Vec::with_capacity(object.len());
    for (key, member) in object {
        let decimals = match decimals {
            Some(Shape::Record(attributes)) => attributes.get(key),
            _ => None,
        };
        if let Some(expression) = value(member, decimals)? {
            attributes.push((key.clone(), expression));
        }
    }
    Ok(Expression::new_record(attributes)?)
}

fn value(value: &Value, decimals: Option<&Shape>) -> Result<Option<Expression>, Refused> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(bool) => Expression::new_bool(*bool),
        Value::String(text) => Expression::new_string(text.clone()),
        Value::Number(number) => self::number(number, decimals == Some(&Shape::Decimal))?,
        Value::Array(members) => {
            let decimals = match decimals {
                Some(Shape::Set(element)) => Some(&**element),
                _ => None,
            };
            let mut elements = Vec::with_capacity(members.len());
            for member in members {
                elements.extend(self::value(member, decimals)?);
            }
            Expression::new_set(elements)
        }
        Value::Object(object) => record(object, decimals)?,
    }))
}

fn number(number: &Number, as_decimal: bool) -> Result<Expression, Refused> {
    Ok(match Numeral::of(number, as_decimal) {
        Numeral::Long(whole) => Expression::new_long(whole),
        Numeral::Decimal(text) => Expression::new_decimal(text),
        Numeral::Opaque(text) => Expression::new_entity_uid(uid("Number", &text)?),
    })
}

/// What a JSON number is to Cedar.
#[derive(Debug)]
pub(super) enum Numeral {
    Long(i64),
    Decimal(String),
    /// Neither of the two holds it.
    Opaque(String),
}

impl Numeral {
    /// `as_decimal` where it is compared with decimals; whole numbers are Long elsewhere.
    pub(super) fn of(number: &Number, as_decimal: bool) -> Self {
        let text = plain(number);
        let (whole, fraction) = text
            .split_once('.')
            .map_or((&*text, None), |(whole, fraction)| (whole, Some(fraction)));
        let Ok(whole) = whole.parse::<i64>() else {
            return Self::Opaque(text);
        };
        let fits = whole.abs() <= LARGEST_WHOLE;
        match fraction {
            None if !as_decimal => Self::Long(whole),
            None if fits => Self::Decimal(format!("{whole}.0")),
            Some(fraction) if fits && fraction.len() <= 4 => Self::Decimal(text),
            _ => Self::Opaque(text),
        }
    }
}

/// The number's shortest digits without an exponent, and without a fraction that is none: 5 for 5.0.
fn plain(number: &Number) -> String {
    match (number.as_i64(), number.as_f64()) {
        // Zero is added for the sake of -0.0, whose sign JSON's numbers do not have.
        (None, Some(float)) => (float + 0.0).to_string(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(json: Value, as_decimal: bool) -> String {
        let Value::Number(parsed) = json else {
            panic!("{json} is no number")
        };
        let shown = number(&parsed, as_decimal).expect("an expression");
        let context = Context::from_pairs([("n".to_owned(), shown)]).expect("a context");
        context.get("n").expect("the number").to_string()
    }

    #[test]
    fn numbers_become_longs_or_decimals_or_stay_opaque() {
        let cases = [
            (json!(5), "5", "decimal(\"5.0\")"),
            (json!(5.0), "5", "decimal(\"5.0\")"),
            (json!(-0.0), "0", "decimal(\"0.0\")"),
            (json!(-5e2), "-500", "decimal(\"-500.0\")"),
            (json!(0.25), "decimal(\"0.25\")", "decimal(\"0.25\")"),
            (json!(-0.0001), "decimal(\"-0.0001\")", "decimal(\"-0.0001\")"),
            (json!(0.00001), "Number::\"0.00001\"", "Number::\"0.00001\""),
            (json!(1e-7), "Number::\"0.0000001\"", "Number::\"0.0000001\""),
            (
                json!(922_337_203_685_477_i64),
                "922337203685477",
                "Number::\"922337203685477\"",
            ),
            (
                json!(9_007_199_254_740_991_i64),
                "9007199254740991",
                "Number::\"9007199254740991\"",
            ),
        ];
        for (number, long, decimal) in cases {
            assert_eq!(shown(number.clone(), false), long, "{number}");
            assert_eq!(shown(number.clone(), true), decimal, "{number} as a decimal");
        }
        assert!(shown(json!(1e300), false).starts_with("Number::\"1000"));
        assert!(shown(json!(1e15 + 0.5), false).starts_with("Number::"));
    }
}
