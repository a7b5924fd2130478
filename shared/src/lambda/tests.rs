use axum::routing::get;
use proptest::prelude::*;

use super::*;
use crate::{
    config::TelemetryConfig,
    testing::{TestLog, undecodable_events},
};

/// Says what it was asked, as the handlers behind the real router see it.
fn echo() -> Router {
    Router::new()
        .route("/cookies", get(|| async { ([(SET_COOKIE, "a=1")], "{}") }))
        .route("/panic", get(|| async { panicking() }))
        .route(
            "/broken",
            get(|| async { Body::from_stream(futures_util::stream::iter([Err::<String, _>("broken")])) }),
        )
        .route(
            "/bytes",
            get(|| async { ([(CONTENT_TYPE, "application/octet-stream")], vec![0_u8, 255]) }),
        )
        .route("/varied", get(varied))
        .fallback(|request: Request<Body>| async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.expect("whole").to_bytes();
            let told = json!({
                "method": parts.method.as_str(),
                "path": parts.uri.path(),
                "query": parts.uri.query(),
                "host": parts.headers.get(HOST).and_then(|host| host.to_str().ok()),
                "source": parts.extensions.get::<SourceAddress>().map(|source| source.0.clone()),
                "invocation": parts.extensions.get::<LambdaRequestId>().map(|id| id.0.clone()),
                "body": String::from_utf8_lossy(&body),
            });
            ([(CONTENT_TYPE, "application/json")], told.to_string())
        })
}

fn panicking() -> Response {
    panic!("as a handler might")
}

async fn varied() -> Response {
    let mut response = Response::new(Body::from("{}"));
    let headers = response.headers_mut();
    headers.append("vary", HeaderValue::from_static("Origin"));
    headers.append("vary", HeaderValue::from_static("Accept"));
    headers.append(SET_COOKIE, HeaderValue::from_static("a=1"));
    headers.append(SET_COOKIE, HeaderValue::from_static("b=2"));
    headers.insert(
        "x-bytes",
        HeaderValue::from_bytes(b"\xff").expect("opaque bytes may stand in a header"),
    );
    response
}

fn event(method: &str, path: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "api.example.com", "x-forwarded-proto": "https" },
        "requestContext": {
            "stage": "$default",
            "timeEpoch": 1_700_000_000_000_i64,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9" },
        },
        "isBase64Encoded": false,
    })
}

/// The event with one member replaced; `pointer` is a JSON pointer whose parent is there.
fn with(mut event: Value, pointer: &str, value: impl Into<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    event.pointer_mut(parent).expect("a parent")[name] = value.into();
    event
}

async fn gateway_answer(payload: Value) -> Value {
    gateway_answer_to(payload.to_string()).await
}

async fn gateway_answer_to(event: impl Into<Bytes>) -> Value {
    let mut context = Context::default();
    context.request_id = "lambda-1".to_owned();
    let answer = answer(echo(), event.into(), context)
        .await
        .unwrap_or_else(|never| match never {});
    serde_json::to_value(answer).expect("what the runtime sends")
}

/// What the router was asked.
async fn seen(payload: Value) -> Value {
    let answer = gateway_answer(payload).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON")
}

/// The envelope of an answer with this status.
async fn refused(payload: Value, status: u16) -> Value {
    envelope_of(&gateway_answer(payload).await, status)
}

/// The envelope in what the gateway is given, with this status.
fn envelope_of(answer: &Value, status: u16) -> Value {
    assert_eq!(answer["statusCode"], status, "{answer}");
    assert_eq!(answer["isBase64Encoded"], false);
    assert_eq!(answer["headers"]["content-type"], "application/json");
    assert_eq!(answer["headers"]["cache-control"], "no-store");
    let envelope: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(envelope["success"], false);
    assert_eq!(envelope["meta"]["request_id"], answer["headers"]["x-request-id"]);
    DateTime::parse_from_rfc3339(envelope["meta"]["timestamp"].as_str().expect("a time")).expect("RFC 3339");
    envelope
}

