//! The two forms of the rule, the script that runs in Redis and the one in this process, over the same random stories.

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};

use super::{
    Rate,
    limiter::{Act, SCRIPT, arguments},
};
use crate::{data::Ttl, testing::TestStack};

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Take),
        2 => Just(Act::Look),
        1 => (0_u32..40).prop_map(Act::Charge),
    ]
}

/// A rate, and what happens after how many microseconds; sometimes the clock is set back.
fn stories() -> impl Strategy<Value = (Rate, Vec<(i64, Act)>)> {
    let rate = (1_u32..2_000, 1_u32..20, 1_u32..4)
        .prop_map(|(per_second, burst, bursts)| Rate::new(per_second, burst).owing(bursts));
    let step = prop_oneof![20 => 0_i64..3_000_000, 1 => -60_000_000_i64..0];
    (rate, prop::collection::vec((step, acts()), 1..30))
}

#[tokio::test]
async fn the_script_and_the_fallback_agree() {
    let stack = TestStack::start().await;
    let (mut runner, mut steps) = (TestRunner::deterministic(), 0);
    for _ in 0..100 {
        let (rate, story) = stories().new_tree(&mut runner).expect("a story").current();
        let key = format!("agreement:{}", stack.ctx.ids.next());
        let (mut now, mut used_until) = (1_800_000_000_000_000_i64, 0_i64);
        for (step, act) in story {
            now += step;
            steps += 1;
            let told = [arguments(rate, act).as_slice(), &[now.to_string()]].concat();
            let [wait, used] = stack
                .ctx
                .cache
                .run_script(SCRIPT, &key, &told)
                .await
                .expect("Redis answers");
            let script = rate.allowance(wait, used);
            let (rule, taken) = rate.take(used_until, now);
            assert_eq!(
                (script.allowed, script.retry_after),
                (rule.allowed, rule.retry_after),
                "{act:?}"
            );
            used_until = match act {
                // Where the clock was set back it is read as what it can be at most.
                Act::Look => used_until.min(now + rate.ceiling()),
                Act::Take => taken,
                Act::Charge(times) => rate.charge(used_until, now, times),
            };
            assert_eq!(used, (used_until - now).max(0), "{act:?}");
            // The story's time is its own, and the key's life is real: it must not end between two steps.
            let renewed = stack.ctx.cache.renew(&key, Ttl::seconds(60)).await;
            if used > 0 && !renewed.expect("Redis answers") {
                break;
            }
        }
    }
    assert!(steps > 500, "{steps}");
}
