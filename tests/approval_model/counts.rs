//! What happened in the stories, and whether everything that can happen did.

use std::{collections::BTreeMap, fmt};

use crate::model::Refused;

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    stories: usize,
    steps: usize,
    cut_off: usize,
    cut_off_and_done: usize,
    outcomes: BTreeMap<String, usize>,
    ends: BTreeMap<&'static str, usize>,
}

impl Counts {
    /// Those of one story, before it is played.
    pub(crate) fn of(steps: usize) -> Self {
        Self {
            stories: 1,
            steps,
            ..Self::default()
        }
    }

    /// A request was left in this state.
    pub(crate) fn left(&mut self, state: &'static str) {
        *self.ends.entry(state).or_default() += 1;
    }

    /// Something happened that no answer tells.
    pub(crate) fn seen(&mut self, outcome: &str) {
        *self.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }

    /// The model expects this answer to a verb.
    pub(crate) fn answered<T>(&mut self, verb: &str, expected: &Result<T, Refused>, success: u16) {
        self.seen(&match expected {
            Ok(_) => format!("{verb} {success}"),
            Err(Refused(_, code)) => format!("{verb} {code}"),
        });
    }

    /// A client went away before it had an answer.
    pub(crate) fn cut_off(&mut self, took_effect: bool) {
        self.cut_off += 1;
        self.cut_off_and_done += usize::from(took_effect);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.stories += other.stories;
        self.steps += other.steps;
        self.cut_off += other.cut_off;
        self.cut_off_and_done += other.cut_off_and_done;
        for (outcome, times) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += times;
        }
        for (end, times) in &other.ends {
            *self.ends.entry(end).or_default() += times;
        }
    }

    /// Fails when something that can happen never did: then the stories show less than they seem to.
    pub(crate) fn expect_everything(&self) {
        for end in [
            "PENDING",
            "APPROVED",
            "DENIED",
            "EXPIRED",
            "CANCELLED",
            "CONSUMED",
            "REVOKED",
        ] {
            assert!(self.ends.contains_key(end), "no story left a request {end}");
        }
        for outcome in [
            "ask 201",
            "ask VALIDATION_ERROR",
            "approve 200",
            "approve SELF_APPROVAL",
            "approve NOT_ELIGIBLE",
            "approve ALREADY_DECIDED",
            "approve APPROVAL_EXPIRED",
            "approve STALE_VIEW",
            "approve FORBIDDEN",
            "deny 200",
            "deny ALREADY_DECIDED",
            "cancel 200",
            "cancel NOT_FOUND",
            "cancel ALREADY_CONSUMED",
            "redeem 200",
            "redeem DIGEST_MISMATCH",
            "redeem NOT_APPROVED",
            "redeem ALREADY_CONSUMED",
            "redeem APPROVAL_EXPIRED",
            "redeem STOPPED",
            "ask STOPPED",
            "delegate 200",
            "in somebody's place",
            "revoke 200",
            "revoke NOT_APPROVED",
        ] {
            let times = self.outcomes.get(outcome).copied().unwrap_or_default();
            assert!(times > 0, "never: {outcome}");
        }
        assert!(self.cut_off > self.cut_off_and_done, "nothing was ever cut off in time");
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} stories, {} steps; {} requests cut off, of which {} had taken effect",
            self.stories, self.steps, self.cut_off, self.cut_off_and_done
        )?;
        writeln!(f, "left: {:?}", self.ends)?;
        write!(f, "answers: {:?}", self.outcomes)
    }
}
