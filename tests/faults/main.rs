//! Thousands of requests through real function processes while stores fail and processes die, and afterwards everything
//! that anybody was told held against the database.
//!
//! `SOAK_REQUESTS`, `SOAK_ROUNDS` and `SOAK_SEED` make it longer, as `make soak` does.
#![expect(clippy::print_stdout, reason = "what a run came to is shown with its result")]

mod deaths;
mod leases;
mod minimums;
mod stage;
mod summary;
mod sweeps;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use shared::{context::Clock, testing::FaultProxy};
use sqlx::PgPool;
use system_tests::{
    checker::{broken_rows, check, check_availability, check_handlers},
    fleet::Ask,
    load::{Board, Cast, Client, Dice, Entry, Journal, Operation, Outcome, Sender, Tickets},
    servers::Servers,
    weather::{Spell, Trouble, Weather},
};
use tokio::{task::JoinSet, time::Instant};

use deaths::kill_now_and_then;
use leases::{die_holding_leases, not_taken_over};
use minimums::missing;
use stage::{SKEWED_SWEEP, fleet};
use summary::Summary;
use sweeps::{catch_up, sweep_until, went_on};

/// What two cores do in two or three minutes; `make soak` sends 20,000 a round.
const REQUESTS: u64 = 10_000;
const TENANTS: usize = 3;
const CLIENTS: usize = 12;
/// A Postgres that is away makes each request wait for it.
const MOST_REQUESTS_WITHOUT_POSTGRES: u64 = 15;

#[tokio::test]
async fn nothing_acknowledged_is_lost_whatever_fails() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name} is a number"))
        })
    };
    // Under `SOAK=1` with other chances each time.
    let soaks = std::env::var("SOAK").is_ok_and(|soak| soak == "1");
    let usually = if soaks {
        Clock::system().now().timestamp().unsigned_abs()
    } else {
        20_261_120
    };
    let (requests, seed) = (number("SOAK_REQUESTS", REQUESTS), number("SOAK_SEED", usually));
    for round in 0..number("SOAK_ROUNDS", 1) {
        let wrong = Run::start(requests, seed + round).await.finish().await;
        assert!(
            wrong.is_empty(),
            "round {round}, SOAK_SEED={}:\n{}",
            seed + round,
            wrong.join("\n")
        );
    }
}

/// One run on servers of its own.
struct Run {
    began: Instant,
    seed: u64,
    casts: Vec<Arc<Cast>>,
    sender: Sender,
    weather: Weather,
    superuser: PgPool,
}

impl Run {
    async fn start(requests: u64, seed: u64) -> Self {
        let began = Instant::now();
        let servers = Servers::start().await;
        let postgres = FaultProxy::before(&servers.database_url("countersign_app"));
        let redis = FaultProxy::before(servers.redis_url());
        let fleet = Arc::new(fleet(&servers, &postgres, &redis).await);
        let mut casts = Vec::new();
        for number in 0..TENANTS {
            casts.push(Arc::new(Cast::make(&fleet, &format!("Tenant {number}")).await));
        }
        let (tickets, journal) = (Arc::new(Tickets::new(requests)), Arc::<Journal>::default());
        let superuser = servers.superuser();
        let weather = Weather {
            servers,
            postgres,
            redis,
            fleet: Arc::clone(&fleet),
            tickets: Arc::clone(&tickets),
            superuser: superuser.clone(),
        };
        let sender = Sender {
            fleet,
            tickets,
            journal,
        };
        Self {
            began,
            seed,
            casts,
            sender,
            weather,
            superuser,
        }
    }

