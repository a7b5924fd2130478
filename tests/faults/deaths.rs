//! When which process is killed.

use std::time::Duration;

use system_tests::{
    fleet::Moment,
    load::{Dice, Sender},
};

/// A process is killed in the middle of every so many-th request.
const REQUESTS_PER_DEATH: u64 = 80;
/// The same for the sweep.
const REQUESTS_PER_SWEEPS_DEATH: u64 = 700;

/// A death every so many requests, of any function and in the moments by turns, until the tickets are gone.
pub(crate) async fn kill_now_and_then(sender: Sender, dice: Dice) {
    const VICTIMS: [&str; 5] = ["approval", "audit", "approval", "tenant", "approval"];
    let step = |count: u64, every: u64| count / every * every + every;
    let mut deaths = 0_u64;
    while sender.tickets.are_left() {
        let taken = sender.tickets.taken();
        let (next, next_sweeps) = (step(taken, REQUESTS_PER_DEATH), step(taken, REQUESTS_PER_SWEEPS_DEATH));
        // Once all tickets are gone nobody takes any more.
        sender
            .tickets
            .reach(next.min(next_sweeps).min(sender.tickets.total()))
            .await;
        if next_sweeps <= next {
            let moment = Moment::During(Duration::from_millis(dice.below(1_500) as u64));
            sender.fleet.kill_next("outbox", moment);
        }
        if next <= next_sweeps {
            let moment = match deaths % 4 {
                0 => Moment::Arrival,
                2 => Moment::Answer,
                _ => Moment::During(Duration::from_micros(dice.below(15_000) as u64)),
            };
            deaths += 1;
            sender.fleet.kill_next(VICTIMS[dice.below(VICTIMS.len())], moment);
        }
    }
}
