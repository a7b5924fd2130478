//! Ids that are none, paths that lead nowhere, and methods that no route takes.

use system_tests::{
    routes::{Access, Route, routes},
    samples::sample,
};

use crate::{
    doors::{
        Expected::{self, Answered, Refused},
        Sent,
    },
    stage::{NOTHING, Stage},
};

const INVALID: Expected = Refused(400, "VALIDATION_ERROR");
const NOT_FOUND: Expected = Refused(404, "NOT_FOUND");

/// A request for this path with a body that the route allows.
async fn asking(stage: &Stage, route: &Route, path: String) -> Sent {
    let allowed = stage.allowed(route, path).await;
    match &route.body {
        Some(schema) => allowed.json(sample(schema).to_string()),
        None => allowed,
    }
}

#[tokio::test]
async fn a_malformed_id_is_400_and_one_that_names_nothing_404() {
    let stage = Stage::set().await;
    let before = stage.stack.snapshot().await;
    let routes: Vec<Route> = routes().into_iter().filter(|route| route.in_path.is_some()).collect();
    assert!(routes.len() >= 10, "{} routes", routes.len());
    for route in &routes {
        let malformed = [
            "x".to_owned(),
            "0".to_owned(),
            "null".to_owned(),
            "{id}".to_owned(),
            NOTHING.replace('-', ""),
            format!("%7B{NOTHING}%7D"),
            format!("urn:uuid:{NOTHING}"),
            format!("{NOTHING}0"),
            NOTHING[..35].to_owned(),
            NOTHING.replace('-', "_"),
            NOTHING.replace("019a", "019g"),
            NOTHING.replace("019a", "%EF%BC%90%EF%BC%91%EF%BC%99a"),
            format!("%20{NOTHING}"),
            format!("{NOTHING}%0A"),
            format!("{NOTHING}%00"),
            "%00".to_owned(),
            "%F0%9F%98%80".to_owned(),
            "%ff".to_owned(),
            "%C3%28".to_owned(),
            "%2e%2e%2f".to_owned(),
            "%25".to_owned(),
            "a%2Fb".to_owned(),
            "'%20OR%201=1--".to_owned(),
            "*".to_owned(),
            ";".to_owned(),
            "x".repeat(20_000),
        ];
        for id in &malformed {
            let sent = asking(&stage, route, route.at(id)).await;
            let undecodable = id.contains("%ff") || id.contains("%C3%28");
            let expected = if route.takes_uuid() || undecodable {
                INVALID
            } else {
                NOT_FOUND
            };
            let details = stage
                .expect(&sent, expected, &format!("{} with {id:.60}", route.name()))
                .await;
            if route.takes_uuid() && !undecodable {
                assert_eq!(details["field"], "id", "{} with {id}", route.name());
            }
        }
        for id in [
            NOTHING,
            &NOTHING.to_uppercase(),
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "019a9f00-0000-1000-0000-000000000001",
            &NOTHING.replace('-', "%2D"),
        ] {
            let sent = asking(&stage, route, route.at(id)).await;
            // The page of decision links is the same for every id, and looks for none.
            let expected = if route.id == "get_decision_page" {
                Answered
            } else {
                NOT_FOUND
            };
            stage
                .expect(&sent, expected, &format!("{} with {id}", route.name()))
                .await;
        }
    }
    assert_eq!(stage.stack.snapshot().await, before, "nothing was changed");
    println!("{} routes, {} requests", routes.len(), stage.asked());
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_404_before_anything_else_is_looked_at() {
    let stage = Stage::set().await;
    let mut paths: Vec<String> = [
        "/",
        "//",
        "/*",
        "/api",
        "/api/",
        "/api/v1/",
        "/api/v2",
        "/nowhere",
        "/%00",
        "/%ff",
        "/%",
        "/.",
        "/..",
        "/./",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/API/V1",
        "/api%2Fv1",
        "/api/v1;a=1",
        "/api//v1",
        "/favicon.ico",
        "/{*rest}",
        "/api/v1/users/me",
        "/api/v1/approvals/check/x",
        "/\u{1f600}",
        "/a b",
    ]
    .map(str::to_owned)
    .into();
    paths.retain(|path| path != "/api/v1/users/me");
    paths.push(format!("/{}", "x".repeat(20_000)));
    paths.push("/a".repeat(10_000));
    for route in routes() {
        paths.push(format!("{}/", route.at(NOTHING)));
        paths.push(format!("/{}", route.at(NOTHING)));
        paths.push(format!("{}/x/y", route.at(NOTHING)));
        if let Some((parent, "")) = route.path.split_once("{id}") {
            paths.push(parent.to_owned());
        }
    }
    for path in paths {
        for method in ["GET", "POST", "DELETE", "BREW"] {
            let sent = Sent::new(method, &path).json("{");
            stage.expect(&sent, NOT_FOUND, &format!("{method} {path:.60}")).await;
        }
    }
    println!("{} requests, all 404", stage.asked());
}

#[tokio::test]
async fn a_method_that_no_route_takes_is_405_before_anything_else_is_looked_at() {
    let stage = Stage::set().await;
    let routes = routes();
    for route in &routes {
        let path = route.at(NOTHING);
        for method in [
            "PUT",
            "TRACE",
            "CONNECT",
            "BREW",
            "get",
            "M-SEARCH",
            "PROPFIND",
            &"X".repeat(200),
        ] {
            let taken = routes
                .iter()
                .any(|other| other.path == route.path && other.method == method);
            if taken {
                continue;
            }
            let sent = Sent::new(method, &path).json("{");
            let what = format!("{method:.20} {path}");
            stage.expect(&sent, Refused(405, "METHOD_NOT_ALLOWED"), &what).await;
        }
        let head = Sent::new("HEAD", &path).through_lambda(&stage.client).await;
        assert!(head.bytes.is_empty(), "HEAD {path}: {}", head.text());
        stage
            .expect(&Sent::new("OPTIONS", &path), Refused(405, "METHOD_NOT_ALLOWED"), &path)
            .await;
    }
    println!("{} requests, all 405", stage.asked());
}

#[tokio::test]
async fn a_path_that_differs_in_its_spelling_is_another_path() {
    let stage = Stage::set().await;
    for route in routes().iter().filter(|route| route.access != Access::Public) {
        for path in [
            route.path.replace("/api/v1", "/API/v1"),
            route.path.replace("/api/v1", "/api/v1/."),
            route.path.replace("/api/v1", "/api/v1/../v1"),
            route.path.replace("/api/v1", "/api/%76%31"),
        ] {
            let sent = stage.allowed(route, path.replace("{id}", NOTHING)).await;
            stage.expect(&sent, Answered, &path).await;
        }
    }
}
