//! Secrets from environment variables: for a developer's machine and for tests.

use secrecy::SecretString;

use super::{Fields, SecretError, path::SecretPath};

/// Path, field, variable: the only secrets this source knows.
const TABLE: [(&str, &str, &str); 7] = [
    ("database", "url", "DATABASE_URL"),
    ("database", "sweeper_url", "SWEEPER_DATABASE_URL"),
    ("database", "admin_url", "ADMIN_DATABASE_URL"),
    ("redis", "url", "REDIS_URL"),
    ("admin", "api_key", "ADMIN_API_KEY"),
    ("audit", "signing_seed", "AUDIT_SIGNING_SEED"),
    ("stripe", "webhook_secret", "STRIPE_WEBHOOK_SECRET"),
];

/// The environment variables that hold secrets when `SECRETS_SOURCE` is `env`.
pub fn variables() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(_, _, variable)| *variable)
}

/// For a message about a missing field: the variable that would provide it.
pub(super) fn hint(path: &str, field: &str) -> String {
    variable(path, field)
        .map(|variable| format!(" (with SECRETS_SOURCE=env: set {variable})"))
        .unwrap_or_default()
}

/// For a message about a secret: what it is called in every source.
#[must_use]
pub fn name(path: &str, field: &str) -> String {
    let in_store = format!("secret `countersign/{path}`, field `{field}`");
    match variable(path, field) {
        Some(variable) => format!("{variable} ({in_store})"),
        None => in_store,
    }
}

fn variable(path: &str, field: &str) -> Option<&'static str> {
    TABLE
        .iter()
        .find(|(known_path, known_field, _)| (*known_path, *known_field) == (path, field))
        .map(|(_, _, variable)| *variable)
}

/// Answers the value of a variable, or `None` when it is not set.
type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads secrets through a lookup of variables.
pub(super) struct EnvSource {
    lookup: Lookup,
}

impl EnvSource {
    pub(super) fn new(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            lookup: Box::new(lookup),
        }
    }

    pub(super) fn read(&self, path: &SecretPath) -> Result<Fields, SecretError> {
        let mut rows = TABLE.iter().filter(|(known, _, _)| *known == path.as_str()).peekable();
        if rows.peek().is_none() {
            return Err(SecretError::NoSuchPath(path.as_str().to_owned()));
        }
        let set = |variable| (self.lookup)(variable).filter(|value| !value.is_empty());
        Ok(rows
            .filter_map(|(_, field, variable)| Some(((*field).to_owned(), SecretString::from(set(variable)?))))
            .collect())
    }
}
