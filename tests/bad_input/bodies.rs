//! Whole bodies: not JSON, cut short, not UTF-8, too long, of another type.

use serde_json::{Value, json};

use system_tests::{
    routes::{Route, routes},
    samples::sample,
};

use crate::{
    doors::Expected::{self, Answered, Refused},
    stage::{NOTHING, Stage},
};

const INVALID: Expected = Refused(400, "VALIDATION_ERROR");
const UNSUPPORTED: Expected = Refused(415, "UNSUPPORTED_MEDIA_TYPE");
/// 1 MiB, the most that a body may have.
const MOST_BYTES: usize = 1 << 20;

/// Routes with a body, each with one that its schema allows.
fn with_bodies() -> Vec<(Route, Vec<u8>)> {
    routes()
        .into_iter()
        .filter_map(|route| {
            let body = sample(route.body.as_ref()?).to_string().into_bytes();
            Some((route, body))
        })
        .collect()
}

#[tokio::test]
async fn a_body_that_is_not_strict_json_is_refused() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    for (route, valid) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        let text = String::from_utf8_lossy(&valid);
        let mut bodies: Vec<Vec<u8>> = [
            " ",
            "\n",
            "\0",
            "{",
            "}",
            "[",
            "\"",
            "1",
            "\"text\"",
            "true",
            "nul",
            "{}{}",
            "{} x",
            "<xml/>",
            "a=1&b=2",
            "{'a':1}",
            "\u{1f}",
            "--boundary\r\n\r\n{}",
        ]
        .map(|text| text.as_bytes().to_owned())
        .into();
        bodies.push([b"\xef\xbb\xbf", valid.as_slice()].concat());
        bodies.push([valid.as_slice(), b"\0"].concat());
        bodies.push([valid.as_slice(), b"\xff"].concat());
        bodies.push([b"{\"\xff\":1,", &valid[1..]].concat());
        bodies.push(b"{\"a\":\"\xc0\xaf\"}".to_vec());
        bodies.push(b"{\"a\":\"\xed\xa0\x80\"}".to_vec());
        bodies.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        bodies.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        bodies.push(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0C\xbf\xa6\xa3\x02\0\0\0".to_vec());
        // Names as long as a body can be: one nobody knows, one that is there twice, one full of what JSON escapes.
        let long = "n".repeat(MOST_BYTES / 2 - 64);
        bodies.push(format!("{{\"{long}\":1}}").into_bytes());
        bodies.push(format!("{{\"{long}\":1,\"{long}\":1}}").into_bytes());
        let escaped = "\u{202e}".repeat(MOST_BYTES / 8);
        bodies.push(format!("{{\"{escaped}\":1,\"{escaped}\":1}}").into_bytes());
        bodies.push("[".repeat(MOST_BYTES).into_bytes());
        bodies.push("{\"a\":".repeat(MOST_BYTES / 5).into_bytes());
        // Cut short, but not to nothing, which is an absent body.
        bodies.extend((1..valid.len()).map(|length| valid[..length].to_owned()));
        for body in bodies {
            let shown: String = String::from_utf8_lossy(&body).chars().take(40).collect();
            let sent = allowed.clone().json(&body);
            stage
                .expect(&sent, INVALID, &format!("{} {shown:?}", route.name()))
                .await;
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn an_absent_body_is_an_empty_object_and_null_is_none() {
    let stage = Stage::set().await;
    for (route, _) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        let schema = route.body.clone().unwrap_or_default();
        let requires = sample(&schema) != json!({});
        let expected = if requires { INVALID } else { Answered };
        for sent in [
            allowed.clone(),
            allowed.clone().json(""),
            allowed.clone().body("text/plain", ""),
        ] {
            let details = stage
                .expect(&sent, expected, &format!("{} without a body", route.name()))
                .await;
            assert!(!requires || details["field"].is_string(), "{}: {details}", route.name());
        }
        let is_optional = schema["oneOf"]
            .as_array()
            .is_some_and(|either| either.iter().any(|one| one["type"] == "null"));
        let expected = if is_optional { Answered } else { INVALID };
        stage
            .expect(
                &allowed.clone().json("null"),
                expected,
                &format!("{} with null", route.name()),
            )
            .await;
    }
}

#[tokio::test]
async fn a_body_may_have_one_mebibyte_and_not_a_byte_more() {
    let stage = Stage::set().await;
    let pad = |valid: &[u8], length: usize| [valid, " ".repeat(length - valid.len()).as_bytes()].concat();
    let mut largest = 0;
    for (route, valid) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        let before = stage.stack.snapshot().await;
        for body in [
            pad(&valid, MOST_BYTES + 1),
            pad(&valid, 5 * MOST_BYTES),
            vec![0xff; MOST_BYTES + 1],
        ] {
            let sent = allowed.clone().json(body);
            let expected = Refused(413, "PAYLOAD_TOO_LARGE");
            let details = stage
                .expect(&sent, expected, &format!("{} over 1 MiB", route.name()))
                .await;
            assert_eq!(details["max_bytes"], MOST_BYTES);
        }
        assert_eq!(
            stage.stack.snapshot().await,
            before,
            "{}: nothing was changed",
            route.name()
        );

        let sent = allowed.clone().json(pad(&valid, MOST_BYTES));
        let answer = sent.through_router(&stage.client).await.expect("a readable request");
        let small = allowed.clone().json(&valid).through_router(&stage.client).await;
        let small = small.expect("a readable request");
        assert_ne!(answer.status, 413, "{}: {}", route.name(), answer.text());
        // The same body again may meet what the first made, which is a conflict and no longer a success.
        assert!(
            answer.status == small.status || small.status == 409,
            "{}: {} and {}",
            route.name(),
            answer.status,
            small.status
        );
        largest += 1;
    }
    println!("{largest} routes take exactly 1 MiB");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    for (route, valid) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        let body = if valid == b"{}" { b"{ }".to_vec() } else { valid };
        for content_type in [
            "",
            " ",
            "json",
            "application",
            "application/",
            "/json",
            "text/json",
            "text/plain",
            "application/jsonp",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/octet-stream",
            "application/json; charset=iso-8859-1",
            "application/json; charset=utf-16",
            "application/json;charset=utf-8;charset=latin1",
            "application/json, application/json",
            "application/json, text/plain",
            "text/plain, application/json",
            "text/plain;a=1, application/x+json",
            "application/xml, application/x+json",
            "application/json; a=1, text/html",
            "application/jso\u{fc}",
        ] {
            let sent = allowed.clone().body(content_type, &body);
            let what = format!("{} as {content_type:?}", route.name());
            if content_type.is_ascii() {
                stage.expect(&sent, UNSUPPORTED, &what).await;
            } else {
                stage.expect(&sent, Answered, &what).await;
            }
        }
        let mut without = allowed.clone().json(&body).without("content-type");
        stage
            .expect(&without, UNSUPPORTED, &format!("{} as nothing", route.name()))
            .await;
        without = without
            .header("content-type", "application/json")
            .header("content-type", "text/plain");
        stage
            .expect(&without, UNSUPPORTED, &format!("{} as two things", route.name()))
            .await;
        for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "x"] {
            let sent = allowed.clone().json(&body).header("content-encoding", encoding);
            let what = format!("{} encoded as {encoding:?}", route.name());
            let details = stage.expect(&sent, UNSUPPORTED, &what).await;
            assert_eq!(details["header"], "Content-Encoding", "{what}");
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn json_goes_by_its_names() {
    let stage = Stage::set().await;
    for (route, valid) in with_bodies() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for content_type in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;CHARSET=\"UTF-8\"",
            "application/json ; odata=verbose",
            "application/merge-patch+json",
        ] {
            let sent = allowed
                .clone()
                .body(content_type, &valid)
                .header("content-encoding", "identity");
            let answer = sent.through_lambda(&stage.client).await;
            assert_ne!(answer.status, 415, "{} {}", route.name(), answer.text());
        }
    }
}

