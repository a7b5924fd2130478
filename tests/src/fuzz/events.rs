//! What the gateway hands over: events, from their JSON to the answer.

use axum::{
    extract::State,
    http::{HeaderName, Method},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::{
    context::AppContext,
    http::{ApiError, Cursor, Json, OneOrMany, PageSize, Path, Query, app},
    testing::{TestClient, context_without_servers},
};
use tokio::runtime::Runtime;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

/// The product behind the Lambda entry, but for `health`, which asks Postgres; nobody's credential is known, so that no
/// request gets as far as a database. `/probe/{id}` reads all that a route can read, without credentials.
struct Entry {
    runtime: Runtime,
    client: TestClient,
}

impl Entry {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("no runtime: {error}"));
        let entered = runtime.enter();
        let routes = OpenApiRouter::new()
            .merge(tenant::routes())
            .merge(approval::routes())
            .merge(audit::routes())
            .route("/probe/{id}", axum::routing::any(probe));
        let client = TestClient::new(app(context_without_servers(), routes).0);
        drop(entered);
        Self { runtime, client }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeQuery {
    limit: Option<PageSize>,
    cursor: Option<String>,
    #[serde(default, with = "shared::http::timestamp::option")]
    from: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeBody {
    name: String,
    #[serde(default)]
    count: u32,
    #[serde(default)]
    arguments: Map<String, Value>,
    inner: Option<Box<ProbeBody>>,
    #[serde(default, with = "shared::http::timestamp::option")]
    at: Option<DateTime<Utc>>,
}

async fn probe(
    State(ctx): State<AppContext>,
    Path(id): Path<Uuid>,
    Query(query): Query<ProbeQuery>,
    Json(body): Json<OneOrMany<ProbeBody>>,
) -> Result<Json<Value>, ApiError> {
    let cursor = Cursor::of("probe", id, &(query.limit, query.from));
    let after = cursor.read(query.cursor.as_deref())?;
    let first = match &body {
        OneOrMany::One(body) => Some(body),
        OneOrMany::Many(bodies) => bodies.first(),
    };
    let read = first.map(|body| {
        json!({ "name": body.name, "count": body.count, "members": body.arguments.len(), "at": body.at,
                "deep": body.inner.is_some(), "after": after, "now": ctx.clock.now() })
    });
    Ok(Json(read.unwrap_or_default()))
}

/// Every event is answered, in the contract's form and never as a server's error. Bytes that are no JSON are refused, and
/// then taken apart, a line each, into the parts of a request.
pub(super) fn lambda_event(data: &[u8]) {
    thread_local! {
        static ENTRY: Entry = Entry::new();
    }
    let event = serde_json::from_slice(data).unwrap_or_else(|_| {
        ENTRY.with(|entry| {
            let answer = entry.runtime.block_on(entry.client.invoke_bytes(data.to_vec()));
            assert_eq!(answer.status, 400, "{} for {}", answer.text(), data.escape_ascii());
            answer.expect_error(400, "VALIDATION_ERROR");
        });
        request(data)
    });
    let method = event.pointer("/requestContext/http/method").and_then(Value::as_str);
    let is_head = method == Some("HEAD");
    ENTRY.with(|entry| {
        let answer = entry.runtime.block_on(entry.client.invoke(event.clone()));
        if answer.status < 400 {
            assert!([200, 204].contains(&answer.status), "{} for {event}", answer.status);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{event}");
        } else if is_head {
            assert!(
                answer.status < 500 && answer.bytes.is_empty(),
                "{} for {event}",
                answer.status
            );
        } else {
            assert!(answer.status < 500, "{} for {event}", answer.text());
            let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
            answer.expect_error(answer.status, &code);
        }
    });
}

/// Method, path, query, up to four headers and a body, in lines of their own.
fn request(data: &[u8]) -> Value {
    let mut lines = data.splitn(8, |byte| *byte == b'\n').map(String::from_utf8_lossy);
    let mut next = || lines.next().unwrap_or_default().into_owned();
    let (method, path, query) = (next(), next(), next());
    let mut headers = Map::new();
    headers.insert("content-type".to_owned(), json!("application/json"));
    for _ in 0..4 {
        let line = next();
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_owned(), value.trim_start().into());
        }
    }
    // A method or a header's name that is none is refused at once, which is not worth every second run.
    let method = if method.parse::<Method>().is_ok() {
        method
    } else {
        "POST".to_owned()
    };
    headers.retain(|name, _| name.parse::<HeaderName>().is_ok());
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": { "http": { "method": method, "sourceIp": "203.0.113.9" } },
        "body": next(),
        "isBase64Encoded": false,
    })
}
