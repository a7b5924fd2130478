//! What each verb answers in each state: the contract's table. Pure.

use crate::approval::{ApprovalState, Decision};

/// What becomes of a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ballot {
    /// The person's first vote.
    Counts,
    /// The person's denial, in the place of their approval.
    Replaces,
    /// The same vote again: nothing changes.
    Repeats,
}

/// What becomes of a cancellation or of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// The request ends.
    Ends,
    /// It was withdrawn in this way before: nothing changes.
    Repeats,
}

/// Why a state refuses a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateRefusal {
    /// Something else was decided, and this is what.
    AlreadyDecided(ApprovalState),
    /// Its time has run out.
    Expired,
    /// It has been redeemed.
    AlreadyConsumed,
    /// It has been taken back.
    Revoked,
    /// People have not said yes, and this is where it stands.
    NotApproved(ApprovalState),
}

/// What a vote does to a request in `state` when the person's vote so far is `own`.
///
/// # Errors
/// The request is decided, or over.
pub(crate) fn vote(state: ApprovalState, own: Option<Decision>, decision: Decision) -> Result<Ballot, StateRefusal> {
    use ApprovalState::{Approved, Cancelled, Consumed, Denied, Expired, Pending, Revoked};
    match (state, own) {
        (Expired, _) => Err(StateRefusal::Expired),
        (Pending | Approved | Denied | Consumed, Some(own)) if own == decision => Ok(Ballot::Repeats),
        (Pending, None) => Ok(Ballot::Counts),
        (Pending, Some(Decision::Approve)) => Ok(Ballot::Replaces),
        // A denial ends the request, so there is none under a pending one; if there were, it would not be taken back.
        (Pending, Some(Decision::Deny)) => Err(StateRefusal::AlreadyDecided(Denied)),
        (Approved | Denied | Cancelled | Consumed | Revoked, _) => Err(StateRefusal::AlreadyDecided(state)),
    }
}

/// Where an accepted vote takes a pending request that now has `approvals` of the `required` ones. One denial ends it.
pub(crate) fn after_vote(decision: Decision, approvals: i64, required: i32) -> ApprovalState {
    match decision {
        Decision::Deny => ApprovalState::Denied,
        // At least, never exactly: a count that overshot must not hang.
        Decision::Approve if approvals >= i64::from(required) => ApprovalState::Approved,
        Decision::Approve => ApprovalState::Pending,
    }
}

/// What a cancellation does to a request in `state`.
///
/// # Errors
/// The request has another end.
pub(crate) fn cancel(state: ApprovalState) -> Result<Withdrawal, StateRefusal> {
    match state {
        ApprovalState::Pending | ApprovalState::Approved => Ok(Withdrawal::Ends),
        ApprovalState::Cancelled => Ok(Withdrawal::Repeats),
        ApprovalState::Denied | ApprovalState::Revoked => Err(StateRefusal::AlreadyDecided(state)),
        ApprovalState::Expired => Err(StateRefusal::Expired),
        ApprovalState::Consumed => Err(StateRefusal::AlreadyConsumed),
    }
}

/// Whether a request in `state` may be redeemed.
///
/// # Errors
/// Only an approval that is neither used up nor taken back nor too old may.
pub(crate) fn redeem(state: ApprovalState) -> Result<(), StateRefusal> {
    use ApprovalState::{Approved, Cancelled, Consumed, Denied, Expired, Pending, Revoked};
    match state {
        Approved => Ok(()),
        Pending | Denied | Cancelled => Err(StateRefusal::NotApproved(state)),
        Expired => Err(StateRefusal::Expired),
        Consumed => Err(StateRefusal::AlreadyConsumed),
        Revoked => Err(StateRefusal::Revoked),
    }
}

/// What a revocation does to a request in `state`.
///
/// # Errors
/// There is no approval to take back.
pub(crate) fn revoke(state: ApprovalState) -> Result<Withdrawal, StateRefusal> {
    match redeem(state) {
        Ok(()) => Ok(Withdrawal::Ends),
        Err(StateRefusal::Revoked) => Ok(Withdrawal::Repeats),
        Err(refusal) => Err(refusal),
    }
}

#[cfg(test)]
mod diagram;

#[cfg(test)]
mod tests {
    use ApprovalState::{Approved, Cancelled, Consumed, Denied, Expired, Pending, Revoked};
    use Decision::{Approve, Deny};
    use proptest::prelude::*;

    use super::*;

