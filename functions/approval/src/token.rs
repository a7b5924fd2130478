//! The requester's token: a capability to read one request, shown once. Pure.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

const PREFIX: &str = "cst_";

/// `cst_` and 32 random bytes in base64url (RFC 4648 §5). Never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = String, example = "cst_…")]
pub(crate) struct ApprovalToken(String);

impl ApprovalToken {
    /// The token of these random bytes.
    pub(crate) fn new(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random)))
    }

    /// What is stored of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

impl fmt::Debug for ApprovalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_url_safe_and_its_debug_output_shows_nothing() {
        let token = ApprovalToken::new([0xff; 32]);
        assert_eq!(
            serde_json::to_value(&token).expect("text"),
            format!("cst_{}8", "_".repeat(42))
        );
        assert_eq!(format!("{token:?}"), "***");
        assert_ne!(token.digest(), ApprovalToken::new([0xfe; 32]).digest());
    }
}
