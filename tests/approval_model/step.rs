//! What can happen in a story.

use proptest::{prelude::*, sample::select};

/// The most steps of a story.
pub(crate) const LONGEST: usize = 60;
/// Requests that a story speaks of by number; one that is not made yet stands for the last.
const REQUESTS: usize = 6;

/// Somebody with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Who {
    /// An admin in no group.
    Admin,
    /// An approver in `ops`.
    Olga,
    /// An approver in `finance`.
    Finn,
    /// An approver in both, who answers for the owned agent.
    Otto,
    /// An approver in no group.
    Nora,
    /// An agent that nobody answers for.
    Loner,
    /// Otto's agent.
    Owned,
    /// Whoever asked for the request at hand.
    Requester,
}

impl Who {
    pub(crate) const PEOPLE: [Self; 5] = [Self::Admin, Self::Olga, Self::Finn, Self::Otto, Self::Nora];
    pub(crate) const ALL: [Self; 7] = [
        Self::Admin,
        Self::Olga,
        Self::Finn,
        Self::Otto,
        Self::Nora,
        Self::Loner,
        Self::Owned,
    ];
    /// Those whose keys may ask.
    const ASKERS: [Self; 3] = [Self::Loner, Self::Owned, Self::Admin];
}

/// How the presented call differs from the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    Same,
    /// Keys in another order, numbers spelt otherwise.
    Respelt,
    OtherArgument,
    OtherTool,
    OtherEnvironment,
}

/// The `display_hash` that comes with a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Unsaid,
    Current,
    Another,
}

/// One thing somebody does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Approve(Seen),
    Deny(Seen),
    Cancel,
    Redeem(Live),
    Revoke,
}

/// One step of a story.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Ask {
        who: Who,
        quorum: i64,
        groups: Vec<&'static str>,
    },
    Act {
        who: Who,
        request: usize,
        verb: Verb,
    },
    /// The process dies this many microseconds after it was asked, if it is not done.
    CutOff {
        who: Who,
        request: usize,
        verb: Verb,
        micros: u64,
    },
    /// Somebody who is away hands their authority over, or takes it back.
    Delegate {
        from: Who,
        to: Option<Who>,
    },
    /// An admin stops an agent, or everybody.
    Stop {
        whom: Option<Who>,
    },
    /// An admin lifts the oldest stop.
    Lift,
    /// Time passes until the request is past its deadline.
    Overdue {
        request: usize,
    },
    /// The sweep comes by.
    Sweep,
}

fn verb() -> impl Strategy<Value = Verb> {
    let seen = || prop_oneof![3 => Just(Seen::Unsaid), 3 => Just(Seen::Current), 1 => Just(Seen::Another)];
    let live = prop_oneof![
        4 => Just(Live::Same),
        3 => Just(Live::Respelt),
        1 => Just(Live::OtherArgument),
        1 => Just(Live::OtherTool),
        1 => Just(Live::OtherEnvironment),
    ];
    prop_oneof![
        9 => seen().prop_map(Verb::Approve),
        2 => seen().prop_map(Verb::Deny),
        1 => Just(Verb::Cancel),
        5 => live.prop_map(Verb::Redeem),
        1 => Just(Verb::Revoke),
    ]
}

/// Mostly somebody who may; sometimes anybody.
fn who_does(verb: Verb) -> impl Strategy<Value = Who> {
    let likely: &[Who] = match verb {
        Verb::Approve(_) | Verb::Deny(_) => &Who::PEOPLE,
        Verb::Cancel | Verb::Redeem(_) => &[Who::Requester],
        Verb::Revoke => &[Who::Admin, Who::Olga, Who::Otto],
    };
    prop_oneof![8 => select(likely), 1 => select(&Who::ALL[..])]
}

fn act() -> impl Strategy<Value = (Who, usize, Verb)> {
    verb().prop_flat_map(|verb| (who_does(verb), 0..REQUESTS, Just(verb)))
}

fn step() -> impl Strategy<Value = Step> {
    let groups = prop_oneof![
        2 => Just(vec![]),
        1 => Just(vec!["ops"]),
        1 => Just(vec!["ops", "finance"]),
    ];
    prop_oneof![
        5 => (select(&Who::ASKERS[..]), prop_oneof![6 => 1..=3_i64, 1 => 0..=6_i64], groups)
            .prop_map(|(who, quorum, groups)| Step::Ask { who, quorum, groups }),
        30 => act().prop_map(|(who, request, verb)| Step::Act { who, request, verb }),
        4 => (act(), 0..25_000_u64)
            .prop_map(|((who, request, verb), micros)| Step::CutOff { who, request, verb, micros }),
        3 => (select(&Who::PEOPLE[..]), proptest::option::weighted(0.7, select(&Who::PEOPLE[..])))
            .prop_map(|(from, to)| Step::Delegate { from, to }),
        1 => proptest::option::weighted(0.8, select(&[Who::Loner, Who::Owned][..])).prop_map(|whom| Step::Stop { whom }),
        2 => Just(Step::Lift),
        1 => (0..REQUESTS).prop_map(|request| Step::Overdue { request }),
        1 => Just(Step::Sweep),
    ]
}

/// A story.
pub(crate) fn story() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..=LONGEST)
}
