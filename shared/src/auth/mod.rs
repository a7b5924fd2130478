//! Who is asking: API keys and the operator's credential.
//!
//! The form of a key, the check of its secret, and the principal it stands for. What a principal may do on a given object
//! is the business of the function that owns the object.

mod authenticate;
mod key;
mod operator;
mod principal;
mod verifier;
mod wrong_secrets;

pub use authenticate::{authenticate, find_principal};
pub(crate) use authenticate::{bearer, tenant_header};
pub use key::{ApiKey, MalformedKey, MintedKey};
pub use operator::{OPERATOR, OperatorCredential};
pub use principal::{Environment, Principal, Role, Subject, UnknownName};
pub use verifier::{HashError, Verifier};
pub use wrong_secrets::TooManyWrongSecrets;
