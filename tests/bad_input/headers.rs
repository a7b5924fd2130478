//! Headers: odd tenants, credentials, request ids, idempotency keys and hosts; very long ones and very many.

use system_tests::routes::{Access, Route, routes};

use crate::{
    doors::Expected::{self, Answered, Refused},
    stage::{NOTHING, Stage, as_key},
};

const UNAUTHORIZED: Expected = Refused(401, "UNAUTHORIZED");
const INVALID_TENANT: Expected = Refused(400, "INVALID_TENANT_ID");

fn of(access: Access) -> Vec<Route> {
    routes().into_iter().filter(|route| route.access == access).collect()
}

#[tokio::test]
async fn a_tenant_header_that_is_not_one_uuid_is_refused() {
    let stage = Stage::set().await;
    let tenant = stage.tenant.id.to_string();
    let before = stage.stack.snapshot().await;
    for route in of(Access::Tenant) {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await.without("x-tenant-id");
        let mut values: Vec<Vec<u8>> = [
            "",
            " ",
            "x",
            "0",
            "null",
            "undefined",
            "*",
            "%00",
            "../..",
            "{}",
            "' OR 1=1--",
            &tenant.replace('-', ""),
            &format!("{{{tenant}}}"),
            &format!("urn:uuid:{tenant}"),
            &format!("{tenant}0"),
            &tenant[..35],
            &format!("{tenant},{tenant}"),
            &format!("{tenant} {tenant}"),
            &format!("\"{tenant}\""),
            &tenant.replace('-', "_"),
            &"0".repeat(20_000),
        ]
        .map(|value| value.as_bytes().to_owned())
        .into();
        values.push("x".repeat(36).into_bytes());
        for value in values {
            let shown = String::from_utf8_lossy(&value).chars().take(50).collect::<String>();
            let sent = allowed.clone().header("x-tenant-id", value);
            stage
                .expect(&sent, INVALID_TENANT, &format!("{} for {shown:?}", route.name()))
                .await;
        }
        let twice = allowed
            .clone()
            .header("x-tenant-id", &tenant)
            .header("x-tenant-id", &tenant);
        stage
            .expect(&twice, INVALID_TENANT, &format!("{} for two tenants", route.name()))
            .await;
        stage
            .expect(
                &allowed,
                Refused(400, "MISSING_TENANT_ID"),
                &format!("{} for no tenant", route.name()),
            )
            .await;
        for unknown in [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            NOTHING,
        ] {
            let sent = allowed.clone().header("x-tenant-id", unknown);
            stage
                .expect(&sent, UNAUTHORIZED, &format!("{} for {unknown}", route.name()))
                .await;
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn a_credential_that_is_none_is_401() {
    let stage = Stage::set().await;
    let key = &stage.tenant.admin.text;
    let before = stage.stack.snapshot().await;
    for route in routes().iter().filter(|route| route.access != Access::Public) {
        let allowed = stage.allowed(route, route.at(NOTHING)).await.without("authorization");
        let (head, tail) = key.split_at(key.len() - 1);
        let typo = format!("Bearer {head}{}", if tail == "0" { "1" } else { "0" });
        for value in [
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Bearer  ",
            "bearer null",
            "Bearer undefined",
            "Basic YTpi",
            "Digest a",
            key,
            &format!("Basic {key}"),
            &format!("Bearer{key}"),
            &format!("Bearer\t{key}"),
            &format!("Bearer {key} {key}"),
            &format!("Bearer {key},Bearer {key}"),
            &format!("Bearer \"{key}\""),
            &format!("Token {key}"),
            &format!("Bearer {}", &key[1..]),
            &format!("Bearer {}", key.to_uppercase()),
            &format!("Bearer {head}"),
            &typo,
            "Bearer cs_dev__",
            "Bearer cs_",
            "Bearer ______",
            "Bearer cs_dev_0_0000000",
            "Bearer ' OR 1=1--",
            &format!("Bearer {}", "A".repeat(20_000)),
            &format!("Bearer cs_dev_{}", "_".repeat(20_000)),
        ] {
            let sent = allowed.clone().header("authorization", value);
            stage
                .expect(&sent, UNAUTHORIZED, &format!("{} with {value:.40}", route.name()))
                .await;
        }
        let bearer = format!("Bearer {key}");
        let twice = allowed
            .clone()
            .header("authorization", &bearer)
            .header("authorization", &bearer);
        stage
            .expect(&twice, UNAUTHORIZED, &format!("{} with two", route.name()))
            .await;
        stage
            .expect(&allowed, UNAUTHORIZED, &format!("{} with none", route.name()))
            .await;
        for value in [
            b"Bearer \xff\xfe".to_vec(),
            "Bearer schlüssel".into(),
            b"\xc3\x28".to_vec(),
        ] {
            let sent = allowed.clone().header("authorization", &value);
            stage
                .expect(&sent, UNAUTHORIZED, &format!("{} with {value:?}", route.name()))
                .await;
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} requests, all refused", stage.asked());
}

#[tokio::test]
async fn an_idempotency_key_that_is_none_is_refused_where_one_is_taken() {
    let stage = Stage::set().await;
    let mut taking = 0;
    for route in routes() {
        let takes = route.headers.iter().any(|name| name == "idempotency-key");
        taking += u32::from(takes);
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for value in ["", " ", "a b", "a\tb", &"x".repeat(256), &"x".repeat(20_000)] {
            let sent = allowed.clone().header("idempotency-key", value);
            let expected = if takes {
                Refused(400, "VALIDATION_ERROR")
            } else {
                Answered
            };
            stage
                .expect(&sent, expected, &format!("{} with {value:.20}", route.name()))
                .await;
        }
    }
    println!("{taking} routes take an idempotency key; {} requests", stage.asked());
}

#[tokio::test]
async fn a_request_id_is_echoed_only_when_it_is_one() {
    let stage = Stage::set().await;
    for route in routes() {
        let allowed = stage.allowed(&route, route.at(NOTHING) + "?unheard_of=1").await;
        let longest = "x".repeat(128);
        for (id, is_one) in [
            ("mine-1", true),
            ("~!@#$%^&*()", true),
            (longest.as_str(), true),
            ("", false),
            ("a b", false),
            ("a\tb", false),
            (&"x".repeat(129), false),
            (&"x".repeat(20_000), false),
        ] {
            let sent = allowed.clone().header("x-request-id", id);
            let direct = sent.through_router(&stage.client).await.expect("a readable request");
            for answer in [direct, sent.through_lambda(&stage.client).await] {
                answer.expect_error(400, "VALIDATION_ERROR");
                assert_eq!(
                    answer.header("x-request-id") == Some(id),
                    is_one,
                    "{} with {id:.40}",
                    route.name()
                );
            }
        }
    }
}

#[tokio::test]
async fn odd_headers_that_nobody_asked_for_are_answered_one_way_or_the_other() {
    let stage = Stage::set().await;
    let long = "x".repeat(100_000);
    for route in routes() {
        let allowed = stage.allowed(&route, route.at(NOTHING)).await;
        for (name, value) in [
            ("host", ""),
            ("host", "["),
            ("host", "[::1"),
            ("host", "a b"),
            ("host", "x:99999"),
            ("host", "%"),
            ("host", "a@b"),
            ("host", ":80"),
            ("host", "a, b"),
            ("host", "../.."),
            ("host", "<script>"),
            ("host", long.as_str()),
            ("x-forwarded-proto", ""),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-proto", "gopher://"),
            ("x-forwarded-for", "' OR 1=1--"),
            ("x-forwarded-host", "["),
            ("x-forwarded-port", "x"),
            ("forwarded", "for=;;;\""),
            ("origin", "null"),
            ("origin", "http://["),
            ("origin", long.as_str()),
            ("accept", "nothing/at-all"),
            ("accept-encoding", "gzip;q=x"),
            ("content-length", "-1"),
            ("content-length", "x"),
            ("transfer-encoding", "chunked, chunked"),
            ("expect", "the impossible"),
            ("range", "bytes=9-1"),
            ("if-none-match", "*"),
            ("x-http-method-override", "DELETE"),
            ("cookie", "=;=;="),
            ("traceparent", "00-0-0-0"),
            ("x-amzn-trace-id", "Root=\""),
            ("connection", "close, x-tenant-id"),
            ("upgrade", "websocket"),
            ("x-anything", long.as_str()),
        ] {
            let sent = allowed.clone().header(name, value);
            stage
                .expect(&sent, Answered, &format!("{} with {name}: {value:.20}", route.name()))
                .await;
        }
        for value in [b"\xff\xfe".as_slice(), "ü".as_bytes(), b"\x80"] {
            for name in [
                "host",
                "x-anything",
                "x-request-id",
                "origin",
                "content-type",
                "user-agent",
                "x-forwarded-proto",
            ] {
                let sent = allowed.clone().header(name, value);
                stage
                    .expect(&sent, Answered, &format!("{} with {name}: {value:?}", route.name()))
                    .await;
            }
        }
        let crowded = (0..900).fold(allowed.clone(), |sent, number| sent.header(&format!("x-{number}"), "1"));
        stage
            .expect(&crowded, Answered, &format!("{} with 900 headers", route.name()))
            .await;
        let repeated = (0..900).fold(allowed, |sent, _| sent.header("x-same", "1"));
        stage
            .expect(&repeated, Answered, &format!("{} with 900 of one name", route.name()))
            .await;
    }
    println!("{} requests, none a server error", stage.asked());
}

#[tokio::test]
async fn what_a_header_may_hold_is_let_through() {
    let stage = Stage::set().await;
    let upper = stage.tenant.id.to_string().to_uppercase();
    for route in of(Access::Tenant).iter().filter(|route| route.path == "/api/v1") {
        let sent = as_key(crate::doors::Sent::new("GET", &route.path), &stage.tenant.admin)
            .without("x-tenant-id")
            .header("x-tenant-id", &upper);
        sent.through_lambda(&stage.client).await.expect(200);
        sent.through_router(&stage.client)
            .await
            .expect("a readable request")
            .expect(200);
    }
}
