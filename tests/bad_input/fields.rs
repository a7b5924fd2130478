//! Every field of every body, with everything in it that does not belong there.

use serde_json::{Value, json};

use system_tests::{
    routes::{Route, routes},
    samples::{Field, closed_objects, fields, sample},
};

use crate::{
    doors::Expected::{self, Answered, Refused},
    stage::{NOTHING, Stage},
};

const INVALID: Expected = Refused(400, "VALIDATION_ERROR");

/// What no body may hold in any place: two parsers could read it differently, or it is not JSON at all.
fn nowhere() -> Vec<String> {
    let mut texts: Vec<String> = [
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#"{"\u0000":1}"#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800x""#,
        r#""\udc00\ud800""#,
        r#"{"\ud800":1}"#,
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1e30",
        "1e400",
        "-1e400",
        r#"{"a":1,"a":2}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"[{"b":{"c":1,"c":1}}]"#,
        r#""open"#,
        r#""\x41""#,
        r#""\u12""#,
        "\"line\nend\"",
        "\"\u{1}\"",
        "'single'",
        "NaN",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "0x10",
        "tru",
        "undefined",
        "[1,]",
        r#"{"a":1,}"#,
        "{a:1}",
        "/* c */1",
        ",",
    ]
    .map(str::to_owned)
    .into();
    texts.push(format!("{}{}", "[".repeat(65), "]".repeat(65)));
    texts.push(format!("{}1{}", r#"{"a":"#.repeat(65), "}".repeat(65)));
    texts.push("[".repeat(100_000));
    texts
}

/// Values of each of JSON's types.
const OF_EACH_TYPE: [(&str, &str); 7] = [
    ("null", "null"),
    ("boolean", "true"),
    ("integer", "7"),
    ("number", "1.5"),
    ("string", "\"some-text\""),
    ("array", "[]"),
    ("object", "{}"),
];

fn is_wrong_type(field: &Field, name: &str) -> bool {
    let types = field.types();
    !(types.contains(&name) || (name == "integer" && types.contains(&"number")))
}

/// Whether the schema's rules allow this text, as far as they can be read here: of the formats, nothing asked about is one.
fn allows(rules: &Value, text: &str) -> bool {
    let length = text.chars().count() as u64;
    let matches = |pattern: &str| {
        regex::Regex::new(pattern)
            .expect("a pattern that regex reads")
            .is_match(text)
    };
    let names = rules["enum"].as_array();
    rules["minLength"].as_u64().is_none_or(|least| length >= least)
        && rules["maxLength"].as_u64().is_none_or(|most| length <= most)
        && rules["pattern"].as_str().is_none_or(matches)
        && names.is_none_or(|names| names.iter().any(|name| name == text))
        && !matches!(rules["format"].as_str(), Some("uuid" | "email" | "date-time"))
}

/// Values of the right type that break one of the schema's rules.
fn beyond_the_rules(field: &Field) -> Vec<String> {
    let rules = field.rules();
    let number = |name: &str| rules[name].as_i64();
    let size = |name: &str| rules[name].as_u64().and_then(|count| usize::try_from(count).ok());
    let mut values = Vec::new();
    if field.types().contains(&"string") {
        let longer = "x".repeat(size("maxLength").unwrap_or_default() + 1);
        let many = "é".repeat(size("maxLength").unwrap_or_default() + 1);
        let texts = [
            "",
            " ",
            "\u{3000}\n",
            "no such thing",
            "\u{202e}\u{200b}",
            "bell\u{7}",
            "\u{9b}2J",
            "a/b",
            "é",
        ];
        let texts = texts
            .map(str::to_owned)
            .into_iter()
            .chain([longer, many, "x".repeat(300_000)]);
        values.extend(texts.filter(|text| !allows(rules, text)).map(Value::from));
    }
    if let Some(least) = number("minimum") {
        values.push(json!(least - 1));
        values.push(json!(-9_007_199_254_740_991_i64));
    }
    if let Some(most) = number("maximum") {
        values.push(json!(most + 1));
        values.push(json!(9_007_199_254_740_991_i64));
    }
    if let Some(most) = size("maxItems") {
        let items: Vec<String> = (0..=most).map(|number| format!("item-{number}")).collect();
        values.push(json!(items));
    }
    if let Some(most) = size("maxProperties") {
        let member = sample(&rules["additionalProperties"]);
        let members: serde_json::Map<String, Value> = (0..=most)
            .map(|number| (format!("name-{number}"), member.clone()))
            .collect();
        values.push(Value::Object(members));
    }
    values.iter().map(Value::to_string).collect()
}

/// What is odd and may or may not be allowed.
fn odd() -> Vec<String> {
    let mut texts: Vec<String> = [
        "-0",
        "-0.0",
        "0.0",
        "1e2",
        "9007199254740991",
        "-9007199254740991",
        "5e-324",
        "\" \"",
        "\"\\u202e\\u200b\"",
        "\"\\u0007\\u001b[2J\"",
        "\"' OR 1=1; --\"",
        "\"../../etc/passwd\"",
        "\"%00\"",
        "\"${jndi:x}\"",
        "\"\u{10ffff}\"",
        "\"\\ud83d\\ude00\"",
        "[[],{},null]",
        "{\"__proto__\":{\"a\":1},\"\":null}",
        "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59.999Z\"",
        "\"2026-11-20T08:00:00+23:59\"",
        "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
        "\"00000000-0000-0000-0000-000000000000\"",
    ]
    .map(str::to_owned)
    .into();
    texts.push(json!("x".repeat(300_000)).to_string());
    texts.push(json!(vec!["x"; 5_000]).to_string());
    texts.push(format!("{}{}", "[".repeat(60), "]".repeat(60)));
    texts
}

fn with_bodies() -> Vec<(Route, Value)> {
    let found: Vec<(Route, Value)> = routes()
        .into_iter()
        .filter_map(|route| route.body.clone().map(|schema| (route, schema)))
        .collect();
    assert!(found.len() >= 10, "{} routes with a body", found.len());
    found
}

#[tokio::test]
async fn what_no_field_may_hold_is_refused_in_every_field() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    let mut count = 0;
    for (route, schema) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for field in fields(&schema) {
            let what = format!("{}: {}", route.name(), field.name());
            count += 1;
            for text in nowhere() {
                let sent = allowed.clone().json(field.with(&schema, &text));
                let text: String = text.chars().take(40).collect();
                stage.expect(&sent, INVALID, &format!("{what} = {text}")).await;
            }
            if let Some(member) = field.member() {
                let valid = sample(&field.schema);
                let twice = format!("{valid},{}:{valid}", json!(member));
                let sent = allowed.clone().json(field.with(&schema, &twice));
                stage.expect(&sent, INVALID, &format!("{what} twice")).await;
            }
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{count} fields, {} requests, all refused", stage.asked());
    assert!(count >= 40, "{count} fields");
}

#[tokio::test]
async fn a_value_that_the_schema_excludes_is_refused_and_its_field_named() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    for (route, schema) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for field in fields(&schema) {
            let what = format!("{}: {}", route.name(), field.name());
            for (name, text) in OF_EACH_TYPE.iter().filter(|(name, _)| is_wrong_type(&field, name)) {
                let sent = allowed.clone().json(field.with(&schema, text));
                let details = stage.expect(&sent, INVALID, &format!("{what} of type {name}")).await;
                assert_eq!(details["field"], field.name(), "{what} of type {name}");
            }
            for text in beyond_the_rules(&field) {
                let sent = allowed.clone().json(field.with(&schema, &text));
                let text: String = text.chars().take(40).collect();
                let details = stage.expect(&sent, INVALID, &format!("{what} = {text}")).await;
                assert!(details.is_object(), "{what} = {text}: {details}");
            }
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn a_missing_or_unknown_member_is_refused_and_named() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    for (route, schema) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for (place, rules) in closed_objects(&schema) {
            let sample = sample(&rules);
            let whole = |object: &Value| match &place {
                Some(field) => field.with(&schema, &object.to_string()),
                None => object.to_string(),
            };
            let named = |member: &str| match &place {
                Some(field) => format!("{}.{member}", field.name()),
                None => member.to_owned(),
            };
            for surprise in ["surprise", "", "__proto__", "Ünïcode", "a.b"] {
                let mut object = sample.clone();
                object[surprise] = json!(1);
                let what = format!("{}: {} is unknown", route.name(), named(surprise));
                let details = stage
                    .expect(&allowed.clone().json(whole(&object)), INVALID, &what)
                    .await;
                if surprise == "surprise" {
                    assert_eq!(details["field"], named(surprise), "{what}");
                }
            }
            for member in rules["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
            {
                let mut object = sample.clone();
                object.as_object_mut().expect("an object").remove(member);
                let what = format!("{}: {} is missing", route.name(), named(member));
                let details = stage
                    .expect(&allowed.clone().json(whole(&object)), INVALID, &what)
                    .await;
                assert_eq!(details["field"], named(member), "{what}");
            }
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn what_is_only_odd_is_answered_one_way_or_the_other() {
    let stage = Stage::set().await;
    for (route, schema) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for field in fields(&schema) {
            for text in odd() {
                let sent = allowed.clone().json(field.with(&schema, &text));
                let text: String = text.chars().take(40).collect();
                stage
                    .expect(&sent, Answered, &format!("{}: {} = {text}", route.name(), field.name()))
                    .await;
            }
        }
    }
    println!("{} requests, none a server error", stage.asked());
}
