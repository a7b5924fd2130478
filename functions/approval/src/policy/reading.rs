//! How a policy's operators tell the types of what it reads of a call's arguments.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::arguments::Shape;

/// The shape of the arguments that a policy (in Cedar's JSON form) reads.
pub(super) fn read_by(policy: &Value) -> Shape {
    let mut reading = Reading::default();
    let context = reading.node(Node::Record(BTreeMap::new()));
    let arguments = reading.node(Node::Record(BTreeMap::new()));
    let text = reading.node(Node::Text);
    let labels = reading.node(Node::Set(text));
    let time = reading.node(Node::Other);
    for (attribute, node) in [
        ("arguments", arguments),
        ("risk_labels", labels),
        ("time", time),
        ("environment", text),
        ("reason", text),
    ] {
        reading.set_attribute(context, attribute, node);
    }
    let principal = reading.node(Node::Record(BTreeMap::new()));
    let long = reading.node(Node::Long);
    for (attribute, node) in [
        ("role", text),
        ("environment", text),
        ("name", text),
        ("trust_level", long),
    ] {
        reading.set_attribute(principal, attribute, node);
    }
    let resource = reading.node(Node::Record(BTreeMap::new()));
    for attribute in ["name", "server"] {
        reading.set_attribute(resource, attribute, text);
    }
    reading.variables = [("context", context), ("principal", principal), ("resource", resource)];
    for condition in policy["conditions"].as_array().into_iter().flatten() {
        let condition = reading.expression(&condition["body"]);
        reading.is(condition, Node::Bool);
    }
    for node in std::mem::take(&mut reading.ordered) {
        reading.is(node, Node::Long);
    }
    for node in std::mem::take(&mut reading.written_out) {
        reading.is(node, Node::Text);
    }
    reading.shape(arguments, &mut Vec::new())
}

/// What is known of an expression's type.
#[derive(Debug, Clone)]
enum Node {
    Unknown,
    /// The same as another's.
    Same(usize),
    Bool,
    Long,
    Text,
    Decimal,
    Set(usize),
    Record(BTreeMap<String, usize>),
    /// What no argument can be: an entity, a time, an address, a record that the policy writes out.
    Other,
}

