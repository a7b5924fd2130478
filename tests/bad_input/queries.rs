//! Query strings: unknown, repeated, undecodable, and every parameter beyond its rules.

use serde_json::Value;

use system_tests::{
    routes::{Access, Parameter, Route, routes},
    samples::sample,
};

use crate::{
    doors::Expected::{self, Answered, Refused},
    stage::{NOTHING, Stage},
};

const INVALID: Expected = Refused(400, "VALIDATION_ERROR");

/// A value that the parameter's schema allows, such as it stands in a query.
fn allowed_text(parameter: &Parameter) -> String {
    match sample(&parameter.schema) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Values that the parameter's schema excludes.
fn excluded(parameter: &Parameter) -> Vec<String> {
    let schema = &parameter.schema;
    let types = schema["type"].to_string();
    let is_special = schema["enum"].is_array() || schema["format"].is_string() || !types.contains("string");
    let mut values = Vec::new();
    if is_special {
        values.extend(["", "no-such-thing", "null", "%F0%9F%98%80", "%E2%80%AE", "[]", "NaN"].map(str::to_owned));
        values.push("9".repeat(1_000));
    }
    if types.contains("integer") {
        values.extend(["1.5", "1e1", "0x1", "1_0", "%201", "1%20", "--1", "9007199254740993"].map(str::to_owned));
    }
    if let Some(least) = schema["minimum"].as_i64() {
        values.push((least - 1).to_string());
        values.push(i64::MIN.to_string());
    }
    if let Some(most) = schema["maximum"].as_i64() {
        values.push((most + 1).to_string());
        values.push("1000000000".to_owned());
    }
    values
}

async fn refused(stage: &Stage, route: &Route, query: &str) -> Value {
    let sent = stage.allowed(route, format!("{}?{query}", route.at(NOTHING))).await;
    let shown: String = query.chars().take(60).collect();
    stage
        .expect(&sent, INVALID, &format!("{} ?{shown}", route.name()))
        .await
}

#[tokio::test]
async fn a_query_that_no_route_can_take_is_refused_on_every_route() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    for route in routes() {
        for (query, field) in [
            ("unheard_of=1", "unheard_of"),
            ("unheard_of", "unheard_of"),
            ("LIMIT=1", "LIMIT"),
            ("limit%00=1", ""),
            ("%00=%00", ""),
            ("%ff=1", ""),
            ("a=%C3%28", ""),
            ("a=%ED%A0%80", ""),
            ("unheard_of[]=1", "unheard_of[]"),
            ("%F0%9F%98%80=1", "😀"),
            ("=1", ""),
            ("__proto__=1", "__proto__"),
        ] {
            let details = refused(&stage, &route, query).await;
            if !field.is_empty() {
                assert_eq!(details["field"], field, "{} ?{query}", route.name());
            }
        }
        refused(&stage, &route, &"a=1&".repeat(2_000)).await;
        refused(&stage, &route, &"x".repeat(20_000)).await;
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn a_parameter_beyond_its_rules_is_refused_and_named() {
    let stage = Stage::set().await;
    let mut parameters = 0;
    for route in routes() {
        for parameter in &route.query {
            parameters += 1;
            let name = &parameter.name;
            let valid = allowed_text(parameter);
            let details = refused(&stage, &route, &format!("{name}={valid}&{name}={valid}")).await;
            assert_eq!(details["field"], *name, "{} twice", route.name());
            for value in excluded(parameter) {
                let details = refused(&stage, &route, &format!("{name}={value}")).await;
                assert_eq!(details["field"], *name, "{} ?{name}={value}", route.name());
            }
            for undecodable in ["%00", "a%00b", "%ff", "%C3%28", "%ED%A0%80"] {
                refused(&stage, &route, &format!("{name}={undecodable}")).await;
            }
        }
    }
    println!("{parameters} parameters, {} requests, all refused", stage.asked());
    assert!(parameters >= 30, "{parameters} parameters");
}

#[tokio::test]
async fn an_odd_query_is_answered_one_way_or_the_other() {
    let stage = Stage::set().await;
    for route in routes() {
        let path = route.at(NOTHING);
        for query in [
            "", "&", "&&&", "%", "%z", "%zz", "%%%", "a%", "#", "?", "??a", "/../", "a;b", "+", "a+b=c+d",
        ] {
            let sent = stage.allowed(&route, format!("{path}?{query}")).await;
            stage
                .expect(&sent, Answered, &format!("{} ?{query}", route.name()))
                .await;
        }
        for parameter in &route.query {
            for value in [
                "%zz",
                "%",
                "+",
                "%2B",
                "'",
                "%27%20OR%201=1--",
                "%0d%0aSet-Cookie:%20a=1",
                "%09",
                "%7f",
                "\u{e9}",
                "%C3%A9",
                "%F0%9F%98%80",
                "%EF%BF%BD",
                "../..",
                "a\tb",
                "{}",
                "\"",
                "%5Cud800",
            ] {
                let sent = stage
                    .allowed(&route, format!("{path}?{}={value}", parameter.name))
                    .await;
                stage
                    .expect(
                        &sent,
                        Answered,
                        &format!("{} ?{}={value}", route.name(), parameter.name),
                    )
                    .await;
            }
            let long = format!("{path}?{}={}", parameter.name, "x".repeat(30_000));
            let sent = stage.allowed(&route, long).await;
            stage
                .expect(&sent, Answered, &format!("{} ?{}=x…", route.name(), parameter.name))
                .await;
        }
    }
    println!("{} requests, none a server error", stage.asked());
}

#[tokio::test]
async fn a_query_longer_than_any_uri_is_refused_where_it_can_arrive() {
    let stage = Stage::set().await;
    for route in routes().iter().filter(|route| route.access == Access::Tenant) {
        let sent = stage
            .allowed(route, format!("{}?a={}", route.at(NOTHING), "x".repeat(200_000)))
            .await;
        stage.expect(&sent, INVALID, &format!("{} ?a=x…", route.name())).await;
    }
}
