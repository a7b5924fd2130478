//! Policies: what a tenant's text says about a tool call. Pure: no SQL, no HTTP.
//!
//! `text` finds places in the text and bounds its nesting, `annotations` reads what Cedar leaves to us, `actions` makes tools actions, `reading` finds the types
//! of the arguments that a policy reads, `arguments` declares them, `compile` puts it all together, `call` turns a tool call
//! into Cedar's terms, `types` tells where its arguments are not what a policy reads, and `verdict` decides: an error denies,
//! then a forbid, then a permit asks for approval, then a permit allows, and what nothing matches asks one person.

mod actions;
mod annotations;
mod arguments;
mod call;
mod compile;
mod compiled;
#[cfg(test)]
mod examples;
mod reading;
#[cfg(test)]
mod tests;
mod text;
mod types;
mod verdict;

pub(crate) use annotations::Requirement;
pub(crate) use call::Call;
pub(crate) use compile::compile;
pub(crate) use compiled::{CompiledPolicies, CompiledSets, InForce};
pub(crate) use text::Flaw;
pub(crate) use verdict::{Effect, Verdict};
