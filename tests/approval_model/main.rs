//! The life of approvals against a model of it: random stories of asking, voting, withdrawing, redeeming, passing time and
//! requests that are cut off midway, each step played on the product and on a few lines that say what must come of it.
//!
//! `model` is written from the contract and shares no code with the product; `play` tells it what to do and compares;
//! `record` reads what was left in the database at the end of a story.

#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod counts;
mod model;
mod play;
mod record;
mod step;

use std::cell::RefCell;

use proptest::test_runner::{Config, TestCaseError, TestRunner};
use shared::testing::TestStack;

use counts::Counts;

/// Stories of [`step::LONGEST`] steps at most; `PROPTEST_CASES` asks for another number.
const STORIES: u32 = 120;

#[test]
fn every_story_goes_as_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let stack = runtime.block_on(TestStack::start());
    let counts = RefCell::new(Counts::default());
    let asked_for = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let cases = asked_for.unwrap_or(STORIES);
    let mut runner = TestRunner::new(Config {
        cases,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let played = runner.run(&step::story(), |story| {
        let told = runtime
            .block_on(play::story(&stack, &story))
            .map_err(TestCaseError::fail)?;
        counts.borrow_mut().add(&told);
        Ok(())
    });
    if let Err(failure) = played {
        panic!("{failure}");
    }
    let counts = counts.into_inner();
    println!("{counts}");
    if cases >= STORIES {
        counts.expect_everything();
    }
}
