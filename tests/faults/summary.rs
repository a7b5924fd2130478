//! What a run came to, for whoever reads the test's output.

use std::{collections::BTreeMap, time::Duration};

use system_tests::{
    checker::{Around, Findings, RULES},
    fleet::{Losses, Moment, Service},
    load::{Entry, Outcome},
    weather::Spell,
};

/// Everything that is shown.
pub(crate) struct Summary<'a> {
    pub(crate) entries: &'a [Entry],
    pub(crate) spells: &'a [Spell],
    pub(crate) around: &'a [Around],
    pub(crate) findings: &'a Findings,
    pub(crate) losses: &'a Losses,
    pub(crate) services: &'a [Service],
    /// Sweeps that were killed while there was load.
    pub(crate) sweeps_killed: u64,
    /// Sweeps of more than one turn by a process whose clock is ahead.
    pub(crate) skewed_sweeps: usize,
    /// Deliveries that a dead sweep left under a lease.
    pub(crate) leases: usize,
    pub(crate) loaded: Duration,
    pub(crate) took: Duration,
    pub(crate) seed: u64,
}

impl Summary<'_> {
    /// Shows it.
    pub(crate) fn print(&self) {
        let mut by_name = BTreeMap::<&str, [u64; 3]>::new();
        for entry in self.entries {
            let column = match entry.outcome {
                Outcome::Acknowledged(_) => 0,
                Outcome::Refused(..) => 1,
                Outcome::Unknown(_) => 2,
            };
            by_name.entry(entry.operation.name()).or_default()[column] += 1;
        }
        println!(
            "\n{:28} {:>12} {:>8} {:>8}",
            "requests", "acknowledged", "refused", "unknown"
        );
        for (name, [acknowledged, refused, unknown]) in by_name {
            println!("{name:28} {acknowledged:>12} {refused:>8} {unknown:>8}");
        }
        println!(
            "\n{:28} {:>8} {:>8} {:>8} {:>10}  ready said",
            "trouble", "requests", "503", "503 after", "recovered"
        );
        for (spell, around) in self.spells.iter().zip(self.around) {
            println!(
                "{:28} {:>8} {:>8} {:>8} {:>10}  {}",
                format!("{:?}", spell.trouble),
                spell.requests,
                around.unavailable,
                around.unavailable_after,
                around.recovered_after,
                spell.struck.map_or_else(
                    || spell.readiness.clone(),
                    |struck| format!("{}, and {struck} were struck", spell.readiness)
                )
            );
        }
        println!();
        for service in self.services {
            println!(
                "{:>6}  served by {} ({})",
                service.served, service.environment, service.program
            );
        }
        let mut deaths = BTreeMap::<String, u64>::new();
        for (function, moment) in &self.losses.killed {
            let moment = match moment {
                Moment::Arrival => "on arrival",
                Moment::During(_) => "during",
                Moment::Answer => "before its answer was heard",
            };
            *deaths.entry(format!("{function} killed {moment}")).or_default() += 1;
        }
        println!();
        for (what, count) in deaths {
            println!("{count:>6}  {what}");
        }
        println!(
            "{:>6}  sweeps that went on though their clock was ahead",
            self.skewed_sweeps
        );
        println!("{:>6}  deliveries left under the lease of a dead sweep", self.leases);
        println!("\n{:>6}  rules over all rows", RULES.len());
        for (what, count) in &self.findings.compared {
            println!("{count:>6}  {what}");
        }
        println!(
            "\n{} requests, {:.0} s of load, {:.0} s in all, SOAK_SEED={}",
            self.entries.len(),
            self.loaded.as_secs_f64(),
            self.took.as_secs_f64(),
            self.seed
        );
    }
}
