//! The authenticated caller.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::data::TenantScope;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything inside the tenant.
    Admin,
    /// Reads approvals and decides.
    Approver,
    /// Asks, waits, and records.
    Agent,
    /// Reads.
    Auditor,
}

/// Where a key's holder runs; an approval never crosses from one into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Development; the default.
    Dev,
    /// Staging.
    Staging,
    /// Production.
    Production,
}

/// A name that is not one of the known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;

/// A person or an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A user of the tenant.
    User(Uuid),
    /// A caller: the same principal under every key that carries its name.
    Agent(String),
}

/// The authenticated caller of one request, inside one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant it is in.
    pub tenant_id: Uuid,
    /// The key it came with.
    pub key_id: Uuid,
    /// Person or agent.
    pub subject: Subject,
    /// What it may do.
    pub role: Role,
    /// The person who answers for an agent.
    pub owner_user_id: Option<Uuid>,
    /// 0 to 4.
    pub trust_level: i16,
    /// Where it runs.
    pub environment: Environment,
}

impl Principal {
    /// The user, when it is a person.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        match self.subject {
            Subject::User(id) => Some(id),
            Subject::Agent(_) => None,
        }
    }

    /// Whether it is an agent.
    #[must_use]
    pub fn is_agent(&self) -> bool {
        self.role == Role::Agent
    }

    /// Whose rows its transactions may see.
    #[must_use]
    pub fn scope(&self) -> TenantScope {
        TenantScope {
            tenant_id: self.tenant_id,
            user_id: self.user_id(),
        }
    }
}

/// `user:<id>` or `agent:<caller_id>`, as everywhere in the contract.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subject.fmt(f)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Agent(caller_id) => write!(f, "agent:{caller_id}"),
        }
    }
}

impl Role {
    /// The name in the contract and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Approver => "approver",
            Self::Agent => "agent",
            Self::Auditor => "auditor",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        [Self::Admin, Self::Approver, Self::Agent, Self::Auditor]
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or(UnknownName)
    }
}

impl Environment {
    /// The name in the contract, in the key and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        [Self::Dev, Self::Staging, Self::Production]
            .into_iter()
            .find(|environment| environment.as_str() == name)
            .ok_or(UnknownName)
    }
}
