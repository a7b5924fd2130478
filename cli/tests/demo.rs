//! `countersign demo` against the real functions, with the keys that `countersign seed` made.

mod support;

use support::{Scratch, Service, of_database, run, text};

#[test]
fn the_demo_plays_its_story_with_the_seeded_keys() {
    let scratch = Scratch::new("demo");
    let file = scratch.path("keys.env");
    let seeding = file.clone();
    let service = Service::start(|stack| async move {
        run(&of_database(&stack.database), &["seed", "--keys-file", text(&seeding)]).expect(0);
        (stack, ())
    });
    let environment = vec![("COUNTERSIGN_URL".to_owned(), service.url.clone())];

    let told = run(&environment, &["demo", "--keys-file", text(&file)]).expect(0);
    let story = [
        "PENDING, 0/1",
        "403 FORBIDDEN",
        "wait returns APPROVED",
        "409 DIGEST_MISMATCH",
        "CONSUMED",
        "DENIED",
        "404 NOT_FOUND",
        "approval.denied",
    ];
    for part in story {
        assert!(told.stdout.contains(part), "{part}: {}", told.stdout);
    }
    let value = run(&environment, &["demo", "--json", "--keys-file", text(&file)])
        .expect(0)
        .value();
    assert!(value["wait_latency_ms"].is_u64(), "{value}");
    let offsets: Vec<u64> = value["steps"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|step| step["offset_ms"].as_u64())
        .collect();
    assert!(offsets.len() > 10, "{value}");
}

#[test]
fn the_demo_fails_when_an_answer_is_not_the_expected_one() {
    let scratch = Scratch::new("demo-wrong");
    let file = scratch.path("keys.env");
    let seeding = file.clone();
    let service = Service::start(|stack| async move {
        run(&of_database(&stack.database), &["seed", "--keys-file", text(&seeding)]).expect(0);
        // Nobody is left who could approve.
        sqlx::query("UPDATE users SET status = 'DEACTIVATED' WHERE email LIKE 'alice@acme%'")
            .execute(&stack.owner_pool())
            .await
            .expect("run");
        (stack, ())
    });
    let environment = vec![("COUNTERSIGN_URL".to_owned(), service.url.clone())];
    let ran = run(&environment, &["demo", "--keys-file", text(&file)]).expect(1);
    assert!(ran.stderr.contains("expected status 200, not 401"), "{}", ran.stderr);
}
