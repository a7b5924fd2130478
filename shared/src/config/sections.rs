//! The sections: which variables there are, their defaults, their bounds, and what must hold between them.

use axum::http::{Uri, uri::Authority};
use tracing_subscriber::EnvFilter;

use super::reader::Reader;
use crate::throttle::Rate;

const ENVIRONMENT: &str = "ENVIRONMENT";
const PUBLIC_URL: &str = "PUBLIC_URL";
const AUTH_BCRYPT_COST: &str = "AUTH_BCRYPT_COST";
const OUTBOX_TURN_MS: &str = "OUTBOX_TURN_MS";
const SECRETS_SOURCE: &str = "SECRETS_SOURCE";
const AWS_ENDPOINT_URL: &str = "AWS_ENDPOINT_URL";

/// The variables that say where secrets are.
pub(super) const PLACE_OF_SECRETS: [&str; 2] = [SECRETS_SOURCE, AWS_ENDPOINT_URL];

/// A day, in seconds.
const DAY: u64 = 86_400;
/// The lowest bcrypt cost outside development.
const BCRYPT_COST_FLOOR: u32 = 10;
/// Where the web console is served from during development.
const DEVELOPMENT_ORIGINS: [&str; 2] = ["http://localhost:5173", "http://127.0.0.1:5173"];

/// Where a deployment stands (`ENVIRONMENT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeployEnvironment {
    /// A developer's machine.
    Local,
    /// A shared development deployment.
    Dev,
    /// The rehearsal of production.
    Staging,
    /// The real thing: causes of errors are never shown.
    Production,
}

impl DeployEnvironment {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "local" => Some(Self::Local),
            "dev" => Some(Self::Dev),
            "staging" => Some(Self::Staging),
            "production" => Some(Self::Production),
            _ => None,
        }
    }

    /// Whether the cause of an internal error must stay out of the answer.
    #[must_use]
    pub fn is_production(self) -> bool {
        self == Self::Production
    }

    /// Whether conveniences of development are allowed.
    #[must_use]
    pub fn is_local_or_dev(self) -> bool {
        matches!(self, Self::Local | Self::Dev)
    }

    /// The word used in the variable.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// Where this deployment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// `ENVIRONMENT`, default `local`.
    pub environment: DeployEnvironment,
    /// `PUBLIC_URL`: where people and agents reach this deployment, as an origin, `scheme://host[:port]`. Decision links
    /// begin with it, and the decision page takes decisions from no other. In `local` and `dev` it need not be set, and is
    /// then that of `make dev`, `http://127.0.0.1:<PORT>`; in production it is `https`.
    pub public_url: String,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let environment = reader.parsed(
            ENVIRONMENT,
            "`local`, `dev`, `staging` or `production`",
            DeployEnvironment::parse,
        );
        let environment = environment.unwrap_or(DeployEnvironment::Local);
        Self {
            environment,
            public_url: Self::read_public_url(reader, environment),
        }
    }

    fn read_public_url(reader: &mut Reader<'_>, environment: DeployEnvironment) -> String {
        // Where `make dev` serves; a deployment has no such variable.
        let port = reader.number("PORT", 9_000, 1..=65_535);
        let expected = "a URL like https://countersign.example.com, without a path";
        let public_url = reader.parsed(PUBLIC_URL, expected, |text| {
            parse_origin(text.strip_suffix('/').unwrap_or(text))
        });
        match &public_url {
            Some(url) if environment.is_production() && !url.starts_with("https://") => {
                reader.refuse(
                    PUBLIC_URL,
                    format!("an https:// URL where {ENVIRONMENT} is `production`"),
                );
            }
            None if !environment.is_local_or_dev() && reader.text(PUBLIC_URL).is_none() => {
                reader.refuse(
                    PUBLIC_URL,
                    format!("{expected}, unless {ENVIRONMENT} is `local` or `dev`"),
                );
            }
            _ => {}
        }
        public_url.unwrap_or_else(|| format!("http://127.0.0.1:{port}"))
    }
}

