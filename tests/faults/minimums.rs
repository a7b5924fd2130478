//! What a run must contain for its silence to mean something: that nothing was lost is worth little where nothing failed.

use system_tests::{
    fleet::Moment,
    load::{Operation, Outcome},
    weather::Trouble,
};

use crate::{stage::SKEWED, summary::Summary};

/// What the run did not contain.
pub(crate) fn missing(run: &Summary<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    let mut expect = |is_there: bool, what: String| {
        if !is_there {
            missing.push(format!("missing in this run: {what}"));
        }
    };
    let died = |is_it: fn(Moment) -> bool| {
        let mut killed = run.losses.killed.iter();
        killed.any(|(function, moment)| function != "outbox" && is_it(*moment))
    };
    for (name, is_there) in [
        ("on arrival", died(|moment| moment == Moment::Arrival)),
        ("during a request", died(|moment| matches!(moment, Moment::During(_)))),
        ("before an answer was heard", died(|moment| moment == Moment::Answer)),
    ] {
        expect(is_there, format!("a function killed {name}"));
    }
    expect(run.sweeps_killed > 0, "a sweep killed under load".to_owned());
    expect(
        run.skewed_sweeps > 0,
        "a sweep that went on though its clock was ahead".to_owned(),
    );
    expect(run.leases > 0, "a delivery under the lease of a dead sweep".to_owned());
    for name in Operation::NAMES {
        let is_there = run
            .entries
            .iter()
            .any(|entry| entry.operation.name() == name && matches!(entry.outcome, Outcome::Acknowledged(_)));
        expect(is_there, format!("an acknowledgement of `{name}`"));
    }
    for service in run.services {
        expect(
            service.served > 0,
            format!("anything served by {}", service.environment),
        );
    }
    let skewed = run
        .services
        .iter()
        .filter(|service| service.program == "skewed")
        .count();
    expect(
        skewed == SKEWED,
        format!("{SKEWED} processes with clocks that are off, but {skewed}"),
    );
    for trouble in Trouble::ALL {
        let found = run
            .spells
            .iter()
            .zip(run.around)
            .find(|(spell, _)| spell.trouble == trouble);
        let bit = found.is_some_and(|(spell, around)| match trouble.readiness() {
            // Postgres was away: somebody must have been told so.
            Some((503, _)) => around.unavailable > 0,
            // While it lasted readiness said so, or the run would have ended.
            Some(_) => spell.readiness == "degraded",
            None => spell.struck.is_some_and(|struck| struck > 0),
        });
        expect(bit, format!("a sign that {trouble:?} had an effect"));
    }
    missing
}

#[test]
fn a_run_in_which_nothing_happened_lacks_all_of_it() {
    let nothing = Summary {
        entries: &[],
        spells: &[],
        around: &[],
        findings: &system_tests::checker::Findings::default(),
        losses: &system_tests::fleet::Losses::default(),
        services: &[],
        sweeps_killed: 0,
        skewed_sweeps: 0,
        leases: 0,
        loaded: std::time::Duration::ZERO,
        took: std::time::Duration::ZERO,
        seed: 0,
    };
    // Three moments, a sweep, one that is skewed, a lease, the operations, the skewed processes, the troubles.
    assert_eq!(
        missing(&nothing).len(),
        6 + Operation::NAMES.len() + 1 + Trouble::ALL.len()
    );
}
