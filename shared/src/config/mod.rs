//! The settings of a function, typed and checked once at start.
//!
//! They come from the process environment and from `.env`; the process environment wins. Secret values never enter this
//! room: they come through [`crate::secrets`], which keeps them out of `Debug`. Every variable has a default, is listed in
//! `.env.example`, and is named with its unit.

mod draft;
mod environment;
mod reader;
mod sections;

pub use draft::Draft;
pub use environment::Environment;
pub use reader::{ConfigError, ConfigErrors};
pub use sections::{
    ApprovalsConfig, AuthConfig, CorsConfig, DatabaseConfig, DeployEnvironment, OutboxConfig, RateLimitConfig,
    RedisConfig, SecretsConfig, SecretsSource, ServerConfig, TelemetryConfig,
};

use reader::Reader;

/// All settings of a function, one section per room that needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where this deployment stands.
    pub server: ServerConfig,
    /// How Postgres is used; its address is a secret.
    pub database: DatabaseConfig,
    /// How Redis is used; its address is a secret.
    pub redis: RedisConfig,
    /// How API keys are checked.
    pub auth: AuthConfig,
    /// How much one API key may ask.
    pub rate_limit: RateLimitConfig,
    /// Limits of approval requests and of those who wait for them.
    pub approvals: ApprovalsConfig,
    /// The rhythm of the sweep.
    pub outbox: OutboxConfig,
    /// Which web origins may call.
    pub cors: CorsConfig,
    /// Where secrets are kept.
    pub secrets: SecretsConfig,
    /// What is logged.
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Reads the settings from the process environment and from the nearest `.env`.
    ///
    /// Nothing is written: the process environment stays as it was.
    ///
    /// # Errors
    /// Every variable that is wrong, and every line of `.env` that cannot be read, together.
    pub fn from_env() -> Result<Self, ConfigErrors> {
        Draft::from_env().finish()
    }

    /// Reads the settings through `lookup`, which answers the value of a variable, or `None` when it is not set.
    ///
    /// An empty value counts as not set, because that is what a shell or a compose file passes on for a variable it does
    /// not have. Variables that are not Countersign's are not looked at.
    ///
    /// # Errors
    /// Every variable that is wrong, together.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        Draft::from_lookup(lookup).finish()
    }

    /// Reads on past what is wrong, which stands at its default then.
    fn read(lookup: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<ConfigError>) {
        let mut reader = Reader::new(lookup);
        let server = ServerConfig::read(&mut reader);
        let config = Self {
            database: DatabaseConfig::read(&mut reader),
            redis: RedisConfig::read(&mut reader),
            auth: AuthConfig::read(&mut reader, server.environment),
            rate_limit: RateLimitConfig::read(&mut reader),
            approvals: ApprovalsConfig::read(&mut reader),
            outbox: OutboxConfig::read(&mut reader),
            cors: CorsConfig::read(&mut reader, server.environment),
            secrets: SecretsConfig::read(&mut reader),
            telemetry: TelemetryConfig::read(&mut reader),
            server,
        };
        (config, reader.into_mistakes())
    }
}

#[cfg(test)]
mod tests;