/// How Postgres is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// `DATABASE_MAX_CONNECTIONS`, default 1: a Lambda environment serves one request at a time.
    pub max_connections: u32,
    /// `DATABASE_ACQUIRE_TIMEOUT_MS`, default 3000: how long a request waits for a connection.
    pub acquire_timeout_ms: u64,
    /// `DATABASE_STATEMENT_TIMEOUT_MS`, default 10000: how long one statement may run.
    pub statement_timeout_ms: u64,
    /// `DATABASE_IDLE_CHECK_SECONDS`, default 10: a connection idle for longer is pinged before it is used.
    pub idle_check_seconds: u64,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            max_connections: reader.number("DATABASE_MAX_CONNECTIONS", 1, 1..=100),
            acquire_timeout_ms: reader.number("DATABASE_ACQUIRE_TIMEOUT_MS", 3_000, 10..=60_000),
            statement_timeout_ms: reader.number("DATABASE_STATEMENT_TIMEOUT_MS", 10_000, 10..=900_000),
            idle_check_seconds: reader.number("DATABASE_IDLE_CHECK_SECONDS", 10, 0..=DAY),
        }
    }
}

/// How Redis is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// `REDIS_TIMEOUT_MS`, default 250: how long any one command may take, connecting included.
    pub timeout_ms: u64,
}

impl RedisConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            timeout_ms: reader.number("REDIS_TIMEOUT_MS", 250, 1..=10_000),
        }
    }
}

/// How API keys are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// `AUTH_BCRYPT_COST`, default 10: the base-2 logarithm of bcrypt's rounds.
    pub bcrypt_cost: u32,
    /// `AUTH_VERDICT_TTL_SECONDS`, default 3600: how long bcrypt's verdict on a secret is remembered.
    pub verdict_ttl_seconds: u64,
}

impl AuthConfig {
    pub(super) fn read(reader: &mut Reader<'_>, environment: DeployEnvironment) -> Self {
        let bcrypt_cost = reader.number(AUTH_BCRYPT_COST, BCRYPT_COST_FLOOR, 4..=14);
        if bcrypt_cost < BCRYPT_COST_FLOOR && !environment.is_local_or_dev() {
            reader.refuse(
                AUTH_BCRYPT_COST,
                format!("at least {BCRYPT_COST_FLOOR} unless {ENVIRONMENT} is `local` or `dev`"),
            );
        }
        Self {
            bcrypt_cost,
            verdict_ttl_seconds: reader.number("AUTH_VERDICT_TTL_SECONDS", 3_600, 1..=DAY),
        }
    }
}

/// How much one API key may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitConfig {
    /// `RATE_LIMIT_PER_SECOND`, default 100: requests a second in the long run.
    pub per_second: u32,
    /// `RATE_LIMIT_BURST`, default 400: requests at once.
    pub burst: u32,
}

impl RateLimitConfig {
    /// The two as one rate.
    #[must_use]
    pub fn rate(&self) -> Rate {
        Rate::new(self.per_second, self.burst)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            per_second: reader.number("RATE_LIMIT_PER_SECOND", 100, 1..=1_000_000),
            burst: reader.number("RATE_LIMIT_BURST", 400, 1..=1_000_000),
        }
    }
}

/// Limits of approval requests and of those who wait for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalsConfig {
    /// `APPROVAL_TOKEN_TTL_SECONDS`, default 3600: how long a request lives when it does not say.
    pub token_ttl_seconds: u64,
    /// `APPROVAL_MAX_WAITERS`, default 20: how many requests of one tenant may wait at once; each
    /// holds a Lambda environment, so keep it well below how many there can be.
    pub max_waiters: u32,
    /// `APPROVAL_MAX_PENDING_PER_CALLER`, default 1000: how many requests one caller may leave undecided.
    pub max_pending_per_caller: u32,
}

impl ApprovalsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            token_ttl_seconds: reader.number("APPROVAL_TOKEN_TTL_SECONDS", 3_600, 60..=14 * DAY),
            max_waiters: reader.number("APPROVAL_MAX_WAITERS", 20, 0..=10_000),
            max_pending_per_caller: reader.number("APPROVAL_MAX_PENDING_PER_CALLER", 1_000, 1..=100_000),
        }
    }
}

/// The rhythm of the sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxConfig {
    /// `OUTBOX_TURN_MS`, default 300: the pause between two turns of the sweep.
    pub turn_ms: u64,
    /// `OUTBOX_SWEEP_SECONDS`, default 62: how long one invocation keeps sweeping, if its
    /// deadline lets it. Longer than the minute between two firings, so that there is always one.
    pub sweep_seconds: u64,
    /// `OUTBOX_LEASE_SECONDS`, default 60: how long claimed events are left to their claimant.
    pub lease_seconds: u64,
    /// `OUTBOX_BATCH`, default 100: how many events one turn claims.
    pub batch: u32,
    /// `OUTBOX_LATE_SECONDS`, default 120: an older backlog makes readiness say degraded.
    pub late_seconds: u64,
}

