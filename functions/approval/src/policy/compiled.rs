//! Policies that are ready to decide, and those of many tenants kept in one process.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use cedar_policy::{PolicyId, PolicySet};
use uuid::Uuid;

use super::{annotations::Notes, arguments::Shape, text::Flaw, types::Reader};

/// How many tenants' policies a process keeps. A thousand policies are a few megabytes.
const MOST_KEPT: usize = 64;

/// A text that was found sound.
#[derive(Debug)]
pub(crate) struct CompiledPolicies {
    pub(super) groups: Vec<Group>,
    /// In the order of the text.
    pub(super) notes: Vec<Notes>,
    /// In the order of the text.
    pub(super) readers: Vec<Reader>,
    /// Where in `notes` each policy's stand.
    pub(super) numbers: HashMap<PolicyId, usize>,
    /// How deep the tree of any of them can be.
    pub(super) deepest: usize,
}

/// Policies that are asked in the same terms.
#[derive(Debug)]
pub(super) struct Group {
    /// The arguments that they compare with decimals.
    pub(super) decimals: Option<Shape>,
    pub(super) set: PolicySet,
}

/// The policies of one version, or what is wrong with it: what was stored once and no longer compiles denies.
pub(crate) type InForce = Arc<Result<CompiledPolicies, Flaw>>;

/// The compiled policies of this process, by tenant and version. A version never changes, so nothing in here can be stale;
/// what was not asked for longest goes first.
#[derive(Debug, Clone, Default)]
pub(crate) struct CompiledSets(Arc<Mutex<VecDeque<Kept>>>);

#[derive(Debug)]
struct Kept {
    tenant_id: Uuid,
    version: i32,
    policies: InForce,
}

impl CompiledSets {
    /// The tenant's policies of this version, if they are kept.
    pub(crate) fn find(&self, tenant_id: Uuid, version: i32) -> Option<InForce> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept
            .iter()
            .position(|kept| (kept.tenant_id, kept.version) == (tenant_id, version))?;
        let found = kept.remove(at)?;
        let policies = found.policies.clone();
        kept.push_back(found);
        Some(policies)
    }

    /// Keeps what was compiled of the tenant's policies of this version.
    pub(crate) fn keep(&self, tenant_id: Uuid, version: i32, policies: Result<CompiledPolicies, Flaw>) -> InForce {
        let policies = Arc::new(policies);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An earlier version will hardly be asked for again.
        kept.retain(|kept| kept.tenant_id != tenant_id);
        if kept.len() >= MOST_KEPT {
            kept.pop_front();
        }
        kept.push_back(Kept {
            tenant_id,
            version,
            policies: policies.clone(),
        });
        policies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::compile;

    #[test]
    fn what_was_asked_for_last_stays_longest() {
        let sets = CompiledSets::default();
        let tenant = |n: usize| Uuid::from_u128(n as u128);
        for n in 0..MOST_KEPT {
            sets.keep(tenant(n), 1, compile(""));
        }
        assert!(sets.find(tenant(0), 1).is_some());
        sets.keep(tenant(MOST_KEPT), 1, compile(""));
        assert!(sets.find(tenant(0), 1).is_some());
        assert!(sets.find(tenant(1), 1).is_none());
        assert!(sets.find(tenant(MOST_KEPT), 1).is_some());
    }

    #[test]
    fn a_version_is_found_only_under_its_tenant_and_number() {
        let sets = CompiledSets::default();
        let (ours, theirs) = (Uuid::from_u128(1), Uuid::from_u128(2));
        sets.keep(ours, 1, compile(""));
        assert!(sets.find(theirs, 1).is_none() && sets.find(ours, 2).is_none());
        sets.keep(theirs, 1, compile("nonsense"));
        assert!(sets.find(ours, 1).is_some_and(|policies| policies.is_ok()));
        assert!(sets.find(theirs, 1).is_some_and(|policies| policies.is_err()));
        sets.keep(ours, 2, compile(""));
        assert!(sets.find(ours, 1).is_none() && sets.find(ours, 2).is_some());
    }
}
