//! How long 500 policies take to compile, and to decide on a call. Run by hand:
//! `cargo bench -p approval --features testing --bench policy`.
#![expect(clippy::print_stdout, reason = "what was measured is the point")]

use std::time::{Duration, Instant};

use approval::testing::Policies;
use serde_json::{Map, Value, json};

const POLICIES: usize = 500;
const EVALUATIONS: usize = 20_000;

/// Of each ten: reads that are allowed, amounts in whole numbers and in decimals, nested arguments, labels, times, a
/// forbid. Each is about a tool, a caller or an argument of its own.
fn policy(n: usize) -> String {
    let (head, condition) = match n % 10 {
        0 => (
            "permit (principal, action, resource)",
            format!("resource.name like \"read_{n}_*\""),
        ),
        1 => (
            "@require_approval(\"quorum=2; groups=finance; ttl=1800; risk=high\") permit (principal, action, resource)",
            format!("context.arguments has amount && context.arguments.amount > {}", n * 100),
        ),
        2 => (
            "@require_approval(\"groups=finance,ops\") permit (principal, action, resource)",
            format!("context.arguments has price && context.arguments.price.greaterThan(decimal(\"{n}.25\"))"),
        ),
        3 => (
            "permit (principal, action, resource)",
            format!("context.arguments has customer.id && context.arguments.customer.id == \"customer {n}\""),
        ),
        4 => (
            "@require_approval permit (principal, action, resource)",
            format!("context.risk_labels.contains(\"label {n}\") && context.environment == \"production\""),
        ),
        5 => (
            "permit (principal, action, resource)",
            format!("principal.name == \"agent {n}\" && principal.trust_level >= 3"),
        ),
        6 => (
            "forbid (principal, action, resource)",
            format!("context.arguments has tags && context.arguments.tags.contains(\"tag {n}\")"),
        ),
        7 => (
            "permit (principal, action, resource)",
            format!("context.time < datetime(\"1969-01-01\") && resource.name == \"nightly {n}\""),
        ),
        8 => (
            "forbid (principal, action, resource)",
            format!("resource has server && resource.server == \"server {n}\""),
        ),
        _ => (
            "permit (principal, action, resource)",
            format!("[\"a {n}\", \"b {n}\"].contains(resource.name)"),
        ),
    };
    format!("{head} when {{ {condition} }};\n")
}

fn arguments(n: usize) -> Map<String, Value> {
    let arguments = json!({
        "amount": n % 60_000, "price": 12.25, "customer": { "id": format!("customer {}", n % 500), "tier": "gold" },
        "tags": ["x", "y", format!("tag {}", n % 2_000)], "note": "a text of some length, as tools have them",
    });
    match arguments {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    }
}

fn main() {
    let text: String = (0..POLICIES).map(policy).collect();
    let began = Instant::now();
    let policies = Policies::compile(&text).expect("sound");
    println!(
        "{POLICIES} policies, {} bytes, compiled in {:?}",
        text.len(),
        began.elapsed()
    );

    let labels = ["label 4".to_owned(), "external".to_owned()];
    let calls: Vec<Map<String, Value>> = (0..1_000).map(|n| arguments(n * 61)).collect();
    let decide = |n: usize| policies.decide("refund", &calls[n % calls.len()], &labels);
    for n in 0..1_000 {
        std::hint::black_box(decide(n));
    }
    let mut decided = std::collections::BTreeMap::<&str, usize>::new();
    let mut took: Vec<Duration> = (0..EVALUATIONS)
        .map(|n| {
            let began = Instant::now();
            let (decision, _) = std::hint::black_box(decide(n));
            let took = began.elapsed();
            *decided.entry(decision).or_default() += 1;
            took
        })
        .collect();
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{EVALUATIONS} evaluations: p50 {:?}, p99 {:?}, max {:?}; {decided:?}",
        at(50),
        at(99),
        at(100)
    );

    for (shape, body) in [
        ("&&", format!("true{}", " && true".repeat(990))),
        ("+", format!("1{} == 1", " + 0".repeat(990))),
        (
            "if",
            format!("{}true{}", "if true then ".repeat(490), " else true".repeat(490)),
        ),
        ("has", format!("context.arguments has a{}", ".a".repeat(30))),
    ] {
        let began = Instant::now();
        let sound = Policies::compile(&format!("permit (principal, action, resource) when {{ {body} }};")).is_ok();
        println!("a chain of {shape}: sound {sound}, {:?}", began.elapsed());
    }
}
