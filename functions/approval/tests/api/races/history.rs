//! What became of a request, version by version, from three witnesses (its row, the log and the outbox), and whether that
//! is what every client was told.

use std::collections::HashMap;

use serde_json::Value;
use shared::testing::Answer;
use sqlx::PgPool;

/// What one client did, and what it heard.
pub(super) struct Told {
    /// `user:<id>` or `agent:<caller_id>`.
    pub(super) principal: String,
    /// `approve`, `deny` or `cancel`.
    pub(super) verb: &'static str,
    pub(super) answer: Answer,
}

/// A request and everything that was written about it.
#[derive(sqlx::FromRow)]
pub(super) struct History {
    id: String,
    pub(super) status: String,
    version: i32,
    required_approvals: i32,
    /// `{by, decision}` of each vote.
    votes: Value,
    /// `{action, by, version}` of each audit event; the first has no version.
    logged: Value,
    /// `{type, version, payload}` of each outbox event.
    sent: Value,
}

/// How the answers to those who raced divide.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// Changes, each told to whoever made it.
    pub(super) changes: usize,
    /// Told of a success that they had before.
    pub(super) repeats: usize,
    /// Told that another was first.
    pub(super) refused: usize,
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.repeats += other.repeats;
        self.refused += other.refused;
    }
}

/// The histories of these requests, in the order of the ids.
pub(super) async fn histories(pool: &PgPool, ids: &[String]) -> Vec<History> {
    let rows: Vec<History> = sqlx::query_as(
        "SELECT r.id::text, r.status, r.version, r.required_approvals,
             (SELECT coalesce(jsonb_agg(jsonb_build_object('by', approver, 'decision', decision)), '[]')
              FROM approval_votes v WHERE v.approval_id = r.id) AS votes,
             (SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'action', action, 'by', recorded_by, 'version', sanitized_args -> 'version')), '[]')
              FROM audit_events e WHERE e.correlation_id = r.id::text) AS logged,
             (SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'type', event_type, 'version', aggregate_version, 'payload', payload) ORDER BY aggregate_version), '[]')
              FROM outbox o WHERE o.aggregate_id = r.id) AS sent
         FROM approval_requests r WHERE r.id::text = ANY ($1)",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
    .expect("the histories are read");
    let mut by_id: HashMap<String, History> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    ids.iter()
        .map(|id| by_id.remove(id).expect("the request is there"))
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn vote_of<'a>(status: &'a Value, principal: &str) -> Option<&'a Value> {
    list(&status["decisions"])
        .iter()
        .find(|vote| vote["by"] == principal)
        .map(|vote| &vote["decision"])
}

