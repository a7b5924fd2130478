//! What one client does, again and again.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Board, Cast, Dice, Key, Operation, Outcome, Sender, board::Known};
use crate::fleet::Ask;

/// What deciding or cancelling may be told about the state of a request.
const STATES: [(u16, &str); 2] = [(409, "ALREADY_DECIDED"), (409, "APPROVAL_EXPIRED")];
/// The longest a waiter waits, in seconds. Each holds a process, so there are few.
const WAIT_SECONDS: u8 = 1;

/// A client of one tenant, with its own dice and its own numbering.
pub struct Client {
    /// Its number among all clients.
    pub number: usize,
    /// Its number among those of its tenant: whose settings it may change.
    pub place: usize,
    /// How it sends.
    pub sender: Sender,
    /// The people and agents whose keys it has.
    pub cast: Arc<Cast>,
    /// What the clients of the tenant share.
    pub board: Arc<Board>,
    /// Its chance.
    pub dice: Dice,
    /// Audit events that it may send again, each with whose they are.
    pub recorded: Vec<(usize, Value)>,
    /// Pings that it knows of.
    pub tasks: Vec<Uuid>,
    /// How many things it has named so far.
    pub named: u64,
}

impl Client {
    /// Acts until the tickets are gone.
    pub async fn run(mut self) {
        while self.sender.tickets.are_left() {
            match self.dice.below(1_000) {
                0..220 => self.create().await,
                220..570 => self.vote().await,
                570..610 => self.cancel().await,
                610..690 => self.check().await,
                690..767 => self.get().await,
                767..770 => self.wait().await,
                770..810 => self.list().await,
                810..890 => self.record(1).await,
                890..920 => self.record(5).await,
                920..940 => self.record_again().await,
                940..955 => self.ping().await,
                955..970 => self.task().await,
                970..985 => self.settings().await,
                985..993 => self.new_user().await,
                _ => self.key_story().await,
            }
        }
    }

    /// A name that no other thing of this run has.
    pub(super) fn name(&mut self, kind: &str) -> String {
        self.named += 1;
        format!("{kind}-{}-{}", self.number, self.named)
    }

    async fn create(&mut self) {
        let agent = self.dice.below(self.cast.agents.len());
        let key = self.cast.agents[agent].clone();
        let has_key = self.dice.percent(50);
        let request_id = self.name("asked");
        let body = json!({
            "tool_call": { "tool": "payments.refund", "arguments": { "order": request_id, "amount": self.dice.below(500) } },
            "reason": format!("For {request_id}"),
            "request_id": request_id,
            "risk_labels": ["money"],
            "required_approvals": 1 + self.dice.below(3),
            // Some are over before the run is.
            "ttl_seconds": if self.dice.percent(20) { 60 } else { 3_600 },
        });
        let ask = Ask::new("POST", "/api/v1/approvals").json(body);
        let operation = |request_id: &str| Operation::Create {
            tenant: key.tenant,
            request_id: request_id.to_owned(),
            has_key,
        };
        let outcome = if has_key {
            let ask = ask.header("idempotency-key", &request_id);
            self.sender
                .until_known(&key, &operation(&request_id), &ask, &[], &[])
                .await
        } else {
            // Not sent again: without a key, that could make a second one.
            Some(self.sender.once(&key, operation(&request_id), ask, &[]).await)
        };
        if let Some(Outcome::Acknowledged(status)) = outcome
            && let Some(id) = uuid(&status["id"])
        {
            self.board
                .pin(Known::new(id, status["token"].as_str().map(str::to_owned), agent));
        }
    }