/// The types of one policy's expressions, as they become known. What contradicts itself keeps the first type, and the
/// validator tells where.
#[derive(Debug, Default)]
struct Reading {
    nodes: Vec<Node>,
    variables: [(&'static str, usize); 3],
    /// What is compared by size, and so a number where nothing else is known.
    ordered: Vec<usize>,
    /// What stands in a record that the policy writes out, and so is text where nothing else is known.
    written_out: Vec<usize>,
    /// What was compared before its type was known.
    compared: Vec<usize>,
}

impl Reading {
    fn node(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn set_attribute(&mut self, record: usize, attribute: &str, node: usize) {
        if let Node::Record(attributes) = &mut self.nodes[record] {
            attributes.insert(attribute.to_owned(), node);
        }
    }

    fn root(&self, mut node: usize) -> usize {
        while let Node::Same(other) = self.nodes[node] {
            node = other;
        }
        node
    }

    fn is(&mut self, node: usize, kind: Node) -> usize {
        let known = self.node(kind);
        self.same(node, known);
        known
    }

    /// Both have one type. Each call joins two nodes for good before it looks into them, so it ends.
    fn same(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return;
        }
        match (self.nodes[one].clone(), self.nodes[other].clone()) {
            (Node::Unknown, known) => {
                self.nodes[one] = Node::Same(other);
                if matches!(known, Node::Unknown) {
                    self.compared.push(other);
                }
            }
            (_, Node::Unknown) => self.nodes[other] = Node::Same(one),
            (Node::Set(ours), Node::Set(theirs)) => {
                self.nodes[other] = Node::Same(one);
                self.same(ours, theirs);
            }
            (Node::Record(ours), Node::Record(theirs)) => {
                self.nodes[other] = Node::Same(one);
                let mut all = ours.clone();
                for (attribute, their) in &theirs {
                    all.entry(attribute.clone()).or_insert(*their);
                }
                self.nodes[one] = Node::Record(all);
                for (attribute, their) in theirs {
                    if let Some(our) = ours.get(&attribute) {
                        self.same(*our, their);
                    }
                }
            }
            _ => {}
        }
    }

    fn attribute(&mut self, of: usize, attribute: &str) -> usize {
        let of = self.root(of);
        if matches!(self.nodes[of], Node::Unknown) {
            self.nodes[of] = Node::Record(BTreeMap::new());
        }
        let known = match &self.nodes[of] {
            Node::Record(attributes) => attributes.get(attribute).copied(),
            _ => return self.node(Node::Other),
        };
        known.unwrap_or_else(|| {
            let new = self.node(Node::Unknown);
            self.set_attribute(of, attribute, new);
            new
        })
    }

    /// The type of an expression, after what it says of its parts.
    fn expression(&mut self, expression: &Value) -> usize {
        let Some((operator, body)) = expression.as_object().and_then(|object| object.iter().next()) else {
            return self.node(Node::Other);
        };
        match operator.as_str() {
            "Value" => {
                let literal = match body {
                    Value::Bool(_) => Node::Bool,
                    Value::Number(_) => Node::Long,
                    Value::String(_) => Node::Text,
                    _ => Node::Other,
                };
                self.node(literal)
            }
            "Var" => {
                let variable = self.variables.iter().find(|(name, _)| body == name);
                let known = variable.map(|(_, node)| *node);
                known.unwrap_or_else(|| self.node(Node::Other))
            }
            "." => {
                let of = self.expression(&body["left"]);
                self.attribute(of, body["attr"].as_str().unwrap_or_default())
            }
            "has" => {
                let mut of = self.expression(&body["left"]);
                // `has a.b` is one operator with a list.
                let path = body["attr"]
                    .as_array()
                    .map_or(std::slice::from_ref(&body["attr"]), Vec::as_slice);
                for attribute in path {
                    of = self.attribute(of, attribute.as_str().unwrap_or_default());
                }
                self.node(Node::Bool)
            }
            "Set" => {
                let element = self.node(Node::Unknown);
                for member in body.as_array().into_iter().flatten() {
                    let member = self.expression(member);
                    self.same(element, member);
                }
                self.node(Node::Set(element))
            }
            "if-then-else" => {
                let condition = self.expression(&body["if"]);
                self.is(condition, Node::Bool);
                let (then, otherwise) = (self.expression(&body["then"]), self.expression(&body["else"]));
                self.same(then, otherwise);
                then
            }
            "neg" | "!" | "isEmpty" => {
                let argument = self.expression(&body["arg"]);
                self.unary(operator, argument)
            }
            "Record" => {
                for value in body.as_object().into_iter().flat_map(Map::values) {
                    let value = self.expression(value);
                    self.written_out.push(value);
                }
                self.node(Node::Other)
            }
            _ => match body {
                Value::Array(arguments) => self.function(operator, arguments),
                _ => self.binary(operator, body),
            },
        }
    }

    fn unary(&mut self, operator: &str, argument: usize) -> usize {
        match operator {
            "neg" => self.is(argument, Node::Long),
            "!" => self.is(argument, Node::Bool),
            _ => {
                let element = self.node(Node::Unknown);
                self.is(argument, Node::Set(element));
                self.node(Node::Bool)
            }
        }
    }

    fn binary(&mut self, operator: &str, body: &Value) -> usize {
        let left = self.expression(&body["left"]);
        let right = self.expression(&body["right"]);
        match operator {
            "+" | "-" | "*" => {
                self.is(left, Node::Long);
                return self.is(right, Node::Long);
            }
            "&&" | "||" => {
                self.is(left, Node::Bool);
                return self.is(right, Node::Bool);
            }
            "==" | "!=" => self.same(left, right),
            "<" | "<=" | ">" | ">=" => {
                self.same(left, right);
                self.ordered.push(left);
            }
            "contains" => {
                self.compared.push(right);
                self.is(left, Node::Set(right));
            }
            "containsAll" | "containsAny" => {
                let element = self.node(Node::Unknown);
                self.is(left, Node::Set(element));
                self.same(left, right);
            }
            "like" => {
                self.is(left, Node::Text);
            }
            // What is left asks about entities.
            _ => {}
        }
        self.node(Node::Bool)
    }

    fn function(&mut self, name: &str, arguments: &[Value]) -> usize {
        let arguments: Vec<usize> = arguments.iter().map(|argument| self.expression(argument)).collect();
        match name {
            "decimal" => self.node(Node::Decimal),
            "lessThan" | "lessThanOrEqual" | "greaterThan" | "greaterThanOrEqual" => {
                for argument in arguments {
                    self.is(argument, Node::Decimal);
                }
                self.node(Node::Bool)
            }
            _ => self.of_no_argument(name, &arguments),
        }
    }

    /// What takes no value of JSON.
    fn of_no_argument(&mut self, name: &str, arguments: &[usize]) -> usize {
        for argument in arguments {
            self.is(*argument, Node::Other);
        }
        match name {
            "toMilliseconds" | "toSeconds" | "toMinutes" | "toHours" | "toDays" => self.node(Node::Long),
            "isIpv4" | "isIpv6" | "isLoopback" | "isMulticast" | "isInRange" => self.node(Node::Bool),
            _ => self.node(Node::Other),
        }
    }

    /// What is compared with what no argument can be is declared as text, and the validator refuses it.
    fn shape(&self, node: usize, within: &mut Vec<usize>) -> Shape {
        let node = self.root(node);
        // A type that holds itself has no values.
        if within.contains(&node) {
            return Shape::Text;
        }
        within.push(node);
        let shape = match &self.nodes[node] {
            Node::Bool => Shape::Bool,
            Node::Long => Shape::Long,
            Node::Decimal => Shape::Decimal,
            Node::Set(element) => Shape::Set(Box::new(self.shape(*element, within))),
            Node::Record(attributes) => Shape::Record(
                attributes
                    .iter()
                    .map(|(attribute, node)| (attribute.clone(), self.shape(*node, within)))
                    .collect(),
            ),
            Node::Unknown if self.compared.iter().any(|compared| self.root(*compared) == node) => Shape::Alike(node),
            Node::Unknown => Shape::Any,
            Node::Text | Node::Same(_) | Node::Other => Shape::Text,
        };
        within.pop();
        shape
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;
    use crate::policy::arguments::tests::record;

    fn read(condition: &str) -> Shape {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let policy: Policy = text.parse().expect("Cedar");
        read_by(&policy.to_json().expect("JSON"))
    }

    #[test]
    fn an_argument_has_the_type_that_it_is_compared_as() {
        let set_of = |shape| Shape::Set(Box::new(shape));
        let cases = [
            ("$ > 5", Shape::Long),
            ("-$ + 1 == 0", Shape::Long),
            ("$ < context.arguments.a", Shape::Long),
            ("$", Shape::Bool),
            ("!$ || true", Shape::Bool),
            ("$ == \"x\"", Shape::Text),
            ("[1, 2].contains($)", Shape::Long),
            ("$ like \"x*\"", Shape::Text),
            ("$ == principal.name", Shape::Text),
            ("$ != principal.trust_level", Shape::Long),
            ("$.contains(\"x\")", set_of(Shape::Text)),
            ("$.contains(context.environment)", set_of(Shape::Text)),
            ("$.containsAny(context.risk_labels)", set_of(Shape::Text)),
            ("[true].containsAll($)", set_of(Shape::Bool)),
            ("$.isEmpty()", set_of(Shape::Any)),
            ("$.contains([1])", set_of(set_of(Shape::Long))),
            ("$.greaterThan(decimal(\"1.5\"))", Shape::Decimal),
            ("$ == decimal(\"1.5\")", Shape::Decimal),
            ("if $ then true else false", Shape::Bool),
            ("(if true then $ else 3) == 3", Shape::Long),
            ("$ has b && true", record(&[("b", Shape::Any)])),
            ("$ has b.c", record(&[("b", record(&[("c", Shape::Any)]))])),
            ("context.arguments has a", Shape::Any),
            ("{b: $} == {b: \"x\"}", Shape::Text),
            ("{b: $}.b == \"x\"", Shape::Text),
            ("$.b.c == 3", record(&[("b", record(&[("c", Shape::Long)]))])),
            ("$[\"b c\"] == 3", record(&[("b c", Shape::Long)])),
            // The first use decides; the validator tells of the other.
            ("$ > 3 && $ == \"x\"", Shape::Long),
            // What no argument can be.
            ("$ == context.time", Shape::Text),
            ("$ == {b: 1}", Shape::Text),
            ("$ < datetime(\"2026-11-20\")", Shape::Text),
            ("$ == Agent::\"x\"", Shape::Text),
            ("$.isIpv4()", Shape::Text),
        ];
        for (condition, shape) in cases {
            let condition = condition.replace('$', "context.arguments.a");
            assert_eq!(read(&condition), record(&[("a", shape)]), "{condition}");
        }
    }

    #[test]
    fn what_is_compared_with_each_other_is_of_one_type() {
        let condition = "context.arguments.a == context.arguments.b && context.arguments.b == context.arguments.c.d \
                         && context.arguments.c.d > 3";
        let long = || Shape::Long;
        let expected = record(&[("a", long()), ("b", long()), ("c", record(&[("d", long())]))]);
        assert_eq!(read(condition), expected);
        // Unequal to itself in every part; it has to end.
        read("context.arguments.a == context.arguments");
        read("context.arguments.a.b == context.arguments.a && context.arguments.a.contains(context.arguments.a)");
    }

    #[test]
    fn what_is_only_compared_with_other_arguments_is_alike() {
        for condition in [
            "context.arguments.a == context.arguments.b",
            "[context.arguments.a].contains(context.arguments.b)",
            "(if context.environment == \"dev\" then context.arguments.a else context.arguments.b) != context.arguments.b",
        ] {
            let Shape::Record(shapes) = read(condition) else {
                panic!("a record: {condition}")
            };
            assert!(matches!(shapes["a"], Shape::Alike(_)), "{condition}: {shapes:?}");
            assert_eq!(shapes["a"], shapes["b"], "{condition}");
        }
        for condition in [
            "context.arguments.a.contains(context.arguments.b)",
            "context.arguments.a.containsAny([context.arguments.b])",
        ] {
            let Shape::Record(shapes) = read(condition) else {
                panic!("a record: {condition}")
            };
            assert!(matches!(shapes["b"], Shape::Alike(_)), "{condition}: {shapes:?}");
            assert_eq!(shapes["a"], Shape::Set(Box::new(shapes["b"].clone())), "{condition}");
        }
    }

    #[test]
    fn decimals_are_what_is_compared_with_decimals() {
        let shape = read("context.arguments.a > 3 && context.arguments.b.c.lessThan(decimal(\"1.5\"))");
        assert_eq!(
            shape.decimals(),
            Some(record(&[("b", record(&[("c", Shape::Decimal)]))]))
        );
        assert_eq!(read("context.arguments.a > 3").decimals(), None);
    }
}
