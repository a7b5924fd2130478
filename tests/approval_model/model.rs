//! What must come of each step, as the contract has it: the plainest words for it that could be found.

use crate::step::{Live, Seen, Verb, Who};

/// What a request has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
    Consumed,
    Revoked,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::Denied => "DENIED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
            Self::Consumed => "CONSUMED",
            Self::Revoked => "REVOKED",
        }
    }
}

/// A request as it must be.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) asked_by: Who,
    pub(crate) quorum: usize,
    pub(crate) groups: Vec<&'static str>,
    pub(crate) state: State,
    pub(crate) version: i64,
    /// Who said yes, and who said no.
    pub(crate) yes: Vec<Who>,
    pub(crate) no: Option<Who>,
}

/// An error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) u16, pub(crate) &'static str);

const FORBIDDEN: Refused = Refused(403, "FORBIDDEN");
const NOT_FOUND: Refused = Refused(404, "NOT_FOUND");
const STALE: Refused = Refused(409, "STALE_VIEW");
const DECIDED: Refused = Refused(409, "ALREADY_DECIDED");
const EXPIRED: Refused = Refused(409, "APPROVAL_EXPIRED");
const CONSUMED: Refused = Refused(409, "ALREADY_CONSUMED");
const NOT_APPROVED: Refused = Refused(409, "NOT_APPROVED");

fn groups_of(who: Who) -> &'static [&'static str] {
    match who {
        Who::Olga => &["ops"],
        Who::Finn => &["finance"],
        Who::Otto => &["ops", "finance"],
        _ => &[],
    }
}

fn is_agent(who: Who) -> bool {
    matches!(who, Who::Loner | Who::Owned)
}

/// Why this person may not decide, if so.
fn excluded(request: &Request, who: Who) -> Option<Refused> {
    if who == request.asked_by || (request.asked_by == Who::Owned && who == Who::Otto) {
        return Some(Refused(403, "SELF_APPROVAL"));
    }
    let in_group = request.groups.is_empty() || request.groups.iter().any(|group| groups_of(who).contains(group));
    (!in_group).then_some(Refused(403, "NOT_ELIGIBLE"))
}

/// A request that is made, or why it is not.
pub(crate) fn ask(who: Who, quorum: i64, groups: &[&'static str]) -> Result<Request, Refused> {
    let request = Request {
        asked_by: who,
        quorum: usize::try_from(quorum).unwrap_or_default(),
        groups: groups.to_vec(),
        state: State::Pending,
        version: 1,
        yes: Vec::new(),
        no: None,
    };
    let able = Who::PEOPLE
        .iter()
        .filter(|who| excluded(&request, **who).is_none())
        .count();
    if request.quorum == 0 || request.quorum > able {
        return Err(Refused(400, "VALIDATION_ERROR"));
    }
    Ok(request)
}

/// The request after somebody's verb, or why it stays as it is.
pub(crate) fn act(request: &Request, who: Who, verb: Verb) -> Result<Request, Refused> {
    match verb {
        Verb::Approve(seen) => vote(request, who, true, seen),
        Verb::Deny(seen) => vote(request, who, false, seen),
        Verb::Cancel => cancel(request, who),
        Verb::Redeem(live) => redeem(request, who, live),
        Verb::Revoke => revoke(request, who),
    }
}

fn moved(request: &Request, state: State) -> Request {
    Request {
        state,
        version: request.version + 1,
        ..request.clone()
    }
}

fn vote(request: &Request, who: Who, yes: bool, seen: Seen) -> Result<Request, Refused> {
    if is_agent(who) {
        return Err(FORBIDDEN);
    }
    if let Some(refused) = excluded(request, who) {
        return Err(refused);
    }
    let said_so = if yes {
        request.yes.contains(&who)
    } else {
        request.no == Some(who)
    };
    match request.state {
        State::Expired => return Err(EXPIRED),
        State::Cancelled | State::Revoked => return Err(DECIDED),
        State::Approved | State::Denied | State::Consumed if !said_so => return Err(DECIDED),
        _ => {}
    }
    if seen == Seen::Another {
        return Err(STALE);
    }
    if said_so {
        return Ok(request.clone());
    }
    let mut after = moved(request, State::Pending);
    if yes {
        after.yes.push(who);
        if after.yes.len() >= after.quorum {
            after.state = State::Approved;
        }
    } else {
        after.yes.retain(|other| *other != who);
        after.no = Some(who);
        after.state = State::Denied;
    }
    Ok(after)
}

fn cancel(request: &Request, who: Who) -> Result<Request, Refused> {
    if is_agent(who) && who != request.asked_by {
        return Err(NOT_FOUND);
    }
    if !is_agent(who) && who != Who::Admin {
        return Err(FORBIDDEN);
    }
    match request.state {
        State::Pending | State::Approved => Ok(moved(request, State::Cancelled)),
        State::Cancelled => Ok(request.clone()),
        State::Denied | State::Revoked => Err(DECIDED),
        State::Expired => Err(EXPIRED),
        State::Consumed => Err(CONSUMED),
    }
}

fn redeem(request: &Request, who: Who, live: Live) -> Result<Request, Refused> {
    if !is_agent(who) && who != Who::Admin {
        return Err(FORBIDDEN);
    }
    if who != request.asked_by {
        return Err(if is_agent(who) { NOT_FOUND } else { FORBIDDEN });
    }
    match request.state {
        State::Approved if matches!(live, Live::Same | Live::Respelt) => Ok(moved(request, State::Consumed)),
        State::Approved => Err(Refused(409, "DIGEST_MISMATCH")),
        State::Pending | State::Denied | State::Cancelled => Err(NOT_APPROVED),
        State::Expired => Err(EXPIRED),
        State::Consumed => Err(CONSUMED),
        State::Revoked => Err(Refused(409, "REVOKED")),
    }
}

fn revoke(request: &Request, who: Who) -> Result<Request, Refused> {
    if who != Who::Admin && !request.yes.contains(&who) {
        return Err(FORBIDDEN);
    }
    match request.state {
        State::Approved => Ok(moved(request, State::Revoked)),
        State::Revoked => Ok(request.clone()),
        State::Pending | State::Denied | State::Cancelled => Err(NOT_APPROVED),
        State::Expired => Err(EXPIRED),
        State::Consumed => Err(CONSUMED),
    }
}

/// The request once its time is over.
pub(crate) fn overdue(request: &Request) -> Request {
    match request.state {
        State::Pending | State::Approved => moved(request, State::Expired),
        _ => request.clone(),
    }
}