    async fn vote(&mut self) {
        let (Some(known), Some(key)) = (
            self.board.pick(&self.dice),
            self.dice.pick(&self.cast.deciders).cloned(),
        ) else {
            return;
        };
        let (verb, decision) = if self.dice.percent(85) {
            ("approve", "APPROVE")
        } else {
            ("deny", "DENY")
        };
        let note = self.name("said");
        let operation = Operation::Vote {
            tenant: key.tenant,
            approval: known.id,
            by: key.principal.clone(),
            decision,
            note: note.clone(),
        };
        let ask = Ask::new("POST", &format!("/api/v1/approvals/{}/{verb}", known.id)).json(json!({ "note": note }));
        let outcome = self.sender.until_known(&key, &operation, &ask, &STATES, &[]).await;
        let Some(Outcome::Acknowledged(status)) = outcome else {
            return;
        };
        let told = status["decisions"].as_array().into_iter().flatten();
        if !told
            .into_iter()
            .any(|vote| vote["by"] == key.principal && vote["decision"] == decision)
        {
            self.sender.journal.mistake(format!(
                "a vote of {} was taken and is not shown: {status}",
                key.principal
            ));
        }
        known.raise(version(&status));
    }

    async fn cancel(&mut self) {
        let Some(known) = self.board.pick(&self.dice) else {
            return;
        };
        let key = self.cast.agents[known.agent].clone();
        let operation = Operation::Cancel {
            tenant: key.tenant,
            approval: known.id,
        };
        let ask = Ask::new("POST", &format!("/api/v1/approvals/{}/cancel", known.id));
        if let Some(Outcome::Acknowledged(status)) = self.sender.until_known(&key, &operation, &ask, &STATES, &[]).await
        {
            known.raise(version(&status));
        }
    }

    async fn check(&mut self) {
        let Some((known, token)) = self
            .board
            .pick(&self.dice)
            .and_then(|known| known.token.clone().map(|token| (known, token)))
        else {
            return;
        };
        let key = self.cast.agents[known.agent].clone();
        let ask = Ask::new("POST", "/api/v1/approvals/check").json(json!({ "token": token }));
        // It may be seconds old, so it is no floor and has none.
        self.sender
            .once(&key, Operation::Read { tenant: key.tenant }, ask, &[])
            .await;
    }

    async fn get(&mut self) {
        self.read("").await;
    }

    async fn wait(&mut self) {
        self.read(&format!("?wait={WAIT_SECONDS}")).await;
    }

    async fn read(&mut self, query: &str) {
        let Some(known) = self.board.pick(&self.dice) else {
            return;
        };
        let key = self.cast.auditor.clone();
        let floor = known.floor();
        let ask = Ask::new("GET", &format!("/api/v1/approvals/{}{query}", known.id));
        let outcome = self
            .sender
            .once(&key, Operation::Read { tenant: key.tenant }, ask, &[])
            .await;
        if let Outcome::Acknowledged(status) = outcome {
            if version(&status) < floor {
                self.sender
                    .journal
                    .mistake(format!("version {floor} was told before, and now: {status}"));
            }
            known.raise(version(&status));
        }
    }

    async fn list(&mut self) {
        let Some(key) = self.dice.pick(&self.cast.deciders).cloned() else {
            return;
        };
        if self.dice.percent(50) {
            let ask = Ask::new("GET", "/api/v1/approvals?limit=10");
            self.sender
                .once(&key, Operation::Read { tenant: key.tenant }, ask, &[])
                .await;
            return;
        }
        let Some(known) = self.board.pick(&self.dice) else {
            return;
        };
        let (floor, key) = (known.floor(), self.cast.auditor.clone());
        let ask = Ask::new("GET", &format!("/api/v1/audit/events?correlation_id={}", known.id));
        if let Outcome::Acknowledged(page) = self.sender.once(&key, Operation::Other, ask, &[]).await {
            let events = page["data"].as_array().map_or(0, Vec::len);
            if i64::try_from(events).unwrap_or_default() < floor {
                self.sender.journal.mistake(format!(
                    "{floor} changes of {} were told of, {events} recorded",
                    known.id
                ));
            }
        }
    }
}

fn version(status: &Value) -> i64 {
    status["version"].as_i64().unwrap_or_default()
}

pub(super) fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}

/// The key of an agent of this name, as the answer that made it shows it.
pub(super) fn key_of(made: &Value, tenant: Uuid, caller_id: &str) -> Option<Key> {
    Some(Key {
        tenant,
        id: uuid(&made["id"])?,
        user: None,
        principal: format!("agent:{caller_id}"),
        text: made["key"].as_str()?.to_owned(),
    })
}
