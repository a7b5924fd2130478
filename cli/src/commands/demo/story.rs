//! What happens in the story, and what every answer has to be.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    cast::{Actor, Cast},
    timeline::Timeline,
};
use crate::{approval::Approval, client::Answer, exit::Failure};

/// As long as the server holds a question.
const WAIT: Duration = Duration::from_secs(25);
/// Until the waiting has surely reached the server, so that the story shows it being woken. If it has not, the answer is
/// the same and only the figure is less telling.
const SETTLING: Duration = Duration::from_millis(500);

/// The call that is approved.
const REFUND: &str = "payments.refund";

/// Plays the story and returns how many milliseconds after the approval was sent the waiting ended.
pub(super) fn play(cast: &Cast, timeline: &mut Timeline) -> Result<u64, Failure> {
    let arguments = json!({"order": "A-17", "amount_cents": 4200, "currency": "EUR"});
    let (first, latency_ms) = approved_while_waited_for(cast, &arguments, timeline)?;
    redeemed(cast, &first, &arguments, timeline)?;
    let second = denied(cast, timeline)?;
    unseen_by_others(cast, &first, timeline)?;
    let whole = ["approval.requested", "approval.approved", "approval.consumed"];
    recorded(cast, &first, &whole, timeline)?;
    recorded(cast, &second, &["approval.requested", "approval.denied"], timeline)?;
    Ok(latency_ms)
}

fn approved_while_waited_for(
    cast: &Cast,
    arguments: &Value,
    timeline: &mut Timeline,
) -> Result<(Approval, u64), Failure> {
    let (request, _) = ask(
        &cast.agent,
        REFUND,
        arguments,
        "The customer was charged twice",
        timeline,
    )?;
    let path = format!("/api/v1/approvals/{}", request.id);

    let pending = Approval::read(&expect(cast.agent.client.send_get(&path, &[], Duration::ZERO)?, 200)?)?;
    expect_status(&pending, "PENDING")?;
    timeline.tell(
        cast.agent.name,
        &format!("sees it PENDING, {} approvals", pending.tally()),
    )?;
    expect_error(
        cast.agent.client.send_post(&format!("{path}/approve"), &json!({}))?,
        403,
        "FORBIDDEN",
    )?;
    timeline.tell(cast.agent.name, "tries to approve it itself: 403 FORBIDDEN")?;

    let (waiting, after_version) = (cast.agent.client.clone(), pending.version.to_string());
    let waited_for = path.clone();
    let waiter = thread::spawn(move || {
        let query = [("wait", "25"), ("after_version", after_version.as_str())];
        let answer = waiting.send_get(&waited_for, &query, WAIT);
        (answer, Instant::now())
    });
    timeline.tell(cast.agent.name, "begins to wait for the decision")?;

    let inbox = [("status", "PENDING"), ("decidable_by", "me"), ("limit", "200")];
    let inbox = expect(
        cast.alice
            .client
            .send_get("/api/v1/approvals", &inbox, Duration::ZERO)?,
        200,
    )?;
    let id = json!(request.id);
    if !inbox["data"]
        .as_array()
        .is_some_and(|requests| requests.iter().any(|request| request["id"] == id))
    {
        return Err(unexpected("the request is not in alice's inbox"));
    }
    timeline.tell(cast.alice.name, "finds it in her inbox")?;

    thread::sleep(SETTLING);
    let sent = Instant::now();
    let vote = json!({"display_hash": pending.display_hash, "note": "Checked with the bank"});
    let approved = Approval::read(&expect(
        cast.alice.client.send_post(&format!("{path}/approve"), &vote)?,
        200,
    )?)?;
    expect_status(&approved, "APPROVED")?;
    timeline.tell(cast.alice.name, "approves what she was shown: APPROVED")?;

    let (answer, returned) = waiter.join().map_err(|_| unexpected("the waiting broke off"))?;
    expect_status(&Approval::read(&expect(answer?, 200)?)?, "APPROVED")?;
    let latency = returned.saturating_duration_since(sent);
    let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let what = format!("wait returns APPROVED, {latency_ms} ms after the approval was sent");
    timeline.tell_of(returned, cast.agent.name, &what)?;
    Ok((approved, latency_ms))
}

fn redeemed(cast: &Cast, request: &Approval, arguments: &Value, timeline: &mut Timeline) -> Result<(), Failure> {
    let path = format!("/api/v1/approvals/{}/redeem", request.id);
    let live = |arguments: &Value| json!({"tool_call": {"tool": REFUND, "arguments": arguments}});
    let mut dearer = arguments.clone();
    dearer["amount_cents"] = json!(420_000);
    expect_error(
        cast.agent.client.send_post(&path, &live(&dearer))?,
        409,
        "DIGEST_MISMATCH",
    )?;
    timeline.tell(
        cast.agent.name,
        "tries to redeem it for another amount: 409 DIGEST_MISMATCH",
    )?;
    let consumed = expect(cast.agent.client.send_post(&path, &live(arguments))?, 200)?;
    expect_status(&Approval::read(&consumed)?, "CONSUMED")?;
    timeline.tell(cast.agent.name, "redeems it for the call that was approved: CONSUMED")?;
    expect_error(
        cast.agent.client.send_post(&path, &live(arguments))?,
        409,
        "ALREADY_CONSUMED",
    )?;
    timeline.tell(cast.agent.name, "cannot use it again: 409 ALREADY_CONSUMED")
}