#[tokio::test]
async fn a_request_reaches_the_router_with_all_its_parts() {
    let payload = with(
        event("POST", "/api/v1/approvals"),
        "/rawQueryString",
        "limit=5&cursor=a%20b",
    );
    let payload = with(payload, "/body", "{\"reason\":\"ä\"}");
    assert_eq!(
        seen(payload).await,
        json!({
            "method": "POST", "path": "/api/v1/approvals", "query": "limit=5&cursor=a%20b", "host": "api.example.com",
            "source": "203.0.113.9", "invocation": "lambda-1", "body": "{\"reason\":\"ä\"}"
        })
    );
}

#[tokio::test]
async fn a_body_in_base64_is_decoded_and_an_undecodable_one_refused() {
    let payload = with(event("POST", "/"), "/isBase64Encoded", true);
    assert_eq!(seen(with(payload.clone(), "/body", "aGVsbG8=")).await["body"], "hello");
    assert_eq!(seen(payload.clone()).await["body"], "");
    for body in ["aGVsbG8", "not base64!", "aGVsbG8=\n", "ä"] {
        let envelope = refused(with(payload.clone(), "/body", body), 400).await;
        assert_eq!(envelope["error"]["code"], "VALIDATION_ERROR");
        assert_eq!(envelope["error"]["details"]["field"], "body");
        assert_eq!(envelope["meta"]["request_id"], "lambda-1");
    }
}

#[tokio::test]
async fn a_refusal_carries_the_callers_request_id_when_it_is_one() {
    let payload = with(with(event("POST", "/"), "/isBase64Encoded", true), "/body", "!");
    let named = with(payload.clone(), "/headers/X-Request-Id", "mine-1");
    assert_eq!(refused(named, 400).await["meta"]["request_id"], "mine-1");
    for id in ["", "a b", "ä", &"x".repeat(129)] {
        let named = with(payload.clone(), "/headers/X-Request-Id", id);
        assert_eq!(refused(named, 400).await["meta"]["request_id"], "lambda-1", "{id}");
    }
}

#[tokio::test]
async fn a_malformed_host_becomes_localhost_and_a_sound_one_stays() {
    for host in [
        "api.example.com:8080",
        "[::1]:9000",
        "127.0.0.1:9000",
        "xn--strae-oqa.example",
        "xn--a",
        "1.2.3.4.5",
    ] {
        assert_eq!(seen(with(event("GET", "/"), "/headers/host", host)).await["host"], host);
    }
    let long = "x".repeat(256);
    for host in [
        "",
        ":",
        ":80",
        "a b",
        "a/b",
        "a@b",
        "[",
        "[::1",
        "a, b",
        "<script>",
        "exa\\mple",
        "ä.example",
        "%",
        &long,
    ] {
        assert_eq!(
            seen(with(event("GET", "/"), "/headers/host", host)).await["host"],
            "localhost",
            "{host:?}"
        );
    }
    let differently_spelt = with(with(event("GET", "/"), "/headers", json!({})), "/headers/HoSt", "a b");
    assert_eq!(seen(differently_spelt).await["host"], "localhost");
    let by_domain_name = with(
        with(event("GET", "/"), "/headers", json!({})),
        "/requestContext/domainName",
        "a b",
    );
    assert_eq!(seen(by_domain_name).await["host"], "localhost");
}

#[tokio::test]
async fn a_forwarded_protocol_may_be_anything() {
    for scheme in ["", "http", "gopher", "https, http", ":", "java script", "ä"] {
        assert_eq!(
            seen(with(event("GET", "/x"), "/headers/x-forwarded-proto", scheme)).await["path"],
            "/x",
            "{scheme:?}"
        );
    }
}