impl History {
    /// Asserts that the witnesses agree on one thing a version, that each follows from the one before by the rules, and
    /// that everybody was told the truth: who was told of a success had it, and whoever changed something was told so.
    pub(super) fn check(&self, told: &[Told]) -> Count {
        let id = &self.id;
        let sent = list(&self.sent);
        let versions: Vec<i64> = sent.iter().filter_map(|event| event["version"].as_i64()).collect();
        let expected: Vec<i64> = (1..=i64::from(self.version)).collect();
        assert_eq!(versions, expected, "{id}: one outbox event a version");
        assert_eq!(list(&self.logged).len(), sent.len(), "{id}: one audit event a version");

        let mut changed_by = vec![("", "")];
        for (before, after) in sent.iter().zip(&sent[1..]) {
            changed_by.push(self.check_change(before, after));
        }
        let last = &sent.last().expect("it was asked for")["payload"];
        assert_eq!(
            last["status"],
            self.status.as_str(),
            "{id}: the row ends as it was told"
        );
        assert_eq!(list(&last["decisions"]).len(), list(&self.votes).len(), "{id}");
        for vote in list(&self.votes) {
            let by = vote["by"].as_str().expect("a principal");
            assert_eq!(vote_of(last, by), Some(&vote["decision"]), "{id}: the vote of {by}");
        }

        let mut count = Count::default();
        let mut unclaimed: Vec<usize> = (1..changed_by.len()).collect();
        for Told {
            principal,
            verb,
            answer,
        } in told
        {
            if answer.status != 200 {
                let status = &answer.expect_error(409, "ALREADY_DECIDED")["status"];
                assert!(
                    *status != "PENDING" && sent.iter().any(|event| event["payload"]["status"] == *status),
                    "{id}: {principal} was told of {status}, which never was"
                );
                count.refused += 1;
                continue;
            }
            let body = answer.expect(200);
            let at = usize::try_from(body["version"].as_u64().expect("a version")).expect("small") - 1;
            assert_eq!(
                sent.get(at).map(|event| &event["payload"]),
                Some(&body),
                "{id}: {principal} was told what never was"
            );
            let heard = match *verb {
                "approve" => vote_of(&body, principal).is_some_and(|vote| vote == "APPROVE"),
                "deny" => vote_of(&body, principal).is_some_and(|vote| vote == "DENY"),
                _ => body["status"] == "CANCELLED",
            };
            assert!(heard, "{id}: {principal} was told 200 to {verb}: {body}");
            let claims = changed_by[at] == (principal.as_str(), *verb);
            if let Some(position) = unclaimed.iter().position(|version| claims && *version == at) {
                unclaimed.swap_remove(position);
                count.changes += 1;
            } else {
                count.repeats += 1;
            }
        }
        assert!(
            unclaimed.is_empty(),
            "{id}: nobody was told of versions after {unclaimed:?}"
        );
        count
    }

    /// Asserts that one change follows the rules and is logged once, and returns whose it was and by which verb.
    fn check_change(&self, before: &Value, after: &Value) -> (&str, &'static str) {
        let id = &self.id;
        let logged: Vec<&Value> = list(&self.logged)
            .iter()
            .filter(|event| event["version"] == after["version"])
            .collect();
        let [logged] = logged[..] else {
            panic!("{id}: version {} is logged {} times", after["version"], logged.len())
        };
        assert_eq!(
            logged["action"], after["type"],
            "{id}: the log and the outbox name it alike"
        );
        let by = logged["by"].as_str().expect("a principal");
        let (before, kind, after) = (&before["payload"], after["type"].as_str(), &after["payload"]);

        if kind == Some("approval.cancelled") {
            assert!(
                ["PENDING", "APPROVED"].contains(&before["status"].as_str().unwrap_or_default()),
                "{id}"
            );
            assert_eq!(after["status"], "CANCELLED", "{id}");
            assert_eq!(
                after["decisions"], before["decisions"],
                "{id}: a cancellation is no vote"
            );
            return (by, "cancel");
        }
        assert_eq!(before["status"], "PENDING", "{id}: {by} voted on what was decided");
        let others = |status: &Value| -> Vec<Value> {
            let mut others = list(&status["decisions"]).to_vec();
            others.retain(|vote| vote["by"] != by);
            others
        };
        assert_eq!(others(after), others(before), "{id}: {by} changed another's vote");
        let verb = match (vote_of(before, by), vote_of(after, by).and_then(Value::as_str)) {
            (None, Some("APPROVE")) => "approve",
            (None, Some("DENY")) => "deny",
            (Some(vote), Some("DENY")) if *vote == "APPROVE" => "deny",
            (was, is) => panic!("{id}: the vote of {by} went from {was:?} to {is:?}"),
        };
        let approvals = list(&after["decisions"])
            .iter()
            .filter(|vote| vote["decision"] == "APPROVE")
            .count();
        let (status, name) = if verb == "deny" {
            ("DENIED", "approval.denied")
        } else if i32::try_from(approvals).expect("few") >= self.required_approvals {
            ("APPROVED", "approval.approved")
        } else {
            ("PENDING", "approval.voted")
        };
        assert_eq!(
            after["status"], status,
            "{id}: with {approvals} approvals after {by} said {verb}"
        );
        assert_eq!(kind, Some(name), "{id}");
        (by, verb)
    }
}
