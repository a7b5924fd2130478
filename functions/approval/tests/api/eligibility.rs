//! Who may decide: at the decision, and in `decidable_by=me`, which must say the same.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use shared::testing::{TestKey, TestTenant, poll_until};

use crate::scene::{Scene, id, request_with};

/// What the list promises and what the decision answers, for one person and one request. The decision carries a wrong
/// display hash, so an eligible person is told `STALE_VIEW` and nothing changes.
async fn verdicts(scene: &Scene, key: &TestKey, id: &str) -> (bool, String) {
    let page = scene
        .client
        .get(key, "/api/v1/approvals?decidable_by=me&limit=200")
        .await
        .expect(200);
    let listed = page["data"]
        .as_array()
        .expect("data")
        .iter()
        .any(|status| status["id"] == id);
    let answer = scene.act(key, id, "approve", json!({ "display_hash": "" })).await;
    let code = answer.json()["error"]["code"].as_str().expect("an error").to_owned();
    if code == "STALE_VIEW" {
        answer.expect_error(409, "STALE_VIEW");
    } else {
        answer.expect_error(403, &code);
    }
    (listed, code)
}

async fn set(scene: &Scene, key: &TestKey, assignment: &str) {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "UPDATE api_keys SET {assignment} WHERE id = $1"
    )))
    .bind(key.id)
    .execute(&scene.owner)
    .await
    .expect("set");
}

#[tokio::test]
async fn the_list_and_the_decision_agree_for_everybody_on_everything() {
    let scene = Scene::start().await;
    let TestTenant {
        admin,
        approver,
        second_approver,
        ..
    } = &scene.tenant;
    let stack = &scene.stack;
    let owned = TestKey::of_agent(stack, scene.tenant.id, "owned", approver.user_id).await;
    let second_admin = TestKey::of_user(stack, scene.tenant.id, "admin", &["ops"]).await;
    // Minted by `admin`: a live key, a revoked and an expired one, and a key that was rotated since.
    let person = async |minted: &str| {
        let key = TestKey::of_user(stack, scene.tenant.id, "approver", &["ops", "finance"]).await;
        let minter = if minted == "rotated" {
            "operator"
        } else {
            admin.principal.as_str()
        };
        let other = key.another(stack, "approver", minter).await;
        match minted {
            "live" => {}
            "revoked" => set(&scene, &other, "is_active = false").await,
            "expired" => set(&scene, &other, "expires_at = now() - interval '1 second'").await,
            "rotated" => set(&scene, &other, &format!("former_minters = '{{{}}}'", admin.principal)).await,
            other => panic!("{other}"),
        }
        key
    };
    let (live, revoked) = (person("live").await, person("revoked").await);
    let (expired, rotated) = (person("expired").await, person("rotated").await);
    let by_agent = scene.ask(request_with(json!({}))).await;
    let for_ops = scene.ask(request_with(json!({ "approver_groups": ["ops"] }))).await;
    let by_admin = scene.ask_as(admin, request_with(json!({}))).await;
    let by_owned = scene.ask_as(&owned, request_with(json!({}))).await;

    let yes = (true, "STALE_VIEW");
    let own = (false, "SELF_APPROVAL");
    let no = (false, "NOT_ELIGIBLE");
    let table = [
        ("admin", admin, [yes, no, own, yes]),
        ("second admin", &second_admin, [yes, yes, yes, yes]),
        ("approver", approver, [yes, yes, yes, own]),
        ("second approver", second_approver, [yes, no, yes, yes]),
        ("live", &live, [yes, yes, no, yes]),
        ("revoked", &revoked, [yes, yes, no, yes]),
        ("expired", &expired, [yes, yes, no, yes]),
        ("rotated", &rotated, [yes, yes, no, yes]),
    ];
    for (name, key, expected) in table {
        for (request, (listed, code)) in [&by_agent, &for_ops, &by_admin, &by_owned].into_iter().zip(expected) {
            let verdict = verdicts(&scene, key, id(request)).await;
            assert_eq!(
                verdict,
                (listed, code.to_owned()),
                "{name} on {}",
                request["requested_by"]
            );
        }
    }
}

