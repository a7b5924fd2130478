//! Who is in the two tenants.

/// A tenant to make.
pub(super) struct TenantPlan {
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
}

/// A person to make in each tenant, and the variable of that person's key.
pub(super) struct Person {
    pub(super) variable: &'static str,
    pub(super) account: &'static str,
    pub(super) name: &'static str,
    pub(super) role: &'static str,
    pub(super) groups: &'static [&'static str],
}

/// Two, so that every demonstration can show what one may not see of the other.
pub(super) const TENANTS: [TenantPlan; 2] = [
    TenantPlan {
        slug: "acme",
        name: "Acme",
    },
    TenantPlan {
        slug: "globex",
        name: "Globex",
    },
];

/// Both approvers are in `ops`, so that a request to that group can ask for two.
pub(super) const PEOPLE: [Person; 4] = [
    Person {
        variable: "ADMIN_KEY",
        account: "admin",
        name: "Ada Admin",
        role: "admin",
        groups: &[],
    },
    Person {
        variable: "APPROVER_KEY",
        account: "alice",
        name: "Alice Approver",
        role: "approver",
        groups: &["ops"],
    },
    Person {
        variable: "SECOND_APPROVER_KEY",
        account: "bob",
        name: "Bob Approver",
        role: "approver",
        groups: &["ops", "finance"],
    },
    Person {
        variable: "AUDITOR_KEY",
        account: "auditor",
        name: "Olga Auditor",
        role: "auditor",
        groups: &[],
    },
];

/// The agent, and the variable of its key.
pub(super) const AGENT: (&str, &str) = ("AGENT_KEY", "dev-agent");