#[tokio::test]
async fn a_body_where_none_is_read_changes_nothing_about_the_answer() {
    let stage = Stage::set().await;
    for route in routes().iter().filter(|route| route.body.is_none()) {
        let allowed = stage.allowed(route, route.at(NOTHING)).await;
        let plain = allowed.through_lambda(&stage.client).await;
        for body in [b"{".to_vec(), b"\xff".to_vec(), vec![b'x'; MOST_BYTES + 1]] {
            let sent = allowed.clone().json(&body);
            stage
                .expect(&sent, Answered, &format!("{} with a body", route.name()))
                .await;
            assert_eq!(
                sent.through_lambda(&stage.client).await.status,
                plain.status,
                "{}",
                route.name()
            );
        }
    }
}

#[tokio::test]
async fn many_events_at_once_are_each_held_to_the_rules() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    let route = routes()
        .into_iter()
        .find(|route| route.name() == "POST /api/v1/audit/events")
        .expect("the route that takes one object or several");
    let allowed = stage.allowed(&route, &route.path).await;
    let valid = sample(&route.body.clone().unwrap_or_default());
    let mut broken = valid.clone();
    broken["tool"] = json!(7);
    let with_id = |number: usize| {
        let mut event = valid.clone();
        event["request_id"] = json!(format!("many-{number}"));
        event
    };
    let too_many: Vec<Value> = (0..1_001).map(with_id).collect();
    for (body, field) in [
        (json!([]), None),
        (json!(too_many), None),
        (json!([valid, broken]), Some("[1].tool")),
        (json!([valid, null]), Some("[1]")),
        (json!([[valid]]), Some("[0]")),
        (json!([7]), Some("[0]")),
    ] {
        let sent = allowed.clone().json(body.to_string());
        let shown: String = body.to_string().chars().take(40).collect();
        let details = stage.expect(&sent, INVALID, &shown).await;
        assert_eq!(details["field"].as_str(), field, "{shown}");
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
}
