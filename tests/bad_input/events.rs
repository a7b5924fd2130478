//! Events that no gateway would send, or that a client got through it: each is answered in the gateway's form, and the
//! next one is served as if nothing had been.

use serde_json::{Value, json};
use shared::testing::undecodable_events;

use system_tests::{
    routes::{Access, routes},
    samples::sample,
};

use crate::{
    doors::{
        Expected::{Answered, Refused},
        Sent, judge,
    },
    stage::{NOTHING, Stage, as_key},
};

/// Every JSON pointer into the value, its root included.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    for (name, inner) in value.as_object().into_iter().flatten() {
        let name = name.replace('~', "~0").replace('/', "~1");
        pointers(inner, &format!("{at}/{name}"), found);
    }
}

fn odd_values() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1.5),
        json!(u64::MAX),
        json!(""),
        json!("text"),
        json!("\u{0}\u{1}\r\nx: y"),
        json!("\u{ffff}😀"),
        json!("%"),
        json!("x".repeat(70_000)),
        json!([]),
        json!([null, 1, "a"]),
        json!({}),
        json!({ "a": null, "B": ["c"], "": "" }),
        deep,
    ]
}

async fn is_still_served(stage: &Stage) {
    let healthy = as_key(Sent::new("GET", "/api/v1"), &stage.tenant.admin);
    healthy.through_lambda(&stage.client).await.expect(200);
}

#[tokio::test]
async fn an_event_with_anything_in_any_of_its_places_is_answered() {
    let stage = Stage::set().await;
    let mut count = 0;
    let all = routes();
    let shapes = [
        "GET /health",
        "GET /api/v1/users",
        "POST /api/v1/approvals",
        "PATCH /api/v1/tenants/{id}",
    ];
    for route in all.iter().filter(|route| shapes.contains(&route.name().as_str())) {
        let sent = stage.allowed(route, route.at(NOTHING) + "?unheard_of=1").await;
        let sent = match &route.body {
            Some(schema) => sent.json(sample(schema).to_string()),
            None => sent,
        };
        let sent = sent.header("x-forwarded-proto", "https").header("cookie", "a=1");
        let mut event = sent.event();
        event["cookies"] = json!(["a=1"]);
        event["queryStringParameters"] = json!({ "unheard_of": "1" });
        event["pathParameters"] = json!({ "id": "x" });
        event["stageVariables"] = json!({ "a": "b" });
        event["requestContext"]["timeEpoch"] = json!(1_700_000_000_000_i64);
        event["requestContext"]["domainName"] = json!("api.example.com");
        event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": {}, "scopes": null } });
        let mut places = Vec::new();
        pointers(&event, "", &mut places);
        for place in places {
            for value in odd_values() {
                let mut odd = event.clone();
                *odd.pointer_mut(&place).expect("a place") = value;
                let what = format!("{} with {place} odd", route.name());
                judge(&stage.client.invoke(odd).await, Answered, &what);
                count += 1;
            }
            if let Some((parent, name)) = place.rsplit_once('/') {
                let mut without = event.clone();
                let parent = without
                    .pointer_mut(parent)
                    .and_then(Value::as_object_mut)
                    .expect("an object");
                parent.remove(&name.replace("~1", "/").replace("~0", "~"));
                judge(
                    &stage.client.invoke(without).await,
                    Answered,
                    &format!("{} without {place}", route.name()),
                );
                count += 1;
            }
        }
        is_still_served(&stage).await;
    }
    println!("{count} events, each answered");
    assert!(count > 1_000, "{count} events");
}

#[tokio::test]
async fn what_is_no_request_of_an_http_api_is_400() {
    let stage = Stage::set().await;
    let request = Sent::new("GET", "/health").event();
    let with = |pointer: &str, value: Value| {
        let mut event = request.clone();
        *event.pointer_mut(pointer).expect("a place") = value;
        event
    };
    for event in [
        json!(null),
        json!([]),
        json!("GET /health HTTP/1.1"),
        json!({}),
        json!({ "httpMethod": "GET", "path": "/health", "headers": {}, "requestContext": { "stage": "x" } }),
        json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} }),
        json!({ "Records": [{ "eventSource": "aws:sqs", "body": "{}" }] }),
        json!({ "requestContext": { "elb": {} }, "httpMethod": "GET", "path": "/health" }),
        json!({ "requestContext": { "routeKey": "$connect", "connectionId": "x" } }),
        with("/requestContext/http/method", json!("GE T")),
        with("/requestContext/http/method", json!("")),
        with("/requestContext/http/method", json!("GÉT")),
        with("/requestContext/http/method", json!(null)),
        with("/requestContext/http", json!([])),
        with("/headers", json!([["host", "x"]])),
        with("/headers", json!({ "a b": "c" })),
        with("/headers", json!({ "x": "a\r\nb: c" })),
        with("/headers", json!({ "x": ["a"] })),
        with("/headers", json!({ "": "a" })),
        with("/rawPath", json!("x".repeat(70_000))),
        with("/rawQueryString", json!("x".repeat(70_000))),
        with("/body", json!({ "a": 1 })),
    ] {
        let answer = stage.client.invoke(event.clone()).await;
        let shown: String = event.to_string().chars().take(80).collect();
        judge(&answer, Refused(400, "VALIDATION_ERROR"), &shown);
    }
    let crowd: serde_json::Map<String, Value> = (0..40_000).map(|number| (format!("x-{number}"), json!("1"))).collect();
    let answer = stage.client.invoke(with("/headers", Value::Object(crowd))).await;
    judge(&answer, Refused(400, "VALIDATION_ERROR"), "40,000 headers");
    let mut head = with("/headers", json!({ "x": "a\r\nb: c" }));
    head["requestContext"]["http"]["method"] = json!("HEAD");
    let answer = stage.client.invoke(head).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, ""),
        "an answer to HEAD has no content"
    );
    is_still_served(&stage).await;
}

