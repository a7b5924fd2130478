//! People who press at the same moment, in two processes; and what must hold while they wait for each other.

mod crowd;
mod delegation;
mod history;
mod pairs;
mod stops;

use futures_util::future::join_all;
use serde_json::json;
use shared::{
    context::Clock,
    http::app,
    testing::{TestClient, TestStack, times},
};

use crate::{
    eligibility::until_blocked,
    scene::{Scene, id, request, request_with},
};

/// A scene that two processes serve, each with connections and memory of its own.
struct TwoProcesses {
    // Before the scene, whose database it uses.
    _second: TestStack,
    clients: [TestClient; 2],
    scene: Scene,
}

impl TwoProcesses {
    async fn start() -> Self {
        let scene = Scene::start().await;
        let second = TestStack::on_same_servers(&scene.stack);
        let clients = [
            scene.client.clone(),
            second.client(app(second.ctx.clone(), approval::routes()).0),
        ];
        Self {
            _second: second,
            clients,
            scene,
        }
    }
}

fn soaks() -> bool {
    std::env::var("SOAK").is_ok_and(|soak| soak == "1")
}

/// The seed of what is left to chance: always the same, but under `SOAK=1` that of `SOAK_SEED` or the time. Printed.
fn seed() -> u64 {
    let seed = if soaks() {
        std::env::var("SOAK_SEED").map_or_else(
            |_| Clock::system().now().timestamp().unsigned_abs(),
            |seed| seed.parse().expect("SOAK_SEED is a number"),
        )
    } else {
        16
    };
    println!("SOAK_SEED={seed}");
    seed
}

/// Each accepted vote left one audit event and one outbox event, beside those of the request itself.
async fn expect_one_event_a_vote(scene: &Scene, id: &str, accepted: usize) {
    assert_eq!(scene.audit(id).await.len(), 1 + accepted, "audit events of {id}");
    let sent = scene.outbox(id).await;
    assert_eq!(sent.len(), 1 + accepted, "outbox events of {id}");
    let versions: Vec<i32> = sent.iter().map(|(_, version, _)| *version).collect();
    assert_eq!(
        versions,
        (1..).take(1 + accepted).collect::<Vec<_>>(),
        "versions of {id}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_person_pressing_sixteen_times_is_one_vote() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let id = id(&asked);
    let answers = join_all((0..16).map(|_| scene.approve(&scene.tenant.approver, id))).await;
    for answer in answers {
        assert_eq!(answer.expect(200)["approvals"], 1);
    }
    expect_one_event_a_vote(&scene, id, 1).await;
}

#[tokio::test]
async fn a_request_that_expires_while_the_vote_waits_for_the_lock_is_not_approved() {
    let scene = Scene::start().await;
    for verb in ["approve", "deny", "cancel"] {
        let (id, _) = scene.request_in("PENDING").await;
        let mut holder = scene.owner.begin().await.expect("begun");
        sqlx::raw_sql(
            "SET LOCAL session_replication_role = replica; SELECT FROM approval_requests WHERE status = 'PENDING' FOR UPDATE",
        )
        .execute(&mut *holder)
        .await
        .expect("locked");
        let expire = async {
            until_blocked(&scene).await;
            sqlx::query("UPDATE approval_requests SET expires_at = clock_timestamp() WHERE id = $1::uuid")
                .bind(&id)
                .execute(&mut *holder)
                .await
                .expect("due");
            holder.commit().await.expect("released");
        };
        let key = if verb == "cancel" {
            &scene.tenant.agent
        } else {
            &scene.tenant.approver
        };
        let (answer, ()) = tokio::join!(scene.act(key, &id, verb, json!({})), expire);
        answer.expect_error(409, "APPROVAL_EXPIRED");
        let status = scene.get(&scene.tenant.agent, &id).await;
        assert_eq!((&status["status"], &status["version"]), (&json!("EXPIRED"), &json!(2)));
        assert_eq!(status["decisions"], json!([]));
        expect_one_event_a_vote(&scene, &id, 0).await;
    }
}

#[tokio::test]
async fn a_vote_that_cannot_be_logged_did_not_happen() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    let owner = &scene.owner;
    for table in ["audit_events", "outbox"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "REVOKE INSERT ON {table} FROM countersign_app"
        )))
        .execute(owner)
        .await
        .expect("revoked");
        scene
            .approve(&scene.tenant.approver, &id)
            .await
            .expect_error(500, "INTERNAL_ERROR");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "GRANT INSERT ON {table} TO countersign_app"
        )))
        .execute(owner)
        .await
        .expect("granted");
        let status = scene.get(&scene.tenant.agent, &id).await;
        assert_eq!(
            (&status["status"], &status["version"], &status["decisions"]),
            (&json!("PENDING"), &json!(1), &json!([]))
        );
        expect_one_event_a_vote(&scene, &id, 0).await;
    }
}

#[tokio::test]
async fn without_redis_everything_still_happens() {
    let scene = Scene::with(&[("REDIS_URL", "redis://127.0.0.1:1"), ("REDIS_TIMEOUT_MS", "100")]).await;
    let asked = scene.ask(request()).await;
    let id = id(&asked);
    let approved = scene.approve(&scene.tenant.approver, id).await.expect(200);
    assert_eq!(approved["status"], "APPROVED");
    let cancelled = scene
        .act(&scene.tenant.agent, id, "cancel", json!({}))
        .await
        .expect(200);
    scene
        .expect_events(
            id,
            &["approval.requested", "approval.approved", "approval.cancelled"],
            &cancelled,
        )
        .await;
}

#[tokio::test]
async fn a_lock_that_is_not_had_in_time_is_503_and_changes_nothing() {
    let scene = Scene::with(&[("DATABASE_STATEMENT_TIMEOUT_MS", "200")]).await;
    let (id, _) = scene.request_in("PENDING").await;
    let mut holder = scene.owner.begin().await.expect("begun");
    sqlx::query("SELECT FROM approval_requests FOR UPDATE")
        .execute(&mut *holder)
        .await
        .expect("locked");
    for (key, verb) in [
        (&scene.tenant.approver, "approve"),
        (&scene.tenant.approver, "deny"),
        (&scene.tenant.agent, "cancel"),
    ] {
        scene
            .act(key, &id, verb, json!({}))
            .await
            .expect_error(503, "UNAVAILABLE");
    }
    holder.rollback().await.expect("released");
    assert_eq!(scene.get(&scene.tenant.agent, &id).await["version"], 1);
    expect_one_event_a_vote(&scene, &id, 0).await;
}
