//! Whether who was told nothing had a reason: 503 only while Postgres could not answer and for a bounded number of
//! requests after that, 502 only from a process that was killed.

use super::Findings;
use crate::{
    fleet::Losses,
    load::{Entry, Outcome},
    weather::Spell,
};

/// How requests fared around one trouble.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around {
    /// 503 while it lasted.
    pub unavailable: u64,
    /// 503 to requests sent when it was over.
    pub unavailable_after: u64,
    /// How many requests had been sent since it was over when the last of those was.
    pub recovered_after: usize,
}

/// Judges every answer with a 5xx, and says how it was around each of the troubles.
///
/// A process may find out by a request that its connection is dead, and again by the next that a fresh one takes long. So of
/// the requests sent after a trouble at most twice as many as there are `environments` may be told 503, and those among the
/// first few of them.
#[must_use]
pub fn check_availability(
    entries: &[Entry],
    spells: &[Spell],
    losses: &Losses,
    environments: usize,
    findings: &mut Findings,
) -> Vec<Around> {
    let mut around = vec![Around::default(); spells.len()];
    let mut killed = 0;
    for entry in entries {
        match entry.outcome {
            Outcome::Unknown(502) => killed += 1,
            Outcome::Unknown(503) => {
                let during = spells.iter().position(|spell| {
                    spell.trouble.excuses_unavailable() && spell.began <= entry.ended && entry.began <= spell.healed
                });
                let before = spells
                    .iter()
                    .rposition(|spell| spell.trouble.excuses_unavailable() && spell.healed < entry.began);
                match (during, before) {
                    (Some(spell), _) => around[spell].unavailable += 1,
                    (None, Some(spell)) => {
                        let healed = spells[spell].healed;
                        let since = entries
                            .iter()
                            .filter(|other| other.began > healed && other.began < entry.began)
                            .count();
                        around[spell].unavailable_after += 1;
                        around[spell].recovered_after = around[spell].recovered_after.max(since + 1);
                    }
                    (None, None) => findings.compare("reasons for 503", false, || format!("none: {entry:?}")),
                }
            }
            Outcome::Unknown(status) => {
                findings.compare("reasons for 5xx", false, || {
                    format!("there is none for {status}: {entry:?}")
                });
            }
            Outcome::Acknowledged(_) | Outcome::Refused(..) => {}
        }
    }
    for (spell, around) in spells.iter().zip(&around) {
        let bound = environments * 4;
        let holds = around.recovered_after <= bound && around.unavailable_after <= 2 * environments as u64;
        findings.compare("recoveries by itself", holds, || {
            format!("{:?}: {around:?}, of {bound}", spell.trouble)
        });
    }
    let deaths = losses
        .killed
        .iter()
        .filter(|(function, _)| function != "outbox")
        .count();
    findings.compare("502 for those killed", killed == deaths, || {
        format!("{killed} answers, {deaths} deaths")
    });
    for (kind, list) in [
        ("no process ended by itself", &losses.crashed),
        ("no invocation overran", &losses.overran),
        ("no invocation failed", &losses.failed),
    ] {
        findings.compare(kind, list.is_empty(), || format!("{list:?}"));
    }
    around
}