#[tokio::test]
async fn what_cannot_be_decoded_is_400_and_changes_nothing() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    let mut count = 0;
    for route in routes() {
        let sent = stage.allowed(&route, route.at(NOTHING)).await;
        let body = route.body.as_ref().map(|schema| sample(schema).to_string());
        let sound = sent.json(body.unwrap_or_default()).event();
        for (spoilt, bytes) in undecodable_events(&sound) {
            let what = format!("{}: {spoilt}", route.name());
            let answer = stage.client.invoke_bytes(bytes).await;
            let details = judge(&answer, Refused(400, "VALIDATION_ERROR"), &what);
            assert_eq!(details["field"], "event", "{what}");
            count += 1;
        }
    }
    assert_eq!(stage.stack.snapshot().await, before);
    println!("{count} events that cannot be decoded, each refused");
    is_still_served(&stage).await;
}

#[tokio::test]
async fn a_body_in_base64_is_what_is_in_it() {
    let stage = Stage::set().await;
    for route in routes()
        .iter()
        .filter(|route| route.body.is_some() && route.access == Access::Tenant)
    {
        let schema = route.body.clone().unwrap_or_default();
        let sent = stage.allowed(route, route.at(NOTHING)).await.json("");
        let mut event = sent.event();
        event["isBase64Encoded"] = json!(true);
        for undecodable in ["!", "e30", "e30=\n", " e30=", "e3-_", "e30=e30=", "=", "ü"] {
            event["body"] = json!(undecodable);
            let answer = stage.client.invoke(event.clone()).await;
            let details = judge(
                &answer,
                Refused(400, "VALIDATION_ERROR"),
                &format!("{} {undecodable}", route.name()),
            );
            assert_eq!(details["field"], "body", "{} {undecodable}", route.name());
        }
        // `{"surprise":1}`, twice: as it is, and in base64 without being marked so.
        event["body"] = json!("eyJzdXJwcmlzZSI6MX0=");
        let answer = stage.client.invoke(event.clone()).await;
        let details = judge(&answer, Refused(400, "VALIDATION_ERROR"), &route.name());
        let is_a_map = schema["additionalProperties"].is_object();
        assert!(
            is_a_map || details["field"] == "surprise",
            "{}: {details}",
            route.name()
        );
        event["isBase64Encoded"] = json!(false);
        let answer = stage.client.invoke(event.clone()).await;
        judge(&answer, Refused(400, "VALIDATION_ERROR"), &route.name());
    }
    is_still_served(&stage).await;
}

#[tokio::test]
async fn a_flood_of_odd_events_side_by_side_leaves_every_other_one_served() {
    let stage = Stage::set().await;
    let odd = odd_values();
    let sound = as_key(Sent::new("GET", "/api/v1"), &stage.tenant.admin).event();
    let undecodable = undecodable_events(&sound);
    // The adapter's futures stay on one thread, as they do in Lambda.
    let local = tokio::task::LocalSet::new();
    let mut asked = Vec::new();
    for number in 0..200 {
        let client = stage.client.clone();
        let event = match number % 4 {
            0 => odd[number % odd.len()].to_string().into_bytes(),
            2 => undecodable[number % undecodable.len()].1.clone(),
            _ => sound.to_string().into_bytes(),
        };
        asked.push(local.spawn_local(async move { client.invoke_bytes(event).await.status }));
    }
    local.await;
    for (number, asked) in asked.into_iter().enumerate() {
        let expected = if number % 2 == 0 { 400 } else { 200 };
        assert_eq!(asked.await.expect("no future panicked"), expected, "{number}");
    }
}
