//! The people and the agent of the story, each with a client of their own.

use std::path::Path;

use crate::{
    client::{Client, Credential},
    exit::Failure,
    key_file::Lookup,
};

/// Somebody who acts.
pub(super) struct Actor {
    pub(super) name: &'static str,
    pub(super) client: Client,
}

/// Everybody in the story.
pub(super) struct Cast {
    pub(super) agent: Actor,
    pub(super) alice: Actor,
    pub(super) bob: Actor,
    pub(super) auditor: Actor,
    /// An approver of another tenant, at home.
    pub(super) stranger: Actor,
    /// The same person, knocking at our tenant.
    pub(super) intruder: Actor,
}

impl Cast {
    /// Gives everybody their key.
    ///
    /// # Errors
    /// A key is missing or mistyped.
    pub(super) fn assemble(url: &str, keys: &Lookup, file: &Path) -> Result<Self, Failure> {
        let find = |name: &str| {
            keys.get(name).ok_or_else(|| {
                let file = file.display();
                Failure::usage(format!(
                    "{name} is neither set nor in {file}; `countersign seed --keys-file {file}` writes it"
                ))
            })
        };
        let credential = |tenant: &str, key: &str| Credential::new(&find(tenant)?, &find(key)?);
        let first = Client::new(url, credential("ACME_TENANT", "ACME_AGENT_KEY")?)?;
        let actor = |name, tenant: &str, key: &str| {
            Ok::<_, Failure>(Actor {
                name,
                client: first.acting_as(credential(tenant, key)?),
            })
        };
        Ok(Self {
            alice: actor("alice", "ACME_TENANT", "ACME_APPROVER_KEY")?,
            bob: actor("bob", "ACME_TENANT", "ACME_SECOND_APPROVER_KEY")?,
            auditor: actor("auditor", "ACME_TENANT", "ACME_AUDITOR_KEY")?,
            stranger: actor("alice@globex", "GLOBEX_TENANT", "GLOBEX_APPROVER_KEY")?,
            intruder: actor("alice@globex", "ACME_TENANT", "GLOBEX_APPROVER_KEY")?,
            agent: Actor {
                name: "dev-agent",
                client: first,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_is_named_with_the_remedy() {
        let keys = Lookup::new(Vec::new());
        let Err(failure) = Cast::assemble("http://127.0.0.1:9", &keys, Path::new("keys.env")) else {
            panic!("there are no keys");
        };
        assert!(
            failure
                .message
                .starts_with("ACME_TENANT is neither set nor in keys.env"),
            "{failure}"
        );
    }
}