fn denied(cast: &Cast, timeline: &mut Timeline) -> Result<Approval, Failure> {
    let arguments = json!({"database": "orders", "table": "customers"});
    let (request, token) = ask(
        &cast.agent,
        "db.drop_table",
        &arguments,
        "The migration left it behind",
        timeline,
    )?;
    let path = format!("/api/v1/approvals/{}/deny", request.id);
    let vote = json!({"display_hash": request.display_hash, "note": "Still read by billing"});
    let denied = Approval::read(&expect(cast.bob.client.send_post(&path, &vote)?, 200)?)?;
    expect_status(&denied, "DENIED")?;
    timeline.tell(cast.bob.name, "denies it: DENIED")?;

    let check = cast
        .agent
        .client
        .send_post("/api/v1/approvals/check", &json!({"token": token}))?;
    expect_status(&Approval::read(&expect(check, 200)?)?, "DENIED")?;
    timeline.tell(cast.agent.name, "checks its token: DENIED")?;
    expect_error(
        cast.alice
            .client
            .send_post(&path.replace("/deny", "/approve"), &json!({}))?,
        409,
        "ALREADY_DECIDED",
    )?;
    timeline.tell(cast.alice.name, "is too late to approve it: 409 ALREADY_DECIDED")?;
    Ok(denied)
}

fn unseen_by_others(cast: &Cast, request: &Approval, timeline: &mut Timeline) -> Result<(), Failure> {
    let path = format!("/api/v1/approvals/{}", request.id);
    expect_error(
        cast.stranger.client.send_get(&path, &[], Duration::ZERO)?,
        404,
        "NOT_FOUND",
    )?;
    timeline.tell(
        cast.stranger.name,
        "asks for the first request in another tenant: 404 NOT_FOUND",
    )?;
    expect_error(
        cast.intruder.client.send_get(&path, &[], Duration::ZERO)?,
        401,
        "UNAUTHORIZED",
    )?;
    timeline.tell(
        cast.intruder.name,
        "brings that tenant's key to this one: 401 UNAUTHORIZED",
    )
}

/// Shows what the audit log has of a request, oldest first.
fn recorded(cast: &Cast, request: &Approval, actions: &[&str], timeline: &mut Timeline) -> Result<(), Failure> {
    let id = request.id.to_string();
    let query = [("correlation_id", id.as_str()), ("limit", "200")];
    let list = expect(
        cast.auditor
            .client
            .send_get("/api/v1/audit/events", &query, Duration::ZERO)?,
        200,
    )?;
    let events: Vec<&Value> = list["data"].as_array().into_iter().flatten().rev().collect();
    let found: Vec<&str> = events.iter().filter_map(|event| event["action"].as_str()).collect();
    if found != actions {
        return Err(unexpected(&format!(
            "the audit log tells of {found:?} where {actions:?} happened"
        )));
    }
    for event in events {
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let what = format!(
            "reads {} {} by {}",
            text("received_at"),
            text("action"),
            text("recorded_by")
        );
        timeline.tell(cast.auditor.name, &what)?;
    }
    Ok(())
}

/// Makes a request; returns it with its token.
fn ask(
    agent: &Actor,
    tool: &str,
    arguments: &Value,
    reason: &str,
    timeline: &mut Timeline,
) -> Result<(Approval, String), Failure> {
    let body = json!({"tool_call": {"tool": tool, "arguments": arguments}, "reason": reason});
    let created = expect(agent.client.send_post("/api/v1/approvals", &body)?, 201)?;
    let request = Approval::read(&created)?;
    let token = created["token"]
        .as_str()
        .ok_or_else(|| unexpected("the answer holds no token"))?;
    timeline.tell(agent.name, &format!("asks for {tool}: request {}", request.id))?;
    Ok((request, token.to_owned()))
}

fn expect(answer: Answer, status: u16) -> Result<Value, Failure> {
    if answer.status == status {
        return Ok(answer.body);
    }
    Err(unexpected(&format!(
        "expected status {status}, not {}: {}",
        answer.status, answer.body
    )))
}

fn expect_error(answer: Answer, status: u16, code: &str) -> Result<(), Failure> {
    let body = expect(answer, status)?;
    match body["error"]["code"].as_str() {
        Some(found) if found == code => Ok(()),
        _ => Err(unexpected(&format!("expected {code}: {body}"))),
    }
}

fn expect_status(approval: &Approval, status: &str) -> Result<(), Failure> {
    if approval.status == status {
        return Ok(());
    }
    Err(unexpected(&format!(
        "expected the request to be {status}, not {}",
        approval.status
    )))
}

fn unexpected(what: &str) -> Failure {
    Failure::failed(what.to_owned())
}