    /// Lets everything happen at once, catches up, and says what was wrong.
    async fn finish(mut self) -> Vec<String> {
        let fleet = Arc::clone(&self.sender.fleet);
        let mut clients = self.clients();
        let over = Arc::new(AtomicBool::new(false));
        let mut sweeps = JoinSet::new();
        for _ in 0..2 {
            sweeps.spawn(sweep_until(Arc::clone(&fleet), Arc::clone(&over)));
        }
        let deaths = tokio::spawn(kill_now_and_then(self.sender.clone(), Dice::new(self.seed)));

        let spells = self.all_troubles().await;
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client does not panic");
        }
        let loaded = self.began.elapsed();
        deaths.await.expect("who kills does not panic");
        fleet.spare_the_rest();
        over.store(true, SeqCst);
        let mut sweeps_killed = 0;
        while let Some(killed) = sweeps.join_next().await {
            sweeps_killed += killed.expect("a schedule does not panic");
        }
        let leases = die_holding_leases(&self.sender, &self.casts[0], &self.superuser).await;
        let mut wrong = catch_up(&fleet, &self.superuser).await;
        wrong.extend(not_taken_over(&leases, &self.superuser).await);

        let entries = self.sender.journal.entries();
        wrong.extend(self.sender.journal.mistakes());
        let mut connection = self.superuser.acquire().await.expect("Postgres answers");
        wrong.extend(broken_rows(&mut connection).await);
        let mut findings = check(&self.superuser, &entries).await;
        let losses = fleet.losses();
        let around = check_availability(&entries, &spells, &losses, fleet.environments(), &mut findings);
        check_handlers(&self.superuser, &fleet.log_lines("outbox"), &mut findings).await;
        wrong.extend(self.unanswered_tasks(&entries).await);
        let summary = Summary {
            entries: &entries,
            spells: &spells,
            around: &around,
            findings: &findings,
            losses: &losses,
            services: &fleet.services(),
            sweeps_killed,
            skewed_sweeps: went_on(&fleet.printed(SKEWED_SWEEP).unwrap_or_default()),
            leases: leases.len(),
            loaded,
            took: self.began.elapsed(),
            seed: self.seed,
        };
        summary.print();
        wrong.extend(missing(&summary));
        wrong.extend(findings.wrong);
        let searched = self.weather.servers.end().await;
        println!("{searched:>6}  bytes of the servers in which no secret stands");
        wrong
    }

    fn clients(&self) -> JoinSet<()> {
        let boards: Vec<Arc<Board>> = self.casts.iter().map(|_| Arc::default()).collect();
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let tenant = number % self.casts.len();
            let client = Client {
                number,
                place: number / self.casts.len(),
                sender: self.sender.clone(),
                cast: Arc::clone(&self.casts[tenant]),
                board: Arc::clone(&boards[tenant]),
                dice: Dice::new(self.seed.wrapping_mul(1_000) + number as u64),
                recorded: Vec::new(),
                tasks: Vec::new(),
                named: 0,
            };
            clients.spawn(client.run());
        }
        clients
    }

    /// One trouble after the other, with healthy stores for as long before, between and after them.
    async fn all_troubles(&mut self) -> Vec<Spell> {
        let total = self.sender.tickets.total();
        let share = total / (2 * Trouble::ALL.len() as u64 + 2);
        let mut spells = Vec::new();
        for (number, trouble) in (1..).zip(Trouble::ALL) {
            self.sender.tickets.reach((2 * number - 1) * share).await;
            let lasting = match trouble.readiness() {
                Some((503, _)) => share.min(MOST_REQUESTS_WITHOUT_POSTGRES),
                _ => share,
            };
            spells.push(self.weather.strike(trouble, lasting).await);
        }
        spells
    }

    /// Every task that was acknowledged is done, also for those who ask after Redis forgot it.
    async fn unanswered_tasks(&mut self, entries: &[Entry]) -> Vec<String> {
        self.weather.servers.order("redis flush").await;
        let mut wrong = Vec::new();
        for entry in entries {
            let (Operation::Ping { tenant, .. }, Outcome::Acknowledged(task)) = (&entry.operation, &entry.outcome)
            else {
                continue;
            };
            let cast = self
                .casts
                .iter()
                .find(|cast| cast.tenant == *tenant)
                .expect("one of ours");
            let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap_or_default());
            let answer = self.sender.fleet.ask(cast.agents[0].sign(Ask::new("GET", &path))).await;
            if answer.body["status"] != "DONE" {
                wrong.push(format!("a task is not done: {answer:?}"));
            }
        }
        wrong
    }
}
