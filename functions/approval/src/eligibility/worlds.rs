//! Small tenants made up by chance, in which the rules are held against what the contract says of each pair of people.

use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::approval::Decision::{self, Approve, Deny};

/// A small tenant, and a request in it.
#[derive(Debug, Clone)]
struct World {
    /// For each person: in `ops`, in `finance`, whom they delegate to, whether the requester minted a key of theirs.
    people: Vec<(bool, bool, Option<usize>, bool)>,
    /// An agent's when absent.
    requester: Option<usize>,
    owner: Option<usize>,
    /// Whether `ops`, and whether `finance`, may decide.
    groups: (bool, bool),
}

/// A vote that was cast, with the authority it was cast on.
#[derive(Debug, Clone, Copy)]
struct Cast {
    by: usize,
    on: usize,
    decision: Decision,
}

const PEOPLE: usize = 5;

fn worlds() -> impl Strategy<Value = World> {
    let other = proptest::option::of(0..PEOPLE);
    let person = (
        any::<bool>(),
        any::<bool>(),
        other.clone(),
        proptest::bool::weighted(0.1),
    );
    (
        proptest::collection::vec(person, PEOPLE),
        other.clone(),
        other,
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(|(mut people, requester, owner, groups)| {
            for (at, person) in people.iter_mut().enumerate() {
                person.2 = person.2.filter(|delegate| *delegate != at);
            }
            World {
                people,
                requester,
                owner,
                groups,
            }
        })
}

fn user(at: usize) -> Uuid {
    Uuid::from_u128(1 + at as u128)
}

impl World {
    fn requested_by(&self) -> String {
        self.requester
            .map_or_else(|| "agent:a".to_owned(), |at| principal(user(at)))
    }

    fn groups(&self) -> Vec<String> {
        let named = [(self.groups.0, "ops"), (self.groups.1, "finance")];
        named
            .iter()
            .filter(|(is_in, _)| *is_in)
            .map(|(_, name)| (*name).to_owned())
            .collect()
    }

    /// What the store would read of this person.
    fn approver(&self, at: usize) -> Approver {
        let (ops, finance, delegate, minted) = self.people[at];
        let named = [(ops, "ops"), (finance, "finance")];
        let delegators = (0..PEOPLE).filter(|other| self.people[*other].2 == Some(at));
        Approver {
            user_id: user(at),
            groups: named
                .iter()
                .filter(|(is_in, _)| *is_in)
                .map(|(_, name)| (*name).to_owned())
                .collect(),
            minted_by: minted.then(|| self.requested_by()).into_iter().collect(),
            tied_to: delegate.into_iter().chain(delegators).map(user).collect(),
        }
    }

    fn candidate(&self, at: usize) -> Candidate {
        let delegators = (0..PEOPLE).rev().filter(|other| self.people[*other].2 == Some(at));
        Candidate {
            person: self.approver(at),
            delegators: delegators.map(|other| self.approver(other)).collect(),
        }
    }

    fn is_party(&self, at: usize) -> bool {
        [self.requester, self.owner].contains(&Some(at))
    }

    /// The rule as the contract says it, person by person.
    fn is_barred(&self, at: usize) -> bool {
        let tied = |other: usize| self.people[at].2 == Some(other) || self.people[other].2 == Some(at);
        self.is_party(at) || self.people[at].3 || (0..PEOPLE).any(|other| self.is_party(other) && tied(other))
    }

    fn is_included(&self, at: usize) -> bool {
        let (ops, finance) = self.groups;
        (!ops && !finance) || (ops && self.people[at].0) || (finance && self.people[at].1)
    }

    /// Whether `at` may vote so on the authority of `of` after these votes.
    fn is_legal(&self, at: usize, of: usize, decision: Decision, votes: &[Cast]) -> bool {
        let stands_in = at == of || (self.people[of].2 == Some(at) && !self.is_included(at));
        let others = votes.iter().filter(|vote| vote.by != at && vote.decision == Approve);
        let is_free = (at == of && decision == Deny) || others.clone().all(|vote| vote.by != of && vote.on != of);
        stands_in && is_free && self.is_included(of) && !self.is_barred(of) && !self.is_barred(at)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn votes_are_cast_as_the_rules_say_and_no_authority_counts_twice(
        world in worlds(),
        // A denial would end the request; those after it must be judged all the same.
        turns in proptest::collection::vec((0..PEOPLE, prop_oneof![3 => Just(Approve), 1 => Just(Deny)]), 0..10),
    ) {
        let (requested_by, groups) = (world.requested_by(), world.groups());
        let electorate = Electorate {
            requested_by: &requested_by,
            owner_user_id: world.owner.map(user),
            approver_groups: &groups,
        };
        let everybody: Vec<Approver> = (0..PEOPLE).map(|at| world.approver(at)).collect();
        let (mut votes, mut cast): (Vec<Vote>, Vec<Cast>) = (Vec::new(), Vec::new());
        for (at, decision) in turns {
            let legal: Vec<usize> = (0..PEOPLE).filter(|of| world.is_legal(at, *of, decision, &cast)).collect();
            let verdict = electorate.authorise(&world.candidate(at), &votes, decision);
            let before = cast.iter().find(|vote| vote.by == at).map(|vote| vote.on);
            let expected = match before.filter(|of| legal.contains(of)).or(legal.first().copied()) {
                Some(of) if of == at => Ok(Authority::Own),
                Some(of) => Ok(Authority::Of(user(of))),
                None if world.is_party(at) => Err(Ineligible::SelfApproval),
                None => Err(Ineligible::NotEligible),
            };
            prop_assert_eq!(verdict, expected, "{} of {:?} after {:?}", at, world, cast);
            if let (Ok(authority), None) = (verdict, before) {
                let of = legal[0];
                cast.push(Cast { by: at, on: of, decision });
                votes.push(Vote {
                    by: principal(user(at)),
                    on_behalf_of: authority.on_behalf_of(),
                    decision,
                    note: None,
                    at: DateTime::UNIX_EPOCH,
                });
            }
        }
        let approvals: Vec<usize> = cast.iter().filter(|vote| vote.decision == Approve).map(|vote| vote.on).collect();
        let authorities: BTreeSet<usize> = approvals.iter().copied().collect();
        prop_assert_eq!(authorities.len(), approvals.len());
        prop_assert!(approvals.len() <= electorate.reachable(&everybody));
    }
}