impl OutboxConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let config = Self {
            turn_ms: reader.number(OUTBOX_TURN_MS, 300, 10..=60_000),
            sweep_seconds: reader.number("OUTBOX_SWEEP_SECONDS", 62, 1..=890),
            lease_seconds: reader.number("OUTBOX_LEASE_SECONDS", 60, 10..=3_600),
            batch: reader.number("OUTBOX_BATCH", 100, 1..=1_000),
            late_seconds: reader.number("OUTBOX_LATE_SECONDS", 120, 1..=DAY),
        };
        // A sweep that pauses for longer than it runs would do its work once and call that a rhythm.
        if config.turn_ms >= config.sweep_seconds * 1_000 {
            reader.refuse(OUTBOX_TURN_MS, "less than OUTBOX_SWEEP_SECONDS");
        }
        config
    }
}

/// Which web origins may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsConfig {
    /// `CORS_ORIGINS`, comma separated, each as a browser sends it in `Origin`: `scheme://host[:port]` in lower case,
    /// without the scheme's default port. Not set: the console's development server in `local` and `dev`, else none.
    pub origins: Vec<String>,
}

impl CorsConfig {
    pub(super) fn read(reader: &mut Reader<'_>, environment: DeployEnvironment) -> Self {
        let parse = |text: &str| text.split(',').map(|origin| parse_origin(origin.trim())).collect();
        let expected = "origins like https://console.example.com, comma separated, without a path or `*`";
        let origins = reader.parsed("CORS_ORIGINS", expected, parse);
        let default = if environment.is_local_or_dev() {
            DEVELOPMENT_ORIGINS.map(str::to_owned).to_vec()
        } else {
            Vec::new()
        };
        Self {
            origins: origins.unwrap_or(default),
        }
    }
}

/// The serialised origin (RFC 6454 §6.2) that `text` spells, or `None` when it is none.
fn parse_origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    // `Uri` would add a path where there is none; a whole authority leaves room for neither path nor query.
    let parsed: Authority = authority.parse().ok()?;
    let has_port = authority
        .rsplit(']')
        .next()
        .is_some_and(|after_host| after_host.contains(':'));
    let port_is_sound = !has_port || parsed.port_u16().is_some_and(|port| port != 0);
    if parsed.host().is_empty() || authority.contains(['@', '*']) || !port_is_sound {
        return None;
    }
    Some(format!(
        "{scheme}://{}",
        authority.strip_suffix(default_port).unwrap_or(authority)
    ))
}

/// Where secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretsSource {
    /// The process environment and `.env`.
    Env,
    /// AWS Secrets Manager.
    Aws,
}

/// Where secrets are kept and for how long they are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsConfig {
    /// `SECRETS_SOURCE`, default `env`.
    pub source: SecretsSource,
    /// `SECRETS_CACHE_TTL_SECONDS`, default 300: a rotated secret is seen after this long at the latest.
    pub cache_ttl_seconds: u64,
    /// `AWS_ENDPOINT_URL`: another address for AWS, such as an emulator's. Not set: AWS itself.
    pub aws_endpoint_url: Option<String>,
}

impl SecretsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let source = reader.parsed(SECRETS_SOURCE, "`env` or `aws`", |text| match text {
            "env" => Some(SecretsSource::Env),
            "aws" => Some(SecretsSource::Aws),
            _ => None,
        });
        Self {
            source: source.unwrap_or(SecretsSource::Env),
            cache_ttl_seconds: reader.number("SECRETS_CACHE_TTL_SECONDS", 300, 1..=DAY),
            aws_endpoint_url: reader.parsed(AWS_ENDPOINT_URL, "an http:// or https:// URL", |text| {
                let uri: Uri = text.parse().ok()?;
                let sound = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
                sound.then(|| text.to_owned())
            }),
        }
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// `LOG_LEVEL`, default `info`: directives of `tracing_subscriber::EnvFilter`, such as `info,shared=debug`; `trace` is
    /// treated as `debug`.
    pub log_level: String,
}

impl TelemetryConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let log_level = reader.parsed("LOG_LEVEL", "a filter like `info` or `info,shared=debug`", |text| {
            EnvFilter::builder().parse(text).ok().map(|_| text.to_owned())
        });
        Self {
            log_level: log_level.unwrap_or_else(|| "info".to_owned()),
        }
    }
}
