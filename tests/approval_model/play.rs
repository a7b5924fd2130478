//! Plays a story on the product and holds every answer against the model.

use std::{collections::HashMap, time::Duration};

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::{
    context::Clock,
    http::timestamp,
    testing::{Answer, TestClient, TestKey, TestRequest, TestStack},
};
use sqlx::PgPool;
use system_tests::product;
use uuid::Uuid;

use crate::{
    counts::Counts,
    model::{self, Refused, Request, State, Tenant},
    record,
    step::{Live, Seen, Step, Verb, Who},
};

/// A request in both worlds.
pub(crate) struct Pair {
    pub(crate) id: Uuid,
    pub(crate) display_hash: String,
    /// Tells its call from that of others.
    number: usize,
    pub(crate) model: Request,
}

/// What a story has in it.
pub(crate) struct World {
    client: TestClient,
    pub(crate) keys: HashMap<Who, TestKey>,
    pub(crate) owner: PgPool,
    pub(crate) requests: Vec<Pair>,
    tenant: Tenant,
    /// The ids of the stops that the model knows, in their order.
    stops: Vec<String>,
}

/// Plays one story in a tenant of its own.
///
/// # Errors
/// The product did otherwise than the model.
pub(crate) async fn story(stack: &TestStack, story: &[Step]) -> Result<Counts, String> {
    let mut world = World::make(stack).await;
    let mut counts = Counts::of(story.len());
    for (number, step) in story.iter().enumerate() {
        world
            .play(stack, step, &mut counts)
            .await
            .map_err(|error| format!("step {number}, {step:?}: {error}"))?;
    }
    for pair in &world.requests {
        counts.left(pair.model.state.name());
        record::check(&world, pair).await?;
    }
    Ok(counts)
}

impl World {
    async fn make(stack: &TestStack) -> Self {
        let tenant = stack.tenant().await;
        let otto = TestKey::of_user(stack, tenant.id, "approver", &["ops", "finance"]).await;
        let keys = HashMap::from([
            (Who::Nora, TestKey::of_user(stack, tenant.id, "approver", &[]).await),
            (Who::Loner, TestKey::of_agent(stack, tenant.id, "loner", None).await),
            (
                Who::Owned,
                TestKey::of_agent(stack, tenant.id, "owned", otto.user_id).await,
            ),
            (Who::Otto, otto),
            (Who::Admin, tenant.admin),
            (Who::Olga, tenant.approver),
            (Who::Finn, tenant.second_approver),
        ]);
        Self {
            client: stack.client(product(stack.ctx.clone())),
            keys,
            owner: stack.owner_pool(),
            requests: Vec::new(),
            tenant: Tenant::default(),
            stops: Vec::new(),
        }
    }

    async fn play(&mut self, stack: &TestStack, step: &Step, counts: &mut Counts) -> Result<(), String> {
        match step {
            Step::Ask { who, quorum, groups } => self.ask(*who, *quorum, groups, counts).await,
            Step::Act { who, request, verb } => {
                let Some(at) = self.numbered(*request) else {
                    return Ok(());
                };
                let who = self.named(at, *who);
                let answer = self.request(at, who, *verb).send().await;
                self.answered(at, who, *verb, &answer, counts)
            }
            Step::CutOff {
                who,
                request,
                verb,
                micros,
            } => {
                let Some(at) = self.numbered(*request) else {
                    return Ok(());
                };
                let who = self.named(at, *who);
                let patience = Duration::from_micros(*micros);
                if let Ok(answer) = tokio::time::timeout(patience, self.request(at, who, *verb).send()).await {
                    self.answered(at, who, *verb, &answer, counts)?;
                    return self.look(at).await;
                }
                let took_effect = self.settle(at, who, *verb).await?;
                counts.cut_off(took_effect);
                Ok(())
            }
            Step::Delegate { from, to } => self.delegate(*from, *to, counts).await,
            Step::Stop { whom } => self.stop(*whom).await,
            Step::Lift => self.lift().await,
            Step::Overdue { request } => {
                let Some(at) = self.numbered(*request) else {
                    return Ok(());
                };
                self.make_overdue(self.requests[at].id).await;
                self.requests[at].model = model::overdue(&self.requests[at].model);
                self.look(at).await
            }
            Step::Sweep => {
                outbox::run_once(&stack.sweeper).await;
                for at in 0..self.requests.len() {
                    self.look(at).await?;
                }
                Ok(())
            }
        }
    }

    /// Holds an answer against what the model says, and lets the model follow.
    fn answered(
        &mut self,
        at: usize,
        who: Who,
        verb: Verb,
        answer: &Answer,
        counts: &mut Counts,
    ) -> Result<(), String> {
        let expected = model::act(&self.tenant, &self.requests[at].model, who, verb);
        counts.answered(name(verb), &expected, 200);
        if let Some(after) = compare(answer, expected, 200)? {
            let stood_in = after.version > self.requests[at].model.version
                && after.votes.iter().any(|vote| vote.by == who && vote.of != who);
            if stood_in {
                counts.seen("in somebody's place");
            }
            self.requests[at].model = after;
            agrees(&answer.json(), &self.requests[at], &self.keys)?;
        }
        Ok(())
    }

