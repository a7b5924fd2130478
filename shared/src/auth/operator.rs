//! The platform's own credential, which makes tenants and their first admins.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How the operator is written as a principal; no user and no agent can be written so.
pub const OPERATOR: &str = "operator";

/// The operator's credential, kept only as its SHA-256.
#[derive(Clone)]
pub struct OperatorCredential([u8; 32]);

/// The credential in the secret store is too short to be one.
#[derive(Debug, thiserror::Error)]
#[error("the operator's credential (countersign/admin api_key, ADMIN_API_KEY) must have at least 24 characters")]
pub struct WeakCredential;

impl OperatorCredential {
    /// Takes the credential from the secret store.
    ///
    /// # Errors
    /// Shorter than 24 characters: an empty or guessable one would open every tenant.
    pub fn new(credential: &SecretString) -> Result<Self, WeakCredential> {
        if credential.expose_secret().chars().count() < 24 {
            return Err(WeakCredential);
        }
        Ok(Self(Sha256::digest(credential.expose_secret()).into()))
    }

    /// Whether this is it, in constant time. Hashing both sides first hides even the length.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_credential_itself_matches() {
        let operator = OperatorCredential::new(&"0123456789abcdef0123456789abcdef".into()).expect("long enough");
        assert!(operator.matches("0123456789abcdef0123456789abcdef"));
        assert!(!operator.matches("0123456789abcdef0123456789abcdeF"));
        assert!(!operator.matches(""));
    }

    #[test]
    fn a_short_credential_is_refused() {
        assert!(OperatorCredential::new(&"".into()).is_err());
        assert!(OperatorCredential::new(&"12345678901234567890123".into()).is_err());
    }
}
