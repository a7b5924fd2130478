//! What policies decide on a call: an error denies, then a forbid, then a permit asks people, then a permit allows. What
//! nothing matches asks one person.

use cedar_policy::{AuthorizationError, Authorizer, Effect as Written, PolicyId};

use super::{
    annotations::{Notes, Requirement},
    call::Call,
    compiled::CompiledPolicies,
    text::Flaw,
};

/// Evaluation recurses as deep as conditions nest, and Cedar gives up where the stack ends: that a thread has little left must
/// deny nothing. The deepest texts take 32 to 64 MiB in a build without optimisation; what is not touched costs no memory. Most
/// texts are shallow and find room on the stack that there is, which spares a mapping for every call.
const STACK_BYTES: usize = 64 << 20;
const STACK_BYTES_PER_LEVEL: usize = 64 << 10;
/// For what does not depend on the text: arguments nest up to 64 deep.
const LEVELS_BESIDES: usize = 72;

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
    RequireApproval(Requirement),
}

impl Effect {
    /// The name in the contract.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
            Self::RequireApproval(_) => "REQUIRE_APPROVAL",
        }
    }
}

/// A decision, with the policies that determined it and a sentence of each, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) effect: Effect,
    pub(crate) policy_ids: Vec<String>,
    pub(crate) reasons: Vec<String>,
}

impl Verdict {
    /// A denial that no policy's condition asked for.
    pub(crate) fn denied(policy_ids: Vec<String>, reason: impl Into<String>) -> Self {
        Self {
            effect: Effect::Deny,
            policy_ids,
            reasons: vec![reason.into()],
        }
    }

    /// The same, unless it asks for more approvals than the people who could give one: then nobody is asked.
    pub(crate) fn within_reach_of(mut self, people: usize) -> Self {
        let Effect::RequireApproval(requirement) = &self.effect else {
            return self;
        };
        if usize::try_from(requirement.quorum).is_ok_and(|quorum| quorum <= people) {
            return self;
        }
        let quorum = requirement.quorum;
        self.reasons.push(format!(
            "Approval is out of reach: {quorum} needed, and the people who could approve this call are {people}"
        ));
        self.effect = Effect::Deny;
        self
    }

    /// Policies that were stored once and no longer compile.
    pub(crate) fn unreadable(flaw: &Flaw) -> Self {
        let reason = format!(
            "The tenant's policies cannot be read, so nothing is allowed: line {}, column {}: {}",
            flaw.line, flaw.column, flaw.message
        );
        Self::denied(Vec::new(), reason)
    }
}

/// The policies that spoke, by their place in the text.
#[derive(Default)]
struct Heard {
    /// With what went wrong.
    erred: Vec<(usize, String)>,
    forbid: Vec<usize>,
    permit: Vec<usize>,
}

impl CompiledPolicies {
    /// Decides on a call. The same policies in another order decide the same.
    pub(crate) fn evaluate(&self, call: &Call<'_>) -> Verdict {
        let needed = (self.deepest + LEVELS_BESIDES) * STACK_BYTES_PER_LEVEL;
        match stacker::maybe_grow(needed, STACK_BYTES, || self.hear(call)) {
            Ok(heard) => self.judge(&heard),
            Err(reason) => Verdict::denied(Vec::new(), reason),
        }
    }

    fn hear(&self, call: &Call<'_>) -> Result<Heard, String> {
        let refused = |error| format!("The call cannot be put to the policies: {error}");
        let entities = call.entities().map_err(refused)?;
        let authorizer = Authorizer::new();
        let (caller, tool) = (call.principal().map_err(refused)?, call.resource().map_err(refused)?);
        let action = call.action().map_err(refused)?;
        let mut heard = Heard::default();
        for (number, reader) in self.readers.iter().enumerate() {
            if let Some(mismatch) = reader.mismatch(&caller, &action, &tool, call.arguments) {
                heard.erred.push((number, mismatch));
            }
        }
        for group in &self.groups {
            let request = call.request(group.decimals.as_ref()).map_err(refused)?;
            let response = authorizer.is_authorized(&request, &group.set, &entities);
            for id in response.diagnostics().reason() {
                match group.set.policy(id).map(cedar_policy::Policy::effect) {
                    Some(Written::Permit) => heard.permit.push(self.number(id)),
                    _ => heard.forbid.push(self.number(id)),
                }
            }
            for error in response.diagnostics().errors() {
                let AuthorizationError::PolicyEvaluationError(error) = error;
                let number = self.number(error.policy_id());
                if heard.erred.iter().all(|(erred, _)| *erred != number) {
                    heard.erred.push((number, error.inner().to_string()));
                }
            }
        }
        heard.erred.sort_unstable();
        heard.forbid.sort_unstable();
        heard.permit.sort_unstable();
        Ok(heard)
    }

