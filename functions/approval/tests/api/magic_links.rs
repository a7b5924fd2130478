//! What went wrong with links that decide in other systems, each with its source.
//!
//! awaithumans (<https://github.com/awaithumans/awaithumans>), activepieces #14024 and n8n #28085: opening the link decided and
//! used it up, so whatever opens links unasked decided (previews of chats, scanners of mail, prefetching browsers), and the
//! person who came after was told that the link had expired; some opened both links of one message, and the request was
//! approved and denied.

use futures_util::future::join_all;
use serde_json::json;
use shared::{
    http::app,
    testing::{TestStack, times},
};

use crate::scene::{Scene, id, linked, request, request_with};

/// What follows links unasked, by the headers that it sends.
const VISITORS: [(&str, &[(&str, &str)]); 7] = [
    (
        "a chat's preview",
        &[(
            "user-agent",
            "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        )],
    ),
    ("another chat's preview", &[("user-agent", "WhatsApp/2.23.20.0")]),
    (
        "a scanner of mail",
        &[
            ("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"),
            ("via", "1.1 protection.example"),
        ],
    ),
    (
        "a prefetching browser",
        &[("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")],
    ),
    ("an older prefetching browser", &[("x-moz", "prefetch")]),
    (
        "a crawler",
        &[("user-agent", "Googlebot/2.1"), ("from", "googlebot(at)googlebot.com")],
    ),
    (
        "a person's browser",
        &[("sec-fetch-mode", "navigate"), ("sec-fetch-user", "?1")],
    ),
];

#[tokio::test]
async fn activepieces_14024_and_n8n_28085_opening_a_link_decides_nothing() {
    let scene = Scene::start().await;
    let asked = scene.ask(request()).await;
    let secret = scene.link(&scene.tenant.approver, id(&asked)).await;
    let before = scene.stack.snapshot().await;
    let mut bytes = Vec::new();
    for (visitor, headers) in VISITORS {
        for method in ["GET", "HEAD"] {
            let request = scene.client.request(method, &format!("/decide/{}", id(&asked)));
            let request = headers
                .iter()
                .fold(request, |request, (name, value)| request.header(name, value));
            let answer = request.send().await;
            assert_eq!(answer.status, 200, "{visitor}");
            if method == "GET" {
                bytes.push(answer.bytes);
            }
        }
        // One that runs the page's script looks, as the script does.
        let _ = scene.view_by_link(id(&asked), &secret).await.expect(200);
    }
    assert!(
        bytes.windows(2).all(|pair| pair[0] == pair[1]),
        "everybody gets the same page"
    );
    assert_eq!(scene.stack.snapshot().await, before, "nothing was written");
    // And the person can still decide.
    let decided = scene.decide_by_link(&asked, &secret, "APPROVE").await.expect(200);
    assert_eq!(decided["status"], "APPROVED");
}

#[tokio::test]
async fn awaithumans_one_message_is_never_approved_and_denied() {
    let scene = Scene::start().await;
    for _ in 0..10 {
        let asked = scene.ask(request()).await;
        let secret = scene.link(&scene.tenant.approver, id(&asked)).await;
        let both = ["APPROVE", "DENY"].map(|decision| scene.decide_by_link(&asked, &secret, decision));
        let answers = join_all(both).await;
        let taken: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(taken.len(), 1, "one of the two counts");
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            lost.expect_error(404, "NOT_FOUND");
        }
        let status = scene.get(&scene.tenant.agent, id(&asked)).await;
        assert_eq!(status["decisions"].as_array().map(Vec::len), Some(1));
        let decision = status["decisions"][0]["decision"].as_str().map(str::to_owned);
        let told = linked(status, decision.as_deref());
        assert_eq!(taken[0].json(), told, "and its sender was told what became of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_who_present_one_link_at_once_are_one_vote() {
    let scene = Scene::start().await;
    let second = TestStack::on_same_servers(&scene.stack);
    let clients = [
        scene.client.clone(),
        second.client(app(second.ctx.clone(), approval::routes()).0),
    ];
    let mut lost = 0;
    for _ in 0..times(20) {
        let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
        let secret = scene.link(&scene.tenant.approver, id(&asked)).await;
        let body = json!({ "secret": secret, "decision": "APPROVE", "display_hash": asked["display_hash"] });
        let path = format!("/decide/{}", id(&asked));
        let answers = join_all((0..16).map(|n| clients[n % 2].request("POST", &path).json(&body).send())).await;
        let taken = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(taken, 1, "one of sixteen");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.expect_error(404, "NOT_FOUND");
            lost += 1;
        }
        let status = scene.get(&scene.tenant.agent, id(&asked)).await;
        assert_eq!((&status["approvals"], &status["version"]), (&json!(1), &json!(2)));
        // The request, the link and the vote.
        assert_eq!(
            (
                scene.audit(id(&asked)).await.len(),
                scene.outbox(id(&asked)).await.len()
            ),
            (3, 2)
        );
    }
    println!("{lost} lost against {} winners", times(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_and_a_key_of_one_person_are_one_vote() {
    let scene = Scene::start().await;
    for _ in 0..times(20) {
        let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
        let person = &scene.tenant.approver;
        let secret = scene.link(person, id(&asked)).await;
        let (by_link, by_key) = tokio::join!(
            scene.decide_by_link(&asked, &secret, "APPROVE"),
            scene.approve(person, id(&asked))
        );
        assert_eq!(by_link.expect(200), linked(by_key.expect(200), Some("APPROVE")));
        let status = scene.get(person, id(&asked)).await;
        assert_eq!(
            (&status["approvals"], &status["status"]),
            (&json!(1), &json!("PENDING"))
        );
    }
}

#[tokio::test]
async fn a_link_of_one_person_is_no_vote_of_anothers() {
    let scene = Scene::start().await;
    let asked = scene.ask(request_with(json!({ "required_approvals": 2 }))).await;
    let first = scene.link(&scene.tenant.approver, id(&asked)).await;
    let second = scene.link(&scene.tenant.second_approver, id(&asked)).await;
    // Whoever presents it, with whatever key beside it, the vote is the holder's.
    let body = json!({ "secret": first, "decision": "APPROVE", "display_hash": asked["display_hash"] });
    let path = format!("/decide/{}", id(&asked));
    let request = scene
        .client
        .request("POST", &path)
        .key(&scene.tenant.second_approver)
        .json(&body);
    let voted = request.send().await.expect(200);
    assert_eq!(voted["decisions"][0]["by"], scene.tenant.approver.principal);
    let voted = scene.decide_by_link(&asked, &second, "APPROVE").await.expect(200);
    assert_eq!((&voted["status"], &voted["approvals"]), (&json!("APPROVED"), &json!(2)));
}
