//! What must come of each step, as the contract has it: the plainest words for it that could be found.

use std::collections::BTreeMap;

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
    pub(crate) votes: Vec<Vote>,
}

/// One person's vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vote {
    pub(crate) by: Who,
    pub(crate) yes: bool,
    /// Whose authority it used: their own, or that of somebody who is away.
    pub(crate) of: Who,
}

/// What holds in the tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tenant {
    /// Who handed their authority to whom.
    pub(crate) delegations: BTreeMap<Who, Who>,
    /// Who is stopped; `None` is everybody.
    pub(crate) stops: Vec<Option<Who>>,
}

impl Tenant {
    fn stops(&self, who: Who) -> bool {
        self.stops
            .iter()
            .any(|stopped| stopped.is_none_or(|stopped| stopped == who))
    }
}

impl Request {
    pub(crate) fn approvals(&self) -> usize {
        self.votes.iter().filter(|vote| vote.yes).count()
    }
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
const STOPPED: Refused = Refused(409, "STOPPED");
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

const NOT_ELIGIBLE: Refused = Refused(403, "NOT_ELIGIBLE");

/// Whose request it is: the requester, and who answers for an agent.
fn concerned(request: &Request) -> Vec<Who> {
    let mut concerned = vec![request.asked_by];
    if request.asked_by == Who::Owned {
        concerned.push(Who::Otto);
    }
    concerned
}

/// Why this person may not decide on any authority.
fn barred(tenant: &Tenant, request: &Request, who: Who) -> Option<Refused> {
    let concerned = concerned(request);
    if concerned.contains(&who) {
        return Some(Refused(403, "SELF_APPROVAL"));
    }
    let ties =
        |from: &Who, to: &Who| (*from == who && concerned.contains(to)) || (*to == who && concerned.contains(from));
    tenant
        .delegations
        .iter()
        .any(|(from, to)| ties(from, to))
        .then_some(NOT_ELIGIBLE)
}

fn in_group(request: &Request, who: Who) -> bool {
    request.groups.is_empty() || request.groups.iter().any(|group| groups_of(who).contains(group))
}

/// Whose authority this person would use to say yes or no, or why none.
fn authority(tenant: &Tenant, request: &Request, who: Who, yes: bool) -> Result<Who, Refused> {
    if let Some(refused) = barred(tenant, request, who) {
        return Err(refused);
    }
    let is_free = |of: Who| {
        !request
            .votes
            .iter()
            .any(|vote| vote.yes && vote.by != who && (vote.by == of || vote.of == of))
    };
    if in_group(request, who) {
        return if !yes || is_free(who) {
            Ok(who)
        } else {
            Err(NOT_ELIGIBLE)
        };
    }
    let usable: Vec<Who> = tenant
        .delegations
        .iter()
        .filter(|(_, to)| **to == who)
        .map(|(from, _)| *from)
        .filter(|from| barred(tenant, request, *from).is_none() && in_group(request, *from) && is_free(*from))
        .collect();
    let before = request.votes.iter().find(|vote| vote.by == who).map(|vote| vote.of);
    let again = before.filter(|of| usable.contains(of));
    again.or_else(|| usable.first().copied()).ok_or(NOT_ELIGIBLE)
}

/// A request that is made, or why it is not.
pub(crate) fn ask(tenant: &Tenant, who: Who, quorum: i64, groups: &[&'static str]) -> Result<Request, Refused> {
    let request = Request {
        asked_by: who,
        quorum: usize::try_from(quorum).unwrap_or_default(),
        groups: groups.to_vec(),
        state: State::Pending,
        version: 1,
        votes: Vec::new(),
    };
    let able = Who::PEOPLE
        .iter()
        .filter(|who| barred(tenant, &request, **who).is_none() && in_group(&request, **who))
        .count();
    if request.quorum == 0 || request.quorum > able {
        return Err(Refused(400, "VALIDATION_ERROR"));
    }
    if tenant.stops(who) {
        return Err(STOPPED);
    }
    Ok(request)
}

/// The request after somebody's verb, or why it stays as it is.
pub(crate) fn act(tenant: &Tenant, request: &Request, who: Who, verb: Verb) -> Result<Request, Refused> {
    match verb {
        Verb::Approve(seen) => vote(tenant, request, who, true, seen),
        Verb::Deny(seen) => vote(tenant, request, who, false, seen),
        Verb::Cancel => cancel(request, who),
        Verb::Redeem(live) => redeem(tenant, request, who, live),
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

fn vote(tenant: &Tenant, request: &Request, who: Who, yes: bool, seen: Seen) -> Result<Request, Refused> {
    if is_agent(who) {
        return Err(FORBIDDEN);
    }
    let of = authority(tenant, request, who, yes)?;
    let said_so = request.votes.iter().any(|vote| vote.by == who && vote.yes == yes);
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
    after.votes.retain(|vote| vote.by != who);
    after.votes.push(Vote { by: who, yes, of });
    if !yes {
        after.state = State::Denied;
    } else if after.approvals() >= after.quorum {
        after.state = State::Approved;
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

fn redeem(tenant: &Tenant, request: &Request, who: Who, live: Live) -> Result<Request, Refused> {
    if !is_agent(who) && who != Who::Admin {
        return Err(FORBIDDEN);
    }
    if who != request.asked_by {
        return Err(if is_agent(who) { NOT_FOUND } else { FORBIDDEN });
    }
    match request.state {
        State::Approved if tenant.stops(who) => Err(STOPPED),
        State::Approved if matches!(live, Live::Same | Live::Respelt) => Ok(moved(request, State::Consumed)),
        State::Approved => Err(Refused(409, "DIGEST_MISMATCH")),
        State::Pending | State::Denied | State::Cancelled => Err(NOT_APPROVED),
        State::Expired => Err(EXPIRED),
        State::Consumed => Err(CONSUMED),
        State::Revoked => Err(Refused(409, "REVOKED")),
    }
}

fn revoke(request: &Request, who: Who) -> Result<Request, Refused> {
    let is_theirs = |vote: &Vote| vote.yes && (vote.by == who || vote.of == who);
    if who != Who::Admin && !request.votes.iter().any(is_theirs) {
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

/// The request once its requester is stopped.
pub(crate) fn stopped(request: &Request, whom: Option<Who>) -> Request {
    let concerns = whom.is_none_or(|whom| whom == request.asked_by);
    if concerns && request.state == State::Pending {
        moved(request, State::Cancelled)
    } else {
        request.clone()
    }
}