#[tokio::test]
async fn they_agree_where_people_stand_in_for_each_other_too() {
    let scene = Scene::start().await;
    let mut people = Vec::new();
    for groups in [
        &["ops"][..],
        &["finance"],
        &["ops", "finance"],
        &["legal"],
        &[],
        &["ops"],
    ] {
        people.push(scene.person("approver", groups).await);
    }
    let owned = TestKey::of_agent(&scene.stack, scene.tenant.id, "owned", people[0].user_id).await;
    let requester = TestKey::of_user(&scene.stack, scene.tenant.id, "admin", &["legal"]).await;
    let _ = people[5].another(&scene.stack, "approver", &requester.principal).await;
    people.push(requester.clone());
    let mut requests = Vec::new();
    for key in [&scene.tenant.agent, &owned, &requester] {
        for groups in [
            json!([]),
            json!(["ops"]),
            json!(["finance"]),
            json!(["legal", "finance"]),
        ] {
            let body = request_with(json!({ "approver_groups": groups, "required_approvals": 1 }));
            let asked = scene.client.post(key, "/api/v1/approvals", body).await.expect(201);
            // More than anybody will give, so that they stay open.
            scene.force(id(&asked), "required_approvals = 100").await;
            requests.push(asked);
        }
    }
    let now = ["-1 hour", "1 hour"];
    let mut said: BTreeMap<(bool, String), usize> = BTreeMap::new();
    // Who delegates to whom, by place; and who then votes where they may.
    for (round, (delegations, voter)) in [
        (&[(0, 1), (1, 2), (2, 3)][..], 3),
        (&[(0, 4), (1, 4), (2, 4), (5, 4)], 4),
        (&[(6, 3), (3, 0), (4, 6), (5, 1)], 1),
        (&[(0, 3), (3, 4), (2, 6), (1, 5)], 0),
    ]
    .into_iter()
    .enumerate()
    {
        sqlx::query("DELETE FROM delegations")
            .execute(&scene.owner)
            .await
            .expect("none");
        for (from, to) in delegations {
            scene.delegate(&people[*from], &people[*to], now).await;
        }
        for (place, person) in people.iter().enumerate() {
            for request in &requests {
                let (listed, code) = verdicts(&scene, person, id(request)).await;
                let voted = scene.get(person, id(request)).await["decisions"]
                    .as_array()
                    .expect("votes")
                    .iter()
                    .any(|vote| vote["by"] == person.principal);
                let eligible = code == "STALE_VIEW";
                assert_eq!(
                    listed,
                    eligible && !voted,
                    "round {round}, person {place}: told {code}, of {request}"
                );
                *said.entry((listed, code)).or_default() += 1;
            }
        }
        for request in &requests {
            let answer = scene.approve(&people[voter], id(request)).await;
            assert!([200, 403].contains(&answer.status), "{}", answer.text());
        }
    }
    println!("listed or not, and told: {said:?}");
    assert!(said.len() >= 3, "{said:?}");
    let in_place: i64 = sqlx::query_scalar("SELECT count(*) FROM approval_votes WHERE on_behalf_of IS NOT NULL")
        .fetch_one(&scene.owner)
        .await
        .expect("counted");
    assert!(in_place > 0, "some voted in another's place");
}

#[tokio::test]
async fn who_was_demoted_after_authentication_may_not_decide() {
    let scene = Scene::start().await;
    let (id, _) = scene.request_in("PENDING").await;
    sqlx::query("UPDATE users SET groups = '{}' WHERE id = $1")
        .bind(scene.tenant.approver.user_id)
        .execute(&scene.owner)
        .await
        .expect("left");
    // The vote waits for the lock while the person loses the role.
    let mut holder = scene.owner.begin().await.expect("begun");
    sqlx::query("SELECT FROM approval_requests FOR UPDATE")
        .execute(&mut *holder)
        .await
        .expect("locked");
    let demote = async {
        until_blocked(&scene).await;
        sqlx::query("UPDATE users SET role = 'auditor' WHERE id = $1")
            .bind(scene.tenant.approver.user_id)
            .execute(&scene.owner)
            .await
            .expect("demoted");
        holder.commit().await.expect("released");
    };
    let (answer, ()) = tokio::join!(scene.approve(&scene.tenant.approver, &id), demote);
    answer.expect_error(403, "NOT_ELIGIBLE");
    assert_eq!(
        scene.get(&scene.tenant.agent, &id).await["decisions"],
        Value::Array(Vec::new())
    );
}

/// Until a request of the function waits for a lock.
pub(crate) async fn until_blocked(scene: &Scene) {
    poll_until(Duration::from_secs(30), "a request waits for a lock", async || {
        let blocked: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'countersign_app' AND wait_event_type = 'Lock')",
        )
        .fetch_one(&scene.owner)
        .await
        .expect("the activity is read");
        if blocked { Ok(()) } else { Err("none does") }
    })
    .await;
}
