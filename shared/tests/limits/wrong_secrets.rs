//! Whoever presents wrong secrets is slowed down, and nobody else is.

use futures_util::future::join_all;
use secrecy::ExposeSecret as _;
use shared::{
    auth::{ApiKey, Environment},
    testing::{Answer, TestClient, TestKey, TestStack},
};

use crate::{NO_REDIS, client_of};

const GUESSER: &str = "192.0.2.66";
/// How many wrong secrets for one key are looked at from one address.
const LOOKED_AT: usize = 50;

/// The key with another secret, of the right form.
fn guess(stack: &TestStack, key: &TestKey) -> TestKey {
    let mut guess = key.clone();
    let minted = ApiKey::mint(Environment::Dev, key.id, &stack.ctx.random);
    minted.text.expose_secret().clone_into(&mut guess.text);
    guess
}

async fn ask(client: &TestClient, key: &TestKey, address: &str) -> Answer {
    client
        .request("GET", "/anyone")
        .key(key)
        .from_address(address)
        .send()
        .await
}

/// Guesses until it is slowed down; how many guesses were looked at.
async fn guess_until_slowed(stack: &TestStack, client: &TestClient, key: &TestKey) -> usize {
    for looked_at in 0..LOOKED_AT * 2 {
        let answer = ask(client, &guess(stack, key), GUESSER).await;
        if answer.status == 429 {
            answer.expect_error(429, "RATE_LIMITED");
            assert!(answer.header("retry-after").is_some());
            assert_eq!(answer.header("ratelimit"), None, "nothing is told to who is not known");
            return looked_at;
        }
        answer.expect_error(401, "UNAUTHORIZED");
    }
    panic!("nobody slowed it down")
}

#[tokio::test]
async fn guesses_are_slowed_and_the_holder_is_not() {
    for settings in [&[][..], &[NO_REDIS]] {
        let stack = TestStack::with(settings).await;
        let tenant = stack.tenant().await;
        let client = client_of(&stack);
        ask(&client, &tenant.agent, GUESSER).await.expect(200);

        let looked_at = guess_until_slowed(&stack, &client, &tenant.agent).await;
        // What comes back by the second while it runs is looked at as well.
        assert!((LOOKED_AT..LOOKED_AT * 2).contains(&looked_at), "{looked_at}");

        // The holder's verdict is cached, so it passes, from the guesser's address too and also much later.
        ask(&client, &tenant.agent, GUESSER).await.expect(200);
        ask(&client, &tenant.agent, "192.0.2.1").await.expect(200);
        // A guess at the key from elsewhere is looked at, and so is one at another key from the same address.
        ask(&client, &guess(&stack, &tenant.agent), "192.0.2.1")
            .await
            .expect_error(401, "UNAUTHORIZED");
        ask(&client, &guess(&stack, &tenant.admin), GUESSER)
            .await
            .expect_error(401, "UNAUTHORIZED");
        if settings.is_empty() {
            // In a process that has not seen it yet the verdict comes from Redis.
            let fresh = TestStack::on_same_servers(&stack);
            ask(&client_of(&fresh), &tenant.agent, GUESSER).await.expect(200);
        }
    }
}

#[tokio::test]
async fn all_processes_slow_a_guesser_together() {
    let stack = TestStack::start().await;
    let other = TestStack::on_same_servers(&stack);
    let elsewhere = client_of(&other);
    // A guess comes back every second, which may pass between two requests: then it is tried on another key.
    for _ in 0..10 {
        let key = stack.tenant().await.agent;
        guess_until_slowed(&stack, &client_of(&stack), &key).await;
        let looked_at = guess_until_slowed(&stack, &elsewhere, &key).await;
        assert!(looked_at < LOOKED_AT / 2, "{looked_at} more in another process");
        // The right secret, seen by nobody before, is told to come back, not that it is wrong.
        let answer = ask(&elsewhere, &key, GUESSER).await;
        if answer.status == 429 {
            answer.expect_error(429, "RATE_LIMITED");
            ask(&elsewhere, &key, "192.0.2.1").await.expect(200);
            return;
        }
        answer.expect(200);
    }
    panic!("the right secret was looked at whenever it came");
}

#[tokio::test]
async fn an_unknown_key_is_always_401() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let client = client_of(&stack);
    let mut unknown = tenant.agent.clone();
    unknown.id = stack.ctx.ids.next();
    for _ in 0..LOOKED_AT * 5 {
        ask(&client, &guess(&stack, &unknown), GUESSER)
            .await
            .expect_error(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_key_in_use_never_needs_bcrypt_again() {
    let stack = TestStack::with(&[("AUTH_VERDICT_TTL_SECONDS", "60")]).await;
    let tenant = stack.tenant().await;
    let client = client_of(&stack);
    ask(&client, &tenant.agent, GUESSER).await.expect(200);
    guess_until_slowed(&stack, &client, &tenant.agent).await;
    // Used every 40 seconds the verdict is renewed; if it were not, the slowed address would be told to wait.
    for _ in 0..5 {
        stack.clock.shift(chrono::Duration::seconds(40));
        ask(&client, &tenant.agent, GUESSER).await.expect(200);
    }
}

#[tokio::test]
async fn what_many_guess_at_once_is_paid_for_afterwards() {
    for settings in [&[][..], &[NO_REDIS]] {
        let stack = TestStack::with(settings).await;
        let tenant = stack.tenant().await;
        let client = client_of(&stack);
        let began = stack.clock.now();
        let mut looked_at = 0;
        for _ in 0..4 {
            let wave = (0..60).map(|_| {
                let (client, guess) = (client.clone(), guess(&stack, &tenant.agent));
                async move { ask(&client, &guess, GUESSER).await.status }
            });
            let statuses = join_all(wave).await;
            looked_at += statuses.iter().filter(|status| **status == 401).count();
        }
        let seconds = usize::try_from((stack.clock.now() - began).num_seconds()).expect("forward");
        // One wave of sixty finds the bucket full; whatever comes back by the second while they run is looked at too.
        assert!(looked_at <= 60 + LOOKED_AT + seconds, "{looked_at} in {seconds} s");
        assert!(looked_at >= LOOKED_AT, "{looked_at}");
        let refused = ask(&client, &guess(&stack, &tenant.agent), GUESSER).await;
        let wait: usize = refused
            .header("retry-after")
            .expect("told when")
            .parse()
            .expect("seconds");
        assert!(wait + seconds + 5 >= looked_at - LOOKED_AT, "{wait} s for {looked_at}");
    }
}

#[tokio::test]
async fn neighbours_behind_one_address_are_not_slowed() {
    let stack = TestStack::start().await;
    let (tenant, other) = (stack.tenant().await, stack.tenant().await);
    let client = client_of(&stack);
    for key in [&tenant.agent, &tenant.admin, &tenant.approver, &tenant.auditor] {
        guess_until_slowed(&stack, &client, key).await;
    }
    // Seen by nobody before, from the guesser's own address.
    ask(&client, &other.agent, GUESSER).await.expect(200);
    ask(&client, &tenant.second_approver, GUESSER).await.expect(200);
}

#[tokio::test]
async fn a_wrong_bearer_on_the_operators_routes_is_always_401() {
    let stack = TestStack::start().await;
    let client = client_of(&stack);
    for guess in 0..LOOKED_AT * 2 {
        client
            .request("GET", "/operator")
            .bearer(&format!("wrong-operator-credential-{guess}"))
            .from_address(GUESSER)
            .send()
            .await
            .expect_error(401, "UNAUTHORIZED");
    }
}
