//! Fresh secrets for API keys.

use secrecy::ExposeSecret as _;
use shared::{
    auth::{self, Environment},
    context::AppContext,
    http::ApiError,
};
use uuid::Uuid;

/// A fresh secret: its text for the one answer that shows it, its hash for the row. No `Debug`: it would show the text.
pub(crate) struct Credential {
    pub(crate) text: String,
    pub(crate) hash: String,
}

/// Mints a secret for the key `id`.
///
/// Never within a transaction: the hash takes a tenth of a second or more, and would hold the connection that long.
///
/// # Errors
/// The secret could not be hashed.
pub(crate) async fn mint(ctx: &AppContext, environment: Environment, id: Uuid) -> Result<Credential, ApiError> {
    let minted = auth::ApiKey::mint(environment, id, &ctx.random);
    let hash = ctx
        .verifier
        .hash(&minted.secret)
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Credential {
        text: minted.text.expose_secret().to_owned(),
        hash,
    })
}
