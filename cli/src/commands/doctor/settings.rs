//! The settings and the secrets: all mistakes at once, by name and never with a value.

use secrecy::SecretString;
use shared::{
    auth::OperatorCredential,
    config::{Config, Draft, SecretsSource},
    secrets::Secrets,
};

use super::report::Check;

const SETTINGS: &str = "settings";
const SECRETS: &str = "secrets";

/// The secrets that the functions and `countersign migrate` need. `None` where one is missing.
#[derive(Default)]
pub(super) struct Found {
    pub(super) app: Option<SecretString>,
    pub(super) sweeper: Option<SecretString>,
    pub(super) migrator: Option<SecretString>,
    pub(super) redis: Option<SecretString>,
}

/// Reads the settings. With mistakes among them it goes on with the defaults of those, so that whatever else is wrong is
/// told as well; `None` when what is left cannot be believed.
pub(super) fn read(checks: &mut Vec<Check>) -> Option<Config> {
    let draft = Draft::from_env();
    checks.extend(draft.mistakes().iter().map(|mistake| {
        Check::failed(
            SETTINGS,
            mistake.to_string(),
            format!(
                "correct {} in the environment of the functions (.env.example says what it may be)",
                mistake.variable()
            ),
        )
    }));
    let config = draft.for_finding_mistakes().cloned();
    if let (true, Some(config)) = (draft.mistakes().is_empty(), &config) {
        let environment = config.server.environment.as_str();
        checks.push(Check::ok(SETTINGS, format!("of the environment {environment}")));
    }
    config
}

/// Reads each secret that something of the product needs.
pub(super) async fn secrets(config: &Config, checks: &mut Vec<Check>) -> Found {
    let secrets = Secrets::from_config(config).await;
    let mut missing = Vec::new();
    let mut read = async |path: &str, field: &str, variable: &str, needed_by: &str| {
        let secret = secrets.get_secret(path, field).await;
        secret
            .map_err(|error| {
                let remedy = match config.secrets.source {
                    SecretsSource::Env => format!("set {variable}"),
                    SecretsSource::Aws => format!(
                        "`aws secretsmanager put-secret-value --secret-id countersign/{path} --secret-string …` with the field {field}"
                    ),
                };
                missing.push(Check::failed(
                    SECRETS,
                    format!("{error}; {needed_by} cannot start"),
                    remedy,
                ));
            })
            .ok()
    };
    let found = Found {
        app: read("database", "url", "DATABASE_URL", "tenant, approval, audit and health").await,
        sweeper: read("database", "sweeper_url", "SWEEPER_DATABASE_URL", "outbox").await,
        migrator: read("database", "admin_url", "ADMIN_DATABASE_URL", "`countersign migrate`").await,
        redis: read("redis", "url", "REDIS_URL", "every function").await,
    };
    let operator = read("admin", "api_key", "ADMIN_API_KEY", "tenant").await;
    if let Some(Err(weak)) = operator.map(|credential| OperatorCredential::new(&credential)) {
        missing.push(Check::failed(
            SECRETS,
            weak.to_string(),
            "put the output of `openssl rand -hex 24` there",
        ));
    }
    if missing.is_empty() {
        checks.push(Check::ok(SECRETS, "each function has those that it needs"));
    }
    checks.append(&mut missing);
    found
}