    /// Behind the last, where there is none: then nothing is said in its name.
    fn number(&self, id: &PolicyId) -> usize {
        self.numbers.get(id).copied().unwrap_or(self.notes.len())
    }

    fn notes<'a>(&'a self, numbers: &'a [usize]) -> impl Iterator<Item = &'a Notes> {
        numbers.iter().filter_map(|number| self.notes.get(*number))
    }

    fn judge(&self, heard: &Heard) -> Verdict {
        if !heard.erred.is_empty() {
            let named = |number: usize| self.notes.get(number).map_or("", |notes| notes.id.as_str());
            return Verdict {
                effect: Effect::Deny,
                policy_ids: heard
                    .erred
                    .iter()
                    .map(|(number, _)| named(*number).to_owned())
                    .collect(),
                reasons: heard
                    .erred
                    .iter()
                    .map(|(number, error)| format!("The policy {} could not be evaluated: {error}", named(*number)))
                    .collect(),
            };
        }
        if !heard.forbid.is_empty() {
            return self.verdict(Effect::Deny, &heard.forbid);
        }
        let asking: Vec<usize> = heard
            .permit
            .iter()
            .copied()
            .filter(|number| self.notes.get(*number).is_some_and(|notes| notes.requirement.is_some()))
            .collect();
        if !asking.is_empty() {
            return self.ask(&asking);
        }
        if !heard.permit.is_empty() {
            return self.verdict(Effect::Allow, &heard.permit);
        }
        Verdict {
            effect: Effect::RequireApproval(Requirement::default()),
            policy_ids: Vec::new(),
            reasons: vec!["No policy matches this call, so a person decides".to_owned()],
        }
    }

    /// All that ask must be satisfied.
    fn ask(&self, asking: &[usize]) -> Verdict {
        let mut requirements = self.notes(asking).filter_map(|notes| notes.requirement.clone());
        let first = requirements.next().unwrap_or_default();
        match requirements.try_fold(first, Requirement::and) {
            Some(requirement) => self.verdict(Effect::RequireApproval(requirement), asking),
            None => Verdict::denied(
                self.notes(asking).map(|notes| notes.id.clone()).collect(),
                "The policies that ask for approval have no group in common, so nobody could give it",
            ),
        }
    }

    fn verdict(&self, effect: Effect, numbers: &[usize]) -> Verdict {
        let sentence = |notes: &Notes| {
            notes
                .reason
                .clone()
                .unwrap_or_else(|| match (&effect, &notes.requirement) {
                    (Effect::Allow, _) => format!("The policy {} allows this call", notes.id),
                    (Effect::Deny, _) => format!("The policy {} forbids this call", notes.id),
                    (Effect::RequireApproval(_), requirement) => {
                        let requirement = requirement.clone().unwrap_or_default();
                        let of = requirement
                            .groups
                            .map_or_else(String::new, |groups| format!(" from {}", groups.join(", ")));
                        let plural = if requirement.quorum == 1 { "" } else { "s" };
                        format!(
                            "The policy {} asks for {} approval{plural}{of}",
                            notes.id, requirement.quorum
                        )
                    }
                })
        };
        Verdict {
            policy_ids: self.notes(numbers).map(|notes| notes.id.clone()).collect(),
            reasons: self.notes(numbers).map(sentence).collect(),
            effect,
        }
    }
}