    fn named(&self, at: usize, who: Who) -> Who {
        match who {
            Who::Requester => self.requests[at].model.asked_by,
            somebody => somebody,
        }
    }

    fn numbered(&self, request: usize) -> Option<usize> {
        self.requests.len().checked_sub(1).map(|last| request.min(last))
    }

    async fn ask(&mut self, who: Who, quorum: i64, groups: &[&'static str], counts: &mut Counts) -> Result<(), String> {
        let number = self.requests.len();
        let body = json!({
            "tool_call": call(number, Live::Same), "reason": "a story", "required_approvals": quorum,
            "approver_groups": groups,
        });
        let answer = self.client.post(&self.keys[&who], "/api/v1/approvals", body).await;
        let expected = model::ask(&self.tenant, who, quorum, groups);
        counts.answered("ask", &expected, 201);
        if let Some(model) = compare(&answer, expected, 201)? {
            let body = answer.json();
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            self.requests.push(Pair {
                id: text("id").parse().map_err(|_| format!("no id: {body}"))?,
                display_hash: text("display_hash"),
                number,
                model,
            });
            agrees(&body, &self.requests[number], &self.keys)?;
        }
        Ok(())
    }

    async fn delegate(&mut self, from: Who, to: Option<Who>, counts: &mut Counts) -> Result<(), String> {
        let path = "/api/v1/users/me/delegation";
        let Some(to) = to else {
            self.tenant.delegations.remove(&from);
            let answer = self.client.delete(&self.keys[&from], path).await;
            return expect(&answer, 204);
        };
        let now = Clock::system().now();
        let body = json!({
            "delegate_to": self.keys[&to].user_id, "from": timestamp::format(now - TimeDelta::hours(1)),
            "until": timestamp::format(now + TimeDelta::days(30)),
        });
        let answer = self
            .client
            .request("PUT", path)
            .key(&self.keys[&from])
            .json(&body)
            .send()
            .await;
        if from == to {
            return expect(&answer, 400);
        }
        self.tenant.delegations.insert(from, to);
        counts.seen("delegate 200");
        expect(&answer, 200)
    }

    async fn stop(&mut self, whom: Option<Who>) -> Result<(), String> {
        let mut body = json!({ "reason": "a turn of the story" });
        if let Some(whom) = whom {
            body["caller_id"] = json!(self.keys[&whom].principal.trim_start_matches("agent:"));
        }
        let answer = self.client.post(&self.keys[&Who::Admin], "/api/v1/stops", body).await;
        expect(&answer, 201)?;
        self.stops
            .push(answer.json()["id"].as_str().unwrap_or_default().to_owned());
        self.tenant.stops.push(whom);
        for at in 0..self.requests.len() {
            self.requests[at].model = model::stopped(&self.requests[at].model, whom);
            self.look(at).await?;
        }
        Ok(())
    }

    async fn lift(&mut self) -> Result<(), String> {
        if self.stops.is_empty() {
            return Ok(());
        }
        let path = format!("/api/v1/stops/{}", self.stops.remove(0));
        let _ = self.tenant.stops.remove(0);
        expect(&self.client.delete(&self.keys[&Who::Admin], &path).await, 204)
    }

    fn request(&self, at: usize, who: Who, verb: Verb) -> TestRequest {
        let pair = &self.requests[at];
        let body = match verb {
            Verb::Approve(seen) | Verb::Deny(seen) => match seen {
                Seen::Unsaid => json!({}),
                Seen::Current => json!({ "display_hash": pair.display_hash }),
                Seen::Another => json!({ "display_hash": "0".repeat(64) }),
            },
            Verb::Cancel => json!({}),
            Verb::Redeem(Live::Respelt) => {
                let text = format!(
                    r#"{{"tool_call":{{"arguments":{{"n":{}.0,"deep":[{{"b":2e0,"a":"\u00e9"}}]}},"tool":"story"}}}}"#,
                    pair.number
                );
                return self.to(at, who, verb).body("application/json", text);
            }
            Verb::Redeem(live) => json!({ "tool_call": call(pair.number, live) }),
            Verb::Revoke => json!({ "reason": "a turn of the story" }),
        };
        self.to(at, who, verb).json(&body)
    }

    fn to(&self, at: usize, who: Who, verb: Verb) -> TestRequest {
        let path = format!("/api/v1/approvals/{}/{}", self.requests[at].id, name(verb));
        self.client.request("POST", &path).key(&self.keys[&who])
    }

    /// Finds out whether what was cut off took effect: it did wholly, or not at all.
    async fn settle(&mut self, at: usize, who: Who, verb: Verb) -> Result<bool, String> {
        let id = self.requests[at].id;
        // Whoever is still at it holds the row until it is true or undone; who has not come so far never commits.
        sqlx::query("SELECT FROM approval_requests WHERE id = $1 FOR UPDATE")
            .bind(id)
            .execute(&self.owner)
            .await
            .map_err(|error| error.to_string())?;
        let before = self.requests[at].model.clone();
        let now = self.read(at).await;
        if let Ok(after) = model::act(&self.tenant, &before, who, verb)
            && after.version > before.version
            && now["version"] == after.version
        {
            self.requests[at].model = after;
            agrees(&now, &self.requests[at], &self.keys)?;
            return Ok(true);
        }
        agrees(&now, &self.requests[at], &self.keys)?;
        Ok(false)
    }

    async fn read(&self, at: usize) -> Value {
        let path = format!("/api/v1/approvals/{}", self.requests[at].id);
        self.client.get(&self.keys[&Who::Nora], &path).await.expect(200)
    }

    async fn look(&self, at: usize) -> Result<(), String> {
        agrees(&self.read(at).await, &self.requests[at], &self.keys)
    }

    async fn make_overdue(&self, id: Uuid) {
        let sql = format!(
            "BEGIN; SET LOCAL session_replication_role = replica;
             UPDATE approval_requests SET created_at = created_at - interval '2 hours', expires_at = now() - interval '1 second'
             WHERE id = '{id}' AND expires_at > now(); COMMIT"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&self.owner)
            .await
            .expect("time has passed");
    }
}

fn name(verb: Verb) -> &'static str {
    match verb {
        Verb::Approve(_) => "approve",
        Verb::Deny(_) => "deny",
        Verb::Cancel => "cancel",
        Verb::Redeem(_) => "redeem",
        Verb::Revoke => "revoke",
    }
}

fn call(number: usize, live: Live) -> Value {
    let mut call = json!({ "tool": "story", "arguments": { "n": number, "deep": [{ "a": "é", "b": 2 }] } });
    match live {
        Live::Same | Live::Respelt => {}
        Live::OtherArgument => call["arguments"]["deep"][0]["b"] = json!("2"),
        Live::OtherTool => call["tool"] = json!("Story"),
        Live::OtherEnvironment => call["environment"] = json!("production"),
    }
    call
}

fn expect(answer: &Answer, status: u16) -> Result<(), String> {
    if answer.status == status {
        return Ok(());
    }
    Err(format!("answered {} {}, not {status}", answer.status, answer.text()))
}

/// What the model says follows, if the answer is the one it says.
fn compare(answer: &Answer, expected: Result<Request, Refused>, success: u16) -> Result<Option<Request>, String> {
    let told = || format!("answered {} {}", answer.status, answer.text());
    match expected {
        Ok(after) if answer.status == success => Ok(Some(after)),
        Err(Refused(status, code)) if answer.status == status && answer.json()["error"]["code"] == code => Ok(None),
        expected => Err(format!("{}, where the model says {expected:?}", told())),
    }
}

/// Whether a status shows what the model says.
pub(crate) fn agrees(status: &Value, pair: &Pair, keys: &HashMap<Who, TestKey>) -> Result<(), String> {
    let model = &pair.model;
    let decided = matches!(
        model.state,
        State::Approved | State::Denied | State::Consumed | State::Revoked
    );
    let fields = [
        ("status", json!(model.state.name())),
        ("version", json!(model.version)),
        ("approvals", json!(model.approvals())),
        ("display_hash", json!(pair.display_hash)),
    ];
    for (field, expected) in fields {
        if status[field] != expected {
            return Err(format!("{field} is {}, where the model says {expected}", status[field]));
        }
    }
    if status["decided_at"].is_null() == decided {
        return Err(format!(
            "decided_at is {} while {}",
            status["decided_at"],
            model.state.name()
        ));
    }
    let shown: Vec<[Value; 3]> = status["decisions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|vote| ["by", "on_behalf_of", "decision"].map(|field| vote[field].clone()))
        .collect();
    let votes = model.votes.iter().map(|vote| {
        let name = |who: Who| json!(keys[&who].principal);
        let absent = if vote.of == vote.by { Value::Null } else { name(vote.of) };
        [name(vote.by), absent, json!(if vote.yes { "APPROVE" } else { "DENY" })]
    });
    let mut missing: Vec<[Value; 3]> = votes.collect();
    let expected = missing.len();
    missing.retain(|vote| !shown.contains(vote));
    if shown.len() != expected || !missing.is_empty() {
        return Err(format!(
            "decisions are {}, where the model says {:?}",
            status["decisions"], model.votes
        ));
    }
    Ok(())
}
