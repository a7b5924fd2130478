//! Cursors: made up, damaged, of another list, of other filters, of another tenant.

use system_tests::{
    routes::{Access, Route, routes},
    samples::sample,
};

use crate::{
    doors::{
        Expected::{self, Refused},
        Sent,
    },
    stage::{NOTHING, Stage, as_key},
};
use serde_json::json;
use shared::testing::TestTenant;

const INVALID: Expected = Refused(400, "INVALID_CURSOR");

fn lists() -> Vec<Route> {
    let lists: Vec<Route> = routes()
        .into_iter()
        .filter(|route| route.query.iter().any(|parameter| parameter.name == "cursor"))
        .collect();
    assert!(lists.len() >= 5, "{} lists", lists.len());
    lists
}

/// Two of everything that has a list and is not there already.
async fn fill(stage: &Stage, tenant: &TestTenant) {
    for number in 0..2 {
        for (path, body) in [
            (
                "/api/v1/approvals",
                json!({ "tool_call": { "tool": "deploy", "arguments": {} }, "reason": "a list" }),
            ),
            (
                "/api/v1/audit/events",
                json!({ "request_id": format!("list-{number}"), "caller_id": "x", "tool": "deploy" }),
            ),
        ] {
            let made = stage.client.post(&tenant.agent, path, body).await;
            assert!([201, 202].contains(&made.status), "{path}: {}", made.text());
        }
    }
    let put = stage.client.request("PUT", "/api/v1/policies").key(&tenant.admin);
    let _ = put.json(&json!({ "cedar": "" })).send().await.expect(200);
}

/// As an admin of this tenant, or as the operator.
fn asking(stage: &Stage, tenant: &TestTenant, route: &Route, query: &str) -> Sent {
    let sent = Sent::new("GET", format!("{}?{query}", route.at(NOTHING)));
    match route.access {
        Access::Operator => sent.header("authorization", format!("Bearer {}", stage.stack.operator())),
        _ => as_key(sent, &tenant.admin),
    }
}

/// The cursor behind the first of at least two.
async fn first_cursor(stage: &Stage, tenant: &TestTenant, route: &Route) -> String {
    let sent = asking(stage, tenant, route, "limit=1");
    let page = sent
        .through_router(&stage.client)
        .await
        .expect("a readable request")
        .expect(200);
    page["next_cursor"]
        .as_str()
        .unwrap_or_else(|| panic!("{}: make two of them first", route.name()))
        .to_owned()
}

#[tokio::test]
async fn a_cursor_that_was_not_made_for_this_very_list_is_refused() {
    let stage = Stage::set().await;
    let other = stage.stack.tenant().await;
    for tenant in [&stage.tenant, &other] {
        fill(&stage, tenant).await;
    }
    let mut cursors = Vec::new();
    for route in lists() {
        cursors.push((route.clone(), first_cursor(&stage, &stage.tenant, &route).await));
    }
    for (route, own) in &cursors {
        let mut wrong: Vec<String> = [
            "",
            "AAAA",
            "null",
            "0",
            "-1",
            "%20",
            "%3D",
            "%F0%9F%98%80",
            "+",
            "/",
            "a.b.c",
            "undefined",
            "eyJpZCI6MX0",
            NOTHING,
        ]
        .map(str::to_owned)
        .into();
        wrong.push("A".repeat(32));
        wrong.push("A".repeat(20_000));
        wrong.push(format!("{own}%3D"));
        wrong.push(format!("{own}{own}"));
        wrong.push(own[..own.len() - 1].to_owned());
        wrong.push(own.to_ascii_lowercase());
        wrong.extend((0..own.len()).map(|at| {
            let letter = if &own[at..=at] == "A" { "B" } else { "A" };
            format!("{}{letter}{}", &own[..at], &own[at + 1..])
        }));
        wrong.extend(
            cursors
                .iter()
                .filter(|(list, _)| list.path != route.path)
                .map(|(_, cursor)| cursor.clone()),
        );
        if route.access == Access::Tenant {
            wrong.push(first_cursor(&stage, &other, route).await);
        }
        for cursor in wrong {
            let sent = asking(&stage, &stage.tenant, route, &format!("cursor={cursor}"));
            stage
                .expect(&sent, INVALID, &format!("{} ?cursor={cursor:.60}", route.name()))
                .await;
        }
        for filter in route
            .query
            .iter()
            .filter(|filter| !["cursor", "limit"].contains(&filter.name.as_str()))
        {
            let value = sample(&filter.schema);
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let sent = asking(
                &stage,
                &stage.tenant,
                route,
                &format!("cursor={own}&{}={value}", filter.name),
            );
            stage
                .expect(
                    &sent,
                    INVALID,
                    &format!("{} with another {}", route.name(), filter.name),
                )
                .await;
        }
        // The right one still goes on, whatever the size of the page.
        let next = asking(&stage, &stage.tenant, route, &format!("limit=2&cursor={own}"));
        next.through_router(&stage.client)
            .await
            .expect("a readable request")
            .expect(200);
    }
    println!("{} lists, {} requests, all refused", cursors.len(), stage.asked());
}
