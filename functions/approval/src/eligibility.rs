//! Who may decide on a request, on whose authority, and so counts towards a quorum that can be reached. Pure.
//!
//! A person who is away may hand their authority to another for a while. The delegate uses it only where their own groups
//! do not do, and cannot hand it on. One person counts once, whoever they stand in for, and one person's authority counts
//! once, whoever uses it. Only approvals use an authority up: a denial needs no count, so whoever is away may still deny what
//! their delegate approved in their name.
//!
//! `store::list_approvals` spells the rule for an approval in SQL for `decidable_by=me`; a test holds the two together.

use serde::Serialize;
use shared::auth::Subject;
use uuid::Uuid;

use crate::approval::{Decision, Vote};

/// A person of the tenant who is active and an approver or admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Approver {
    pub(crate) user_id: Uuid,
    pub(crate) groups: Vec<String>,
    /// The principals that ever saw a secret of theirs: with it they could have minted themselves another, so neither
    /// rotation nor revocation takes them off.
    pub(crate) minted_by: Vec<String>,
    /// The people to whom or from whom a delegation of theirs is in force.
    pub(crate) tied_to: Vec<Uuid>,
}

/// A person who wants to decide, and those who have handed their authority to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) person: Approver,
    /// Whose delegation to the person is in force.
    pub(crate) delegators: Vec<Approver>,
}

/// What a request says about who may decide on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Electorate<'a> {
    pub(crate) requested_by: &'a str,
    pub(crate) owner_user_id: Option<Uuid>,
    /// Empty: any approver.
    pub(crate) approver_groups: &'a [String],
}

/// Why a person may not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ineligible {
    /// It is their own request, or that of an agent they answer for.
    SelfApproval,
    /// They are in none of the groups, the requester minted a credential of theirs, a delegation ties them to the
    /// requester or to the owner of its key, or the authority they would use is used.
    NotEligible,
}

/// On whose authority a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    /// Their own.
    Own,
    /// That of the person who delegated to them.
    Of(Uuid),
}

impl Authority {
    /// The delegator, as a principal.
    pub(crate) fn on_behalf_of(self) -> Option<String> {
        match self {
            Self::Own => None,
            Self::Of(delegator) => Some(principal(delegator)),
        }
    }
}

impl Electorate<'_> {
    /// Whether this person may decide in their own right. Admins are people like others here.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(&self, approver: &Approver) -> Result<(), Ineligible> {
        self.bar(approver)?;
        if self.includes(approver) {
            Ok(())
        } else {
            Err(Ineligible::NotEligible)
        }
    }

    /// On whose authority this person may decide so when these votes have been cast. What they used before they may use
    /// again, for the vote is theirs; otherwise the first delegator by id will do. Their own they may always deny on; a
    /// delegator's only while nobody else has approved on it, so that nobody overrules whom they stand in for.
    ///
    /// # Errors
    /// Why they may not.
    pub(crate) fn authorise(
        &self,
        candidate: &Candidate,
        votes: &[Vote],
        decision: Decision,
    ) -> Result<Authority, Ineligible> {
        let person = &candidate.person;
        self.bar(person)?;
        let own = principal(person.user_id);
        let is_free = |of: Uuid| {
            let of = principal(of);
            let uses = |vote: &Vote| vote.by == of || vote.on_behalf_of.as_ref() == Some(&of);
            let is_approval = |vote: &Vote| vote.decision == Decision::Approve;
            !votes
                .iter()
                .any(|vote| vote.by != own && is_approval(vote) && uses(vote))
        };
        if self.includes(person) {
            return if decision == Decision::Deny || is_free(person.user_id) {
                Ok(Authority::Own)
            } else {
                Err(Ineligible::NotEligible)
            };
        }
        let before = votes
            .iter()
            .find(|vote| vote.by == own)
            .and_then(|vote| vote.on_behalf_of.clone());
        candidate
            .delegators
            .iter()
            .filter(|delegator| self.admit(delegator).is_ok() && is_free(delegator.user_id))
            .map(|delegator| delegator.user_id)
            .min_by_key(|id| (before.as_ref() != Some(&principal(*id)), *id))
            .map(Authority::Of)
            .ok_or(Ineligible::NotEligible)
    }

    /// How many of these people may decide. Each counts once, in whatever groups they are; delegation adds nobody, since
    /// an authority counts once.
    pub(crate) fn reachable(&self, approvers: &[Approver]) -> usize {
        approvers.iter().filter(|approver| self.admit(approver).is_ok()).count()
    }

    /// Who may not decide whatever groups they are in, and on nobody's behalf.
    fn bar(&self, approver: &Approver) -> Result<(), Ineligible> {
        if self.concerns(approver.user_id) {
            return Err(Ineligible::SelfApproval);
        }
        let is_puppet = approver.minted_by.iter().any(|minter| minter == self.requested_by);
        let is_tied = approver.tied_to.iter().any(|other| self.concerns(*other));
        if is_puppet || is_tied {
            return Err(Ineligible::NotEligible);
        }
        Ok(())
    }

    /// Whether it is this person's request, or that of an agent they answer for.
    fn concerns(&self, user_id: Uuid) -> bool {
        self.requested_by == principal(user_id) || self.owner_user_id == Some(user_id)
    }

    fn includes(&self, approver: &Approver) -> bool {
        self.approver_groups.is_empty() || self.approver_groups.iter().any(|group| approver.groups.contains(group))
    }
}

