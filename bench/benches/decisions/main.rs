//! Decisions a second, with their audit and outbox rows, on one tenant and on fifty: the product's router against pgbench
//! playing the same statements on the same server. Run by hand:
//! `scripts/test.py cargo bench -p bench --bench decisions`.
//!
//! Sixteen clients each, the product's as sixteen Lambda environments would be: a runtime, a verdict cache and one connection of their own. The
//! statements are what Postgres said it executed for one such decision. pgbench sends `BEGIN` and the tenant's context as two
//! messages, the product as one.
#![expect(clippy::print_stdout, reason = "what was measured is the point")]
#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot set itself up has nothing to say"
)]

mod clients;
mod ground;

use std::time::Instant;

use bench::{
    pgbench::{self, Run},
    wire::{Statement, TELL_STATEMENTS, Traffic, Wire},
};
use clients::Clients;
use ground::{Ground, client_of};
use shared::testing::TestStack;

const CLIENTS: usize = 16;
const DECISIONS_EACH: usize = 400;
const ROUNDS: usize = 5;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for tenants in asked_for().unwrap_or(vec![1, 50]) {
        let mut ground = Ground::with(tenants).await;
        let (postgres, redis) = one_decision(&mut ground).await;
        println!(
            "\n{tenants} tenant(s), {CLIENTS} clients, {} decisions a round; a decision waits {} times for Postgres and {} times for Redis",
            CLIENTS * DECISIONS_EACH,
            postgres.round_trips,
            redis.round_trips
        );
        if tenants == 1 {
            name(&postgres.statements);
        }
        let script = pgbench::script(&postgres.statements, &ground.variation());
        let url = ground.stack.database.url("countersign_app");
        let clients = Clients::start(CLIENTS, &ground.stack, &ground.approvals);
        // So that each has seen every approver's key.
        let first = ground.prepare(CLIENTS * tenants).await;
        clients.decide(first, tenants).await;
        ground.check(CLIENTS * tenants).await;
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let first = ground.prepare(CLIENTS * DECISIONS_EACH).await;
            let product = decide(&clients, first).await;
            ground.check(CLIENTS * DECISIONS_EACH).await;

            let first = ground.prepare(CLIENTS * DECISIONS_EACH).await;
            let run = Run {
                clients: CLIENTS,
                plays: DECISIONS_EACH,
                first,
            };
            let peer = pgbench::run(&script, &url, run);
            ground.check(CLIENTS * DECISIONS_EACH).await;
            println!(
                "    product {product:>6.0}/s    pgbench {peer:>6.0}/s    {:.2}",
                product / peer
            );
            ratios.push(product / peer);
        }
        ratios.sort_by(f64::total_cmp);
        println!("    median ratio {:.2}", ratios[ROUNDS / 2]);
    }
}

/// Other numbers of tenants, as arguments.
fn asked_for() -> Option<Vec<usize>> {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// What passes between the product and its servers for one decision of a warm process.
async fn one_decision(ground: &mut Ground) -> (Traffic, Traffic) {
    let database = ground.stack.database.url("countersign_app");
    let redis = std::env::var("TEST_REDIS_URL").expect("run with scripts/test.py");
    let (postgres_wire, redis_wire) = (Wire::before(server(&database)), Wire::before(server(&redis)));
    let through = |url: &str, wire: &Wire| url.replace(server(url), &wire.address().to_string());
    let process = TestStack::sharing(
        &ground.stack,
        &[
            (
                "DATABASE_URL",
                &format!("{}?sslmode=disable", through(&database, &postgres_wire)),
            ),
            ("DATABASE_MAX_CONNECTIONS", "1"),
            ("REDIS_URL", &through(&redis, &redis_wire)),
        ],
    );
    let client = client_of(&process);
    ground.tell_statements(TELL_STATEMENTS).await;
    // By turns in each tenant: so the last is in the same one as the first, whose approver is known by then.
    let tenants = ground.tenants();
    let first = ground.prepare(tenants + 1).await;
    ground.approvals.approve(&client, first).await;
    let _warming = (postgres_wire.take(), redis_wire.take());
    ground.approvals.approve(&client, first + tenants).await;
    ground
        .tell_statements("RESET client_min_messages; RESET log_statement")
        .await;
    ground.check(2).await;
    (postgres_wire.take(), redis_wire.take())
}

/// `host:port` in a URL.
fn server(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Prints the statements, so that it can be seen what a decision waits for.
fn name(statements: &[Statement]) {
    for (n, statement) in (1..).zip(statements) {
        let text = statement.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = text.chars().take(100).collect();
        println!("    {n:>2}. {short}");
    }
}

/// Decides on as many requests as were prepared and returns the decisions a second.
async fn decide(clients: &Clients, first: usize) -> f64 {
    let began = Instant::now();
    clients.decide(first, DECISIONS_EACH).await;
    let decisions = u32::try_from(CLIENTS * DECISIONS_EACH).expect("few");
    f64::from(decisions) / began.elapsed().as_secs_f64()
}