    /// The rows of the contract's table, spelled out: state, own vote so far, the answer to APPROVE, the answer to DENY.
    #[test]
    fn every_vote_in_every_state_answers_as_the_contract_says() {
        let decided = |state| Err(StateRefusal::AlreadyDecided(state));
        let expired = Err(StateRefusal::Expired);
        let table = [
            (Pending, None, Ok(Ballot::Counts), Ok(Ballot::Counts)),
            (Pending, Some(Approve), Ok(Ballot::Repeats), Ok(Ballot::Replaces)),
            (Pending, Some(Deny), decided(Denied), Ok(Ballot::Repeats)),
            (Approved, None, decided(Approved), decided(Approved)),
            (Approved, Some(Approve), Ok(Ballot::Repeats), decided(Approved)),
            (Approved, Some(Deny), decided(Approved), Ok(Ballot::Repeats)),
            (Denied, None, decided(Denied), decided(Denied)),
            (Denied, Some(Approve), Ok(Ballot::Repeats), decided(Denied)),
            (Denied, Some(Deny), decided(Denied), Ok(Ballot::Repeats)),
            (Expired, None, expired, expired),
            (Expired, Some(Approve), expired, expired),
            (Expired, Some(Deny), expired, expired),
            (Cancelled, None, decided(Cancelled), decided(Cancelled)),
            (Cancelled, Some(Approve), decided(Cancelled), decided(Cancelled)),
            (Cancelled, Some(Deny), decided(Cancelled), decided(Cancelled)),
            (Consumed, None, decided(Consumed), decided(Consumed)),
            (Consumed, Some(Approve), Ok(Ballot::Repeats), decided(Consumed)),
            (Consumed, Some(Deny), decided(Consumed), Ok(Ballot::Repeats)),
            (Revoked, None, decided(Revoked), decided(Revoked)),
            (Revoked, Some(Approve), decided(Revoked), decided(Revoked)),
            (Revoked, Some(Deny), decided(Revoked), decided(Revoked)),
        ];
        assert_eq!(table.len(), ApprovalState::ALL.len() * 3);
        for (state, own, approve, deny) in table {
            assert_eq!(vote(state, own, Approve), approve, "APPROVE in {state} after {own:?}");
            assert_eq!(vote(state, own, Deny), deny, "DENY in {state} after {own:?}");
        }
    }

    #[test]
    fn every_cancellation_in_every_state_answers_as_the_contract_says() {
        let table = [
            (Pending, Ok(Withdrawal::Ends)),
            (Approved, Ok(Withdrawal::Ends)),
            (Denied, Err(StateRefusal::AlreadyDecided(Denied))),
            (Expired, Err(StateRefusal::Expired)),
            (Cancelled, Ok(Withdrawal::Repeats)),
            (Consumed, Err(StateRefusal::AlreadyConsumed)),
            (Revoked, Err(StateRefusal::AlreadyDecided(Revoked))),
        ];
        assert_eq!(table.len(), ApprovalState::ALL.len());
        for (state, answer) in table {
            assert_eq!(cancel(state), answer, "{state}");
        }
    }

    #[test]
    fn every_redemption_and_revocation_in_every_state_answers_as_the_contract_says() {
        let not_approved = |state| StateRefusal::NotApproved(state);
        let table = [
            (Pending, Err(not_approved(Pending)), Err(not_approved(Pending))),
            (Approved, Ok(()), Ok(Withdrawal::Ends)),
            (Denied, Err(not_approved(Denied)), Err(not_approved(Denied))),
            (Expired, Err(StateRefusal::Expired), Err(StateRefusal::Expired)),
            (Cancelled, Err(not_approved(Cancelled)), Err(not_approved(Cancelled))),
            (
                Consumed,
                Err(StateRefusal::AlreadyConsumed),
                Err(StateRefusal::AlreadyConsumed),
            ),
            (Revoked, Err(StateRefusal::Revoked), Ok(Withdrawal::Repeats)),
        ];
        assert_eq!(table.len(), ApprovalState::ALL.len());
        for (state, redeemed, revoked) in table {
            assert_eq!(redeem(state), redeemed, "redeem in {state}");
            assert_eq!(revoke(state), revoked, "revoke in {state}");
        }
    }

    #[test]
    fn names_lead_back_to_their_states_and_unknown_ones_nowhere() {
        for state in ApprovalState::ALL {
            assert_eq!(ApprovalState::from_name(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).expect("a name"), state.as_str());
        }
        assert_eq!(ApprovalState::from_name("approved"), None);
        assert_eq!(ApprovalState::from_name("GRANTED"), None);
    }

    proptest! {
        #[test]
        fn only_a_full_quorum_approves_and_one_denial_always_ends(approvals in 0_i64..100, required in 1_i32..100) {
            prop_assert_eq!(after_vote(Deny, approvals, required), Denied);
            prop_assert_eq!(after_vote(Approve, approvals, required) == Approved, approvals >= i64::from(required));
        }
    }
}