fn principal(user_id: Uuid) -> String {
    Subject::User(user_id).to_string()
}

#[cfg(test)]
mod worlds;

#[cfg(test)]
mod tests {
    use super::*;

    fn approver(id: u128, groups: &[&str], minted_by: &[&str]) -> Approver {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Approver {
            user_id: Uuid::from_u128(id),
            groups: owned(groups),
            minted_by: owned(minted_by),
            tied_to: Vec::new(),
        }
    }

    const BY_AGENT: Electorate<'static> = Electorate {
        requested_by: "agent:deployer",
        owner_user_id: Some(Uuid::from_u128(1)),
        approver_groups: &[],
    };

    #[test]
    fn the_requester_and_the_owner_may_not_decide() {
        assert_eq!(BY_AGENT.admit(&approver(1, &[], &[])), Err(Ineligible::SelfApproval));
        let requested_by = format!("user:{}", Uuid::from_u128(2));
        let by_person = Electorate {
            requested_by: &requested_by,
            owner_user_id: None,
            approver_groups: &[],
        };
        assert_eq!(by_person.admit(&approver(2, &[], &[])), Err(Ineligible::SelfApproval));
        assert_eq!(by_person.admit(&approver(1, &[], &[])), Ok(()));
    }

    #[test]
    fn whoever_the_requester_minted_a_credential_for_may_not_decide() {
        let minters = ["operator", "agent:deployer"];
        assert_eq!(
            BY_AGENT.admit(&approver(3, &[], &minters)),
            Err(Ineligible::NotEligible)
        );
        assert_eq!(BY_AGENT.admit(&approver(3, &[], &["operator", "agent:other"])), Ok(()));
    }

    #[test]
    fn any_common_group_will_do_and_nobody_counts_twice() {
        let groups = ["ops".to_owned(), "finance".to_owned()];
        let electorate = Electorate {
            approver_groups: &groups,
            ..BY_AGENT
        };
        let people = [
            approver(3, &["ops", "finance"], &[]),
            approver(4, &["finance"], &[]),
            approver(5, &["legal"], &[]),
            approver(6, &[], &[]),
        ];
        assert_eq!(electorate.reachable(&people), 2);
        assert_eq!(electorate.admit(&people[2]), Err(Ineligible::NotEligible));
        assert_eq!(BY_AGENT.reachable(&people), 4);
    }

    #[test]
    fn a_request_of_ones_own_is_told_before_anything_else() {
        let groups = ["ops".to_owned()];
        let electorate = Electorate {
            approver_groups: &groups,
            ..BY_AGENT
        };
        assert_eq!(
            electorate.admit(&approver(1, &[], &["agent:deployer"])),
            Err(Ineligible::SelfApproval)
        );
    }

    #[test]
    fn whoever_is_tied_to_the_requester_or_the_owner_may_not_decide() {
        let requested_by = principal(Uuid::from_u128(2));
        let by_person = Electorate {
            requested_by: &requested_by,
            owner_user_id: None,
            approver_groups: &[],
        };
        for (electorate, other) in [(BY_AGENT, 1), (by_person, 2)] {
            let mut tied = approver(3, &[], &[]);
            tied.tied_to = vec![Uuid::from_u128(4)];
            assert_eq!(electorate.admit(&tied), Ok(()));
            tied.tied_to.push(Uuid::from_u128(other));
            assert_eq!(electorate.admit(&tied), Err(Ineligible::NotEligible));
            assert_eq!(electorate.reachable(&[tied]), 0);
        }
    }
}