#[tokio::test]
async fn a_path_reaches_the_router_encoded_once_and_unresolved() {
    for (raw, path) in [
        ("", "/"),
        ("/", "/"),
        ("no-slash", "/no-slash"),
        ("/a%20b", "/a%20b"),
        ("/a b", "/a%20b"),
        ("/a%zz%4", "/a%25zz%254"),
        ("/100%", "/100%25"),
        ("/ä?#", "/%C3%A4%3F%23"),
        ("/\u{0}\n\u{7f}", "/%00%0A%7F"),
        ("/a\\b<>\"^`{|}[]", "/a%5Cb%3C%3E%22%5E%60%7B%7C%7D%5B%5D"),
        ("/a/../b/./c//d", "/a/../b/./c//d"),
        ("/a/%2e%2e/b", "/a/%2e%2e/b"),
        ("//evil.example/x", "//evil.example/x"),
        ("/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@"),
    ] {
        assert_eq!(seen(event("GET", raw)).await["path"], path, "{raw:?}");
    }
}

#[tokio::test]
async fn a_stage_adds_nothing_to_the_path() {
    assert_eq!(
        seen(with(event("GET", "/x"), "/requestContext/stage", "dev ä")).await["path"],
        "/x"
    );
}

#[tokio::test]
async fn a_query_reaches_the_router_such_as_a_uri_may_hold_it() {
    for (raw, query) in [
        ("a=b&c=%20/?", json!("a=b&c=%20/?")),
        ("a=b c", json!("a=b%20c")),
        ("a=ä#x", json!("a=%C3%A4%23x")),
        ("a[]=<\">", json!("a%5B%5D=%3C%22%3E")),
        ("", Value::Null),
    ] {
        assert_eq!(
            seen(with(event("GET", "/"), "/rawQueryString", raw)).await["query"],
            query,
            "{raw:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let scheduled = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
    let rest_api = json!({ "httpMethod": "GET", "path": "/", "headers": {}, "requestContext": { "stage": "x" } });
    for payload in [
        Value::Null,
        json!([]),
        json!("text"),
        json!({}),
        scheduled,
        rest_api,
        with(event("GET", "/"), "/requestContext/http", Value::Null),
        with(event("GET", "/"), "/requestContext/http/method", ""),
        with(event("GET", "/"), "/requestContext/http/method", "a b"),
        with(event("GET", "/"), "/requestContext/http/method", 7),
        with(event("GET", "/"), "/rawPath", json!(["/"])),
        with(event("GET", "/"), "/headers", "host"),
        with(event("GET", "/"), "/body", json!({})),
    ] {
        let envelope = refused(payload, 400).await;
        assert_eq!(envelope["error"]["details"]["field"], "event");
    }
    for (name, value) in [
        ("a b", json!("x")),
        ("", json!("x")),
        ("x", json!("a\nb")),
        ("x", json!(["a"])),
        ("x", json!(1)),
    ] {
        let envelope = refused(with(event("GET", "/"), &format!("/headers/{name}"), value), 400).await;
        assert_eq!(envelope["error"]["details"]["field"], "headers");
    }
    let many: serde_json::Map<_, _> = (0..40_000).map(|index| (format!("x-{index}"), "x".into())).collect();
    for payload in [
        event("GET", &"/".repeat(70_000)),
        with(event("GET", "/"), "/rawQueryString", "ä".repeat(20_000)),
        with(event("GET", "/"), "/headers", many),
    ] {
        assert_eq!(refused(payload, 400).await["error"]["details"]["field"], "request");
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused_like_any_other_event() {
    let sound = with(event("POST", "/api/v1/approvals"), "/body", "{}");
    let events = undecodable_events(&sound);
    assert!(events.len() >= 15);
    for (what, bytes) in events {
        let envelope = envelope_of(&gateway_answer_to(bytes).await, 400);
        assert_eq!(envelope["error"]["code"], "VALIDATION_ERROR", "{what}");
        assert_eq!(envelope["error"]["details"]["field"], "event", "{what}");
        assert_eq!(
            envelope["error"]["message"], "the event is not JSON that can be decoded",
            "{what}"
        );
        assert_eq!(envelope["meta"]["request_id"], "lambda-1", "{what}");
    }
    // As deep as can be decoded, and twice the same member: JSON, and no request.
    for bytes in [
        ["[".repeat(127), "]".repeat(127)].concat(),
        "{\"a\":1,\"a\":2}".to_owned(),
    ] {
        let envelope = envelope_of(&gateway_answer_to(bytes).await, 400);
        assert_eq!(
            envelope["error"]["message"],
            "this is not a request in the payload format 2.0 of an HTTP API"
        );
    }
    assert_eq!(seen(sound).await["path"], "/api/v1/approvals");
}

#[tokio::test]
async fn a_refused_event_leaves_the_line_that_every_request_leaves() {
    let log = TestLog::default();
    let config = TelemetryConfig {
        log_level: "info".to_owned(),
    };
    let logging = tracing::subscriber::set_default(telemetry::subscriber(&config, log.clone()));
    refused(with(event("PUT", "/x"), "/headers/a b", "x"), 400).await;
    refused(Value::Null, 400).await;
    drop(logging);
    let text = log.text();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut requests: Vec<Value> = lines.filter(|line| line["target"] == "request").collect();
    for (line, method) in requests.iter_mut().zip(["PUT", "unknown"]) {
        let line = line.as_object_mut().expect("an object");
        for differing in ["timestamp", "cold_start"] {
            assert!(line.remove(differing).is_some(), "{differing}");
        }
        assert!(line.remove("duration_ms").is_some_and(|duration| duration.is_f64()));
        assert_eq!(
            json!(line),
            json!({
                "level": "INFO", "target": "request", "event": "request", "method": method, "route": "unmatched",
                "status": 400, "request_id": "lambda-1", "error_code": "VALIDATION_ERROR", "lambda_request_id": "lambda-1"
            })
        );
    }
    assert_eq!(requests.len(), 2, "{text}");
}

#[tokio::test]
async fn a_panic_and_a_broken_body_are_answered_like_any_failure() {
    for path in ["/panic", "/broken"] {
        let envelope = refused(event("GET", path), 500).await;
        assert_eq!(
            envelope["error"],
            json!({ "code": "INTERNAL_ERROR", "message": "An unexpected error occurred" })
        );
    }
}

#[tokio::test]
async fn text_leaves_as_text_and_bytes_as_base64() {
    let bytes = gateway_answer(event("GET", "/bytes")).await;
    assert_eq!(
        (&bytes["isBase64Encoded"], &bytes["body"]),
        (&json!(true), &json!("AP8="))
    );
    let text = gateway_answer(event("GET", "/other")).await;
    assert_eq!(text["isBase64Encoded"], false);
}

#[tokio::test]
async fn repeated_headers_are_folded_and_unprintable_ones_left_out() {
    let answer = gateway_answer(event("GET", "/varied")).await;
    assert_eq!(answer["headers"]["vary"], "Origin, Accept");
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    assert!(answer["headers"].get("x-bytes").is_none());
    assert_eq!(
        gateway_answer(event("GET", "/cookies")).await["cookies"],
        json!(["a=1"])
    );
}

#[test]
fn an_answer_is_due_before_the_deadline_and_half_of_a_short_one_is_kept() {
    let due_in = |left_ms| {
        let now = Clock::system().now();
        let AnswerBy(due) = AnswerBy::before(now + chrono::Duration::milliseconds(left_ms), now);
        due.saturating_duration_since(Instant::now())
    };
    let about = |left_ms, expected_ms| {
        let (due, expected) = (due_in(left_ms), Duration::from_millis(expected_ms));
        // Time goes on while this is computed.
        assert!(
            due <= expected && due + Duration::from_secs(5) > expected,
            "{left_ms}: {due:?}"
        );
    };
    about(20_000, 19_000);
    about(1_000, 500);
    // A clock that is minutes ahead of Lambda's, and one that is minutes behind.
    about(-300_000, 28_000);
    about(300_000, 28_000);
}

#[test]
fn a_deadline_in_1970_is_none() {
    assert_eq!(plausible_deadline(0), None);
    assert_eq!(plausible_deadline(1_700_000_000), None);
    assert_eq!(plausible_deadline(u64::MAX), None);
    let deadline = plausible_deadline(1_800_000_000_000).expect("a real deadline");
    assert_eq!(deadline.timestamp_millis(), 1_800_000_000_000);
}

/// Text that URLs, hosts and headers are likely to stumble over.
fn awkward() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,20}",
        "[a-z0-9.:/@%\\[\\]\\\\?#&= <>\u{0}\u{7f}ä-]{0,24}",
        "(xn--)?[a-z0-9]{0,6}(\\.[0-9x]{0,4}){0,5}(:[0-9]{0,7})?",
        "(/(\\.|\\.\\.|%2e|%2F|a|)){0,6}",
        any::<String>(),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        awkward().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(awkward(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A request whose every member may be awkward text or any JSON at all.
fn awkward_event() -> impl Strategy<Value = Value> {
    let pointers = [
        "/rawPath",
        "/rawQueryString",
        "/headers/host",
        "/headers/Host",
        "/headers/x-forwarded-proto",
        "/headers/x-request-id",
        "/headers/x-other",
        "/body",
        "/isBase64Encoded",
        "/cookies",
        "/path",
        "/queryStringParameters",
        "/pathParameters",
        "/stageVariables",
        "/requestContext/stage",
        "/requestContext/domainName",
        "/requestContext/timeEpoch",
        "/requestContext/authorizer",
        "/requestContext/http/method",
        "/requestContext/http/sourceIp",
    ];
    let value =
        prop_oneof![4 => awkward().prop_map(Value::from), 1 => json_value(), 1 => any::<bool>().prop_map(Value::from)];
    prop::collection::vec((prop::sample::select(pointers.to_vec()), value), 0..6).prop_map(|changes| {
        changes
            .into_iter()
            .fold(event("GET", "/"), |event, (pointer, value)| with(event, pointer, value))
    })
}

fn decoded(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_let_through_never_makes_the_adapter_panic(event in prop_oneof![3 => awkward_event(), 1 => json_value()]) {
        let original = event.clone();
        if let Ok(sanitised) = event::sanitise(event) {
            let request: LambdaRequest = serde_json::from_value(sanitised).expect("the adapter understands it");
            let request = enter(lambda_http::Request::from(request));

            let raw_path = original["rawPath"].as_str().unwrap_or_default();
            let path = decoded(request.uri().path());
            let expected = decoded(raw_path);
            prop_assert!(path == expected || path == [b"/", expected.as_slice()].concat());
            let query = original["rawQueryString"].as_str().unwrap_or_default();
            prop_assert_eq!(decoded(request.uri().query().unwrap_or_default()), decoded(query));
            prop_assert!(request.uri().authority().is_none());
            prop_assert!(request.headers().get(HOST).is_some());
        }
    }

    #[test]
    fn every_event_is_answered_in_a_form_the_gateway_understands(event in prop_oneof![3 => awkward_event(), 1 => json_value()]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answer = runtime.block_on(gateway_answer(event));
        let status = answer["statusCode"].as_u64().expect("a status");
        prop_assert!(status == 200 || status == 400, "{}", answer);
    }
    #[test]
    fn all_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..40), at in any::<prop::sample::Index>(), spoilt in any::<bool>()) {
        if spoilt {
            let sound = event("GET", "/").to_string().into_bytes();
            let at = at.index(sound.len());
            bytes = [&sound[..at], &bytes, &sound[at..]].concat();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let answer = runtime.block_on(gateway_answer_to(bytes));
        let status = answer["statusCode"].as_u64().expect("a status");
        prop_assert!(status == 200 || status == 400, "{}", answer);
    }
}
