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

/// A death every so many requests, in the functions and the moments by turns.
pub(crate) async fn kill_now_and_then(sender: Sender, dice: Dice) {
    const VICTIMS: [&str; 5] = ["approval", "audit", "approval", "tenant", "approval"];
    let step = |count: u64, every: u64| count / every * every + every;
    while sender.tickets.are_left() {
        let taken = sender.tickets.taken();
        let (next, next_sweeps) = (step(taken, REQUESTS_PER_DEATH), step(taken, REQUESTS_PER_SWEEPS_DEATH));
        sender.tickets.reach(next.min(next_sweeps)).await;
        if next_sweeps <= next {
            let moment = Moment::During(Duration::from_millis(dice.below(1_500) as u64));
            sender.fleet.kill_next("outbox", moment);
        }
        if next <= next_sweeps {
            let moment = match dice.below(4) {
                0 => Moment::Arrival,
                1 => Moment::Answer,
                _ => Moment::During(Duration::from_micros(dice.below(15_000) as u64)),
            };
            sender.fleet.kill_next(VICTIMS[dice.below(VICTIMS.len())], moment);
        }
    }
}
