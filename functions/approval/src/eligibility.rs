//! Who may decide on a request, and so counts towards a quorum that can be reached. Pure.
//!
//! `store::list_approvals` spells the same rule in SQL for `decidable_by=me`; a test holds the two together.

use uuid::Uuid;

/// A person of the tenant who is active and an approver or admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approver {
    pub(crate) user_id: Uuid,
    pub(crate) groups: Vec<String>,
    /// The principals that ever saw a secret of theirs: with it they could have minted themselves another, so neither
    /// rotation nor revocation takes them off.
    pub(crate) minted_by: Vec<String>,
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
    /// They are in none of the groups, or the requester minted a credential of theirs.
    NotEligible,
}

impl Electorate<'_> {
    /// Whether this person may decide. Admins are people like others here.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(&self, approver: &Approver) -> Result<(), Ineligible> {
        let is_requester = self.requested_by == format!("user:{}", approver.user_id);
        if is_requester || self.owner_user_id == Some(approver.user_id) {
            return Err(Ineligible::SelfApproval);
        }
        let in_groups =
            self.approver_groups.is_empty() || self.approver_groups.iter().any(|group| approver.groups.contains(group));
        let is_puppet = approver.minted_by.iter().any(|minter| minter == self.requested_by);
        if in_groups && !is_puppet {
            Ok(())
        } else {
            Err(Ineligible::NotEligible)
        }
    }

    /// How many of these people may decide. Each counts once, in whatever groups they are.
    pub(crate) fn reachable(&self, approvers: &[Approver]) -> usize {
        approvers.iter().filter(|approver| self.admit(approver).is_ok()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approver(id: u128, groups: &[&str], minted_by: &[&str]) -> Approver {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Approver {
            user_id: Uuid::from_u128(id),
            groups: owned(groups),
            minted_by: owned(minted_by),
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
}
