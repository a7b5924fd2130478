//! How much a credential may ask, over the frame: counted for all processes together, in front of the role and behind the
//! credential.

use shared::testing::{Answer, TestStack};

use crate::{NO_REDIS, client_of};

const SLOW: [(&str, &str); 2] = [("RATE_LIMIT_PER_SECOND", "1"), ("RATE_LIMIT_BURST", "3")];

/// What the answer says is left, and the seconds until all is.
fn left(answer: &Answer) -> (u32, u32) {
    assert_eq!(answer.header("ratelimit-policy"), Some(r#""default";q=3;w=3"#));
    let limit = answer.header("ratelimit").expect("a RateLimit header");
    let (left, seconds) = limit
        .strip_prefix(r#""default";r="#)
        .and_then(|rest| rest.split_once(";t="))
        .expect(limit);
    (left.parse().expect("a number"), seconds.parse().expect("a number"))
}

fn refused(answer: &Answer) {
    let details = answer.expect_error(429, "RATE_LIMITED");
    let seconds: u32 = answer
        .header("retry-after")
        .expect("Retry-After")
        .parse()
        .expect("seconds");
    assert!((1..=3).contains(&seconds), "{seconds}");
    assert_eq!(details["retry_after_seconds"], seconds);
    assert_eq!(left(answer).0, 0);
}

#[tokio::test]
async fn a_burst_and_then_429_before_the_role_and_behind_the_credential() {
    let stack = TestStack::with(&SLOW).await;
    let tenant = stack.tenant().await;
    let client = client_of(&stack);
    for expected in [2, 1] {
        let answer = client.get(&tenant.agent, "/anyone").await;
        answer.expect(200);
        assert_eq!(left(&answer).0, expected);
    }
    // A refusal counts as well, and tells what is left.
    let answer = client.get(&tenant.agent, "/admins").await;
    answer.expect_error(403, "FORBIDDEN");
    assert_eq!(left(&answer).0, 0);
    refused(&client.get(&tenant.agent, "/admins").await);
    refused(&client.get(&tenant.agent, "/anyone").await);

    // A wrong credential is neither counted nor told anything.
    let wrong = client
        .request("GET", "/anyone")
        .tenant(tenant.id)
        .bearer("cs_dev_x")
        .send()
        .await;
    wrong.expect_error(401, "UNAUTHORIZED");
    assert_eq!(wrong.header("ratelimit"), None);
    // Another key of the tenant has an allowance of its own.
    client.get(&tenant.admin, "/anyone").await.expect(200);
}

#[tokio::test]
async fn the_operator_is_counted_too() {
    // The tests share one Redis and the operator is one: alone, so that others' requests are not counted with these.
    let stack = TestStack::with(&[SLOW[0], SLOW[1], NO_REDIS]).await;
    let client = client_of(&stack);
    let ask = || client.request("GET", "/operator").bearer(stack.operator()).send();
    for _ in 0..3 {
        ask().await.expect(200);
    }
    refused(&ask().await);
}

#[tokio::test]
async fn all_processes_count_together_and_forget_in_time() {
    let stack = TestStack::with(&SLOW).await;
    // Nothing but Redis and Postgres is common to them.
    let other = TestStack::sharing(&stack, &SLOW);
    let tenant = stack.tenant().await;
    let (here, there) = (client_of(&stack), client_of(&other));
    here.get(&tenant.agent, "/anyone").await.expect(200);
    there.get(&tenant.agent, "/anyone").await.expect(200);
    here.get(&tenant.agent, "/anyone").await.expect(200);
    refused(&there.get(&tenant.agent, "/anyone").await);

    let key = format!("requests:{}:{}", tenant.id, tenant.agent.id);
    let seconds = stack.ctx.cache.ttl(&key).await.expect("Redis answers");
    assert!((1..=4).contains(&seconds), "what is kept goes by itself: {seconds}");
    stack.ctx.cache.delete(&key).await.expect("Redis answers");
    there.get(&tenant.agent, "/anyone").await.expect(200);
}

#[tokio::test]
async fn without_redis_each_process_counts_for_itself() {
    let settings = [SLOW[0], SLOW[1], NO_REDIS];
    let stack = TestStack::with(&settings).await;
    let tenant = stack.tenant().await;
    let client = client_of(&stack);
    for _ in 0..3 {
        client.get(&tenant.agent, "/anyone").await.expect(200);
    }
    refused(&client.get(&tenant.agent, "/anyone").await);
    stack.clock.shift(chrono::Duration::seconds(2));
    client.get(&tenant.agent, "/anyone").await.expect(200);
    // A clock that is set back does not shut anybody out for longer than a burst lasts.
    stack.clock.shift(chrono::Duration::hours(-1));
    refused(&client.get(&tenant.agent, "/anyone").await);
    stack.clock.shift(chrono::Duration::seconds(3));
    client.get(&tenant.agent, "/anyone").await.expect(200);
}
