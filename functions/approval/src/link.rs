//! The secret of a decision link: one person's capability to decide once on one request. Pure.
//!
//! It carries its tenant, so that looking for it crosses no tenants: whoever makes one up reaches at most the tenant that
//! they name, and nothing in it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

const PREFIX: &str = "csl_";
/// The tenant's id and 32 random bytes.
const BYTES: usize = 16 + 32;

/// `csl_`, then the tenant's 16 bytes and 32 random ones in base64url (RFC 4648 §5). Never logged. As it is presented, it may
/// be anything; [`LinkSecret::parse`] says whether it is one.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(from = "String")]
#[schema(value_type = String, example = "csl_…")]
pub(crate) struct LinkSecret(SecretString);

/// What a secret says of itself, and what of it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) tenant_id: Uuid,
    /// SHA-256 of the whole secret.
    pub(crate) digest: [u8; 32],
}

impl LinkSecret {
    /// The secret of these random bytes in this tenant.
    pub(crate) fn new(tenant_id: Uuid, random: [u8; 32]) -> Self {
        let bytes = [tenant_id.as_bytes().as_slice(), &random].concat();
        Self(SecretString::from(format!(
            "{PREFIX}{}",
            BASE64_URL_SAFE_NO_PAD.encode(bytes)
        )))
    }

    /// What is stored of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }

    /// What it says; `None` when it has not the form of one.
    pub(crate) fn parse(&self) -> Option<Presented> {
        let encoded = self.0.expose_secret().strip_prefix(PREFIX)?;
        let bytes: [u8; BYTES] = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?.try_into().ok()?;
        let (tenant_id, _) = bytes.split_first_chunk::<16>()?;
        Some(Presented {
            tenant_id: Uuid::from_bytes(*tenant_id),
            digest: self.digest(),
        })
    }

    /// The link to this request at the deployment that is reached at `public_url`. The secret stands in the fragment, which
    /// no browser sends to a server and no server logs.
    pub(crate) fn url(&self, public_url: &str, approval_id: Uuid) -> SecretString {
        SecretString::from(format!("{public_url}/decide/{approval_id}#{}", self.0.expose_secret()))
    }
}

impl From<String> for LinkSecret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn presented(text: &str) -> Option<Presented> {
        LinkSecret::from(text.to_owned()).parse()
    }

    #[test]
    fn a_secret_is_url_safe_names_its_tenant_and_shows_nothing() {
        let tenant_id = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001);
        let secret = LinkSecret::new(tenant_id, [0xff; 32]);
        let text = secret.0.expose_secret();
        assert_eq!(text.len(), 4 + 64);
        assert!(
            text[4..]
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        );
        assert_eq!(format!("{secret:?}"), "***");
        let parsed = secret.parse().expect("one of ours");
        assert_eq!((parsed.tenant_id, parsed.digest), (tenant_id, secret.digest()));
        assert_ne!(parsed.digest, LinkSecret::new(tenant_id, [0xfe; 32]).digest());
        let url = secret.url("https://countersign.example.com", Uuid::nil());
        assert_eq!(
            url.expose_secret(),
            &format!("https://countersign.example.com/decide/00000000-0000-0000-0000-000000000000#{text}")
        );
    }

    #[test]
    fn what_has_another_form_is_none() {
        let secret = LinkSecret::new(Uuid::nil(), [7; 32]);
        let text = secret.0.expose_secret();
        for wrong in [
            "",
            "csl_",
            &text[4..],
            &text.replace("csl_", "cst_"),
            &text.to_uppercase(),
            &format!("{text}="),
            &format!("{text}A"),
            &format!(" {text}"),
            &text[..text.len() - 1],
            &text[..text.len() - 4],
            &text.replace('A', "+"),
        ] {
            assert_eq!(presented(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_presented_makes_parsing_panic(text in "(csl_)?\\PC{0,80}") {
            let _ = presented(&text);
        }

        #[test]
        fn every_secret_of_ours_is_read_as_it_was_made(tenant: u128, random: [u8; 32]) {
            let secret = LinkSecret::new(Uuid::from_u128(tenant), random);
            prop_assert_eq!(secret.parse().map(|parsed| parsed.tenant_id), Some(Uuid::from_u128(tenant)));
        }
    }
}
