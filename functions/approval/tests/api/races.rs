//! People who press at the same moment.

use futures_util::future::join_all;
use serde_json::json;
use shared::testing::{Answer, TestKey};

use crate::{
    eligibility::until_blocked,
    scene::{Scene, id, request, request_with},
};

const PAIRS: usize = 100;

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
async fn pairs_of_two_of_two_all_end_approved() {
    let scene = Scene::start().await;
    let (mut approved, mut stuck) = (0, 0);
    for _ in 0..PAIRS {
        let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
        let id = id(&asked);
        let (first, second) = tokio::join!(
            scene.approve(&scene.tenant.approver, id),
            scene.approve(&scene.tenant.second_approver, id)
        );
        let answers = [first.expect(200), second.expect(200)];
        let status = scene.get(&scene.tenant.agent, id).await;
        if status["status"] != "APPROVED" {
            stuck += 1;
            continue;
        }
        approved += 1;
        assert_eq!(status["version"], 3);
        // One of them saw itself alone, the other saw the quorum complete.
        let seen: Vec<_> = answers
            .iter()
            .map(|status| (&status["status"], &status["approvals"]))
            .collect();
        assert!(seen.contains(&(&json!("PENDING"), &json!(1))), "{seen:?}");
        assert!(seen.contains(&(&json!("APPROVED"), &json!(2))), "{seen:?}");
        expect_one_event_a_vote(&scene, id, 2).await;
    }
    println!("two of two: {approved} of {PAIRS} pairs approved, {stuck} stuck");
    assert_eq!((approved, stuck), (PAIRS, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_approve_against_deny_one_wins_and_the_other_is_told_so() {
    let scene = Scene::start().await;
    let (mut approved, mut denied, mut deceived) = (0, 0, 0);
    for round in 0..PAIRS {
        let asked = scene.ask(request()).await;
        let id = id(&asked);
        let (yes, no) = if round % 2 == 0 {
            tokio::join!(
                scene.approve(&scene.tenant.approver, id),
                scene.deny(&scene.tenant.second_approver, id)
            )
        } else {
            let (no, yes) = tokio::join!(
                scene.deny(&scene.tenant.second_approver, id),
                scene.approve(&scene.tenant.approver, id)
            );
            (yes, no)
        };
        let status = scene.get(&scene.tenant.agent, id).await;
        let is_approved = status["status"] == "APPROVED";
        *(if is_approved { &mut approved } else { &mut denied }) += 1;
        let (winner, loser) = if is_approved { (yes, no) } else { (no, yes) };
        if loser.status == 200 {
            deceived += 1;
            continue;
        }
        assert_eq!(winner.expect(200), status);
        assert_eq!(loser.expect_error(409, "ALREADY_DECIDED")["status"], status["status"]);
        assert_eq!(status["decisions"].as_array().map(Vec::len), Some(1));
        expect_one_event_a_vote(&scene, id, 1).await;
    }
    println!("approve against deny: {approved} approved, {denied} denied, {deceived} losers told they won");
    assert_eq!((approved + denied, deceived), (PAIRS, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_deciders_at_once() {
    let scene = Scene::start().await;
    let mut people = Vec::new();
    for _ in 0..16 {
        people.push(TestKey::of_user(&scene.stack, scene.tenant.id, "approver", &[]).await);
    }
    let asked = scene.ask(request_with(json!({ "required_approvals": 8 }))).await;
    let id = id(&asked);
    let answers: Vec<Answer> = join_all(people.iter().map(|person| scene.approve(person, id))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 8, "the quorum and nobody more");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.expect_error(409, "ALREADY_DECIDED")["status"], "APPROVED");
    }
    let status = scene.get(&scene.tenant.agent, id).await;
    assert_eq!((&status["approvals"], &status["version"]), (&json!(8), &json!(9)));
    expect_one_event_a_vote(&scene, id, 8).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_approve_against_cancel_the_later_word_stands() {
    let scene = Scene::start().await;
    for _ in 0..20 {
        let asked = scene.ask(request()).await;
        let id = id(&asked);
        let (approved, cancelled) = tokio::join!(
            scene.approve(&scene.tenant.approver, id),
            scene.act(&scene.tenant.agent, id, "cancel", json!({}))
        );
        // An approved request may still be cancelled, so the cancellation holds either way.
        assert_eq!(cancelled.expect(200)["status"], "CANCELLED");
        let accepted = if approved.status == 200 {
            assert_eq!(approved.expect(200)["status"], "APPROVED");
            2
        } else {
            assert_eq!(approved.expect_error(409, "ALREADY_DECIDED")["status"], "CANCELLED");
            1
        };
        assert_eq!(scene.get(&scene.tenant.agent, id).await["status"], "CANCELLED");
        expect_one_event_a_vote(&scene, id, accepted).await;
    }
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
