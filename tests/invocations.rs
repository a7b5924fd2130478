//! Events that cannot be decoded, through the programs that Lambda runs: a request is refused in the contract's envelope by
//! the function itself, a schedule fires all the same, and neither costs a process or an invocation.
//!
//! What becomes of each event in the entry is shown in `shared`; here is that `lambda_runtime` hands it over.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use shared::testing::{TestStack, undecodable_events};
use system_tests::{
    fleet::{Ask, Fate, Fleet, Program},
    load::envelope_mistake,
};

const DEADLINE: Duration = Duration::from_secs(29);

/// One process of each function, on the stack's servers.
async fn fleet(stack: &TestStack) -> Fleet {
    let settings = [
        ("DATABASE_URL", stack.database.url("countersign_app")),
        ("SWEEPER_DATABASE_URL", stack.database.url("countersign_sweeper")),
        (
            "REDIS_URL",
            std::env::var("TEST_REDIS_URL").expect("set, or the stack would not be"),
        ),
        ("ADMIN_API_KEY", stack.operator().to_owned()),
        ("AUTH_BCRYPT_COST", "4".to_owned()),
        // A sweep is one turn: what it did is looked at, not what it waits for.
        ("OUTBOX_TURN_MS", "60000".to_owned()),
        // As much as a function can be told to say, which is where lambda_runtime would look into an event.
        ("LOG_LEVEL", "trace".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let functions = ["health", "tenant", "approval", "audit", "outbox"].map(|name| (name, vec![Program::built(name)]));
    let logs = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("invocations-{}", std::process::id()));
    Fleet::start(functions.into(), &settings, &logs).await
}

fn lost(fleet: &Fleet) -> usize {
    let losses = fleet.losses();
    losses.crashed.len() + losses.failed.len() + losses.overran.len() + losses.killed.len()
}

#[tokio::test]
async fn a_request_that_cannot_be_decoded_is_refused_by_the_function_itself() {
    let stack = TestStack::start().await;
    let fleet = fleet(&stack).await;
    let sound = Ask::new("POST", "/health").json(json!({})).event();
    for function in ["health", "tenant", "approval", "audit"] {
        for (what, event) in undecodable_events(&sound) {
            let answer = fleet.ask_with(function, event).await;
            let what = format!("{function}, {what}: {answer:?}");
            assert!(answer.is_functions, "{what}");
            assert_eq!(
                (answer.status, &answer.body["error"]["code"]),
                (400, &json!("VALIDATION_ERROR")),
                "{what}"
            );
            assert_eq!(answer.body["error"]["details"]["field"], "event", "{what}");
            let request_id = answer.headers["x-request-id"].clone();
            assert_eq!(envelope_mistake(&answer, &request_id), None, "{what}");
        }
        let served = fleet
            .ask_with(function, Ask::new("GET", "/api/v1").event().to_string().into_bytes())
            .await;
        assert!(
            [400, 401, 404].contains(&served.status),
            "{function} serves on: {served:?}"
        );
        assert_ne!(served.body["error"]["details"]["field"], "event", "{served:?}");
    }
    assert_eq!(lost(&fleet), 0, "{:?}", fleet.losses());
}

#[tokio::test]
async fn a_schedule_fires_whatever_its_event_holds() {
    let stack = TestStack::start().await;
    let tenant = stack.tenant().await;
    let fleet = fleet(&stack).await;
    let signed = |ask: Ask| {
        ask.header("authorization", &format!("Bearer {}", tenant.agent.text))
            .header("x-tenant-id", &tenant.id.to_string())
    };
    let scheduled = json!({ "source": "aws.events", "headers": {}, "requestContext": {}, "detail": {} });
    for (what, event) in undecodable_events(&scheduled) {
        let task = fleet
            .ask(signed(Ask::new("POST", "/api/v1/tasks/ping").json(json!({}))))
            .await;
        assert_eq!(task.status, 202, "{task:?}");
        let fate = fleet.invoke("outbox", event, DEADLINE).await;
        let Fate::Answered(summary) = fate else {
            panic!("{what}: {fate:?}");
        };
        assert_eq!(
            (&summary["turns"], &summary["failures"]),
            (&json!(1), &json!(0)),
            "{what}: {summary}"
        );
        assert_eq!(summary["delivered"], 1, "{what}: {summary}");
        let id = task.body["id"].as_str().expect("an id");
        let task = fleet.ask(signed(Ask::new("GET", &format!("/api/v1/tasks/{id}")))).await;
        assert_eq!(task.body["status"], Value::from("DONE"), "{what}: {task:?}");
    }
    assert_eq!(lost(&fleet), 0, "{:?}", fleet.losses());
}
