//! Expiry against a decision at the same instant, where the approval function and the sweep meet: one of them wins, by the
//! database's clock and nobody else's, and each says so once.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod scene;

use std::collections::BTreeMap;

use shared::testing::{Answer, times};

use crate::scene::Scene;

/// Rounds of an approval against expiry.
const NATURAL: usize = 100;
/// Rounds of each of the other decisions.
const NATURAL_OF_OTHERS: usize = 25;
const FORCED: usize = 50;
const VERBS: [&str; 3] = ["approve", "deny", "cancel"];

/// How often each verb won and lost against expiry.
type Tally = BTreeMap<&'static str, [usize; 2]>;

fn tell(what: &str, tally: &Tally) {
    for (verb, [lost, won]) in tally {
        println!("{what}: {verb} won {won}, expiry won {lost}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_same_instant_the_databases_clock_decides() {
    let scene = Scene::start().await;
    let mut tally = Tally::new();
    // Where the deadline and the decision meet depends on the machine, so the deadline is led to that point: later when
    // it won, sooner when it lost.
    let mut milliseconds = [10; VERBS.len()];
    let rounds = VERBS.iter().enumerate().flat_map(|(at, verb)| {
        let count = if *verb == "approve" { NATURAL } else { NATURAL_OF_OTHERS };
        std::iter::repeat_n((at, *verb), times(count))
    });
    for (round, (at, verb)) in rounds.enumerate() {
        let due_in = &mut milliseconds[at];
        let id = scene.ask().await;
        scene.due_in(&id, *due_in).await;
        let sweeps = [scene.sweep_it(0, &id), scene.sweep_it(1, &id)];
        let answer = scene.decide(round % 2, &id, verb).await.expect("it answers");
        let mut expired = 0;
        for sweep in sweeps {
            expired += sweep.await.expect("it sweeps");
        }
        let won = scene.check(&id, verb, &answer).await;
        assert_eq!(
            expired,
            u64::from(!won || verb == "approve"),
            "{id}: the sweeps say what they did"
        );
        *due_in = if won { *due_in * 3 / 4 } else { *due_in * 3 / 2 + 1 };
        tally.entry(verb).or_default()[usize::from(won)] += 1;
    }
    tell("at the same instant", &tally);
    for (verb, [lost, won]) in tally {
        assert!(lost > 0 && won > 0, "{verb}: both outcomes were seen");
    }
}

/// Who holds the request's row when the deadline passes.
#[derive(Debug, Clone, Copy)]
enum Holder {
    /// A vote that is not written yet: it is too late.
    VoteNotYetWritten,
    /// A decision that is written and not committed yet: it was in time.
    DecisionNotYetCommitted,
    /// The sweep, with the decision waiting behind it.
    Sweep,
}

/// Plays one choreography; `None` when the machine was too slow for the deadline and nothing was held.
async fn force(scene: &Scene, id: &str, verb: &str, holder: Holder, due_in: i32) -> Option<Answer> {
    let statement = match holder {
        Holder::VoteNotYetWritten => "LOCK TABLE approval_votes IN SHARE MODE",
        Holder::DecisionNotYetCommitted | Holder::Sweep => "LOCK TABLE audit_request_ids IN SHARE MODE",
    };
    if matches!(holder, Holder::Sweep) {
        scene.due_in(id, 0).await;
        let held = scene.hold(statement).await;
        let sweep = scene.sweep_it(0, id);
        assert!(scene.is_blocked("countersign_sweeper", &sweep).await);
        let decision = scene.decide(1, id, verb);
        assert!(scene.is_blocked("countersign_app", &decision).await);
        held.rollback().await.expect("released");
        assert_eq!(sweep.await.expect("it sweeps"), 1);
        return Some(decision.await.expect("it answers"));
    }
    let held = scene.hold(statement).await;
    scene.due_in(id, due_in).await;
    let decision = scene.decide(1, id, verb);
    let blocked = scene.is_blocked("countersign_app", &decision).await;
    if blocked {
        scene.until_due(id).await;
        assert_eq!(
            outbox::run_once(&scene.first.sweeper).await.expired,
            0,
            "what somebody is deciding on is left to them"
        );
    }
    held.rollback().await.expect("released");
    let answer = decision.await.expect("it answers");
    let swept = scene.sweep_it(0, id).await.expect("it sweeps");
    assert!(swept <= 1);
    blocked.then_some(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_holds_the_request_at_its_deadline_finishes_first() {
    let scene = Scene::start().await;
    let cases: Vec<(Holder, &'static str)> = [
        Holder::VoteNotYetWritten,
        Holder::DecisionNotYetCommitted,
        Holder::Sweep,
    ]
    .into_iter()
    .flat_map(|holder| VERBS.map(|verb| (holder, verb)))
    // A cancellation writes no vote.
    .filter(|case| !matches!(case, (Holder::VoteNotYetWritten, "cancel")))
    .collect();
    let mut tally = Tally::new();
    let mut due_in = 60;
    let mut rounds = 0;
    while rounds < times(FORCED) {
        let (holder, verb) = cases[rounds % cases.len()];
        let id = scene.ask().await;
        let Some(answer) = force(&scene, &id, verb, holder, due_in).await else {
            due_in *= 2;
            assert!(due_in < 60_000, "the decision never came to wait");
            continue;
        };
        let won = scene.check(&id, verb, &answer).await;
        assert_eq!(
            won,
            matches!(holder, Holder::DecisionNotYetCommitted),
            "{holder:?} against {verb}"
        );
        tally.entry(verb).or_default()[usize::from(won)] += 1;
        rounds += 1;
    }
    tell("with the row held at the deadline", &tally);
}
