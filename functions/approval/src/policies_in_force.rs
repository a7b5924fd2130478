//! The policies that decide now, compiled: from this process's memory where that has the version, else from Postgres.

use shared::{data::TenantTx, http::ApiError};

use crate::{
    approval::PolicyRef,
    policy::{CompiledSets, InForce, compile},
    store,
};

/// The tenant's policies in force.
///
/// Which version that is, is read every time: a text that was replaced decides nothing any more, whichever process
/// replaced it.
///
/// # Errors
/// `UNAVAILABLE`.
pub(crate) async fn find(tx: &mut TenantTx, sets: &CompiledSets) -> Result<(PolicyRef, InForce), ApiError> {
    let tenant_id = tx.tenant_id();
    let (id, version) = store::current_policy_version(tx).await?.ok_or_else(no_policies)?;
    let policy = PolicyRef {
        id: id.to_string(),
        version,
    };
    if let Some(policies) = sets.find(tenant_id, version) {
        return Ok((policy, policies));
    }
    let stored = store::find_policies(tx, version).await?.ok_or_else(no_policies)?;
    Ok((policy, sets.keep(tenant_id, version, compile(&stored.cedar))))
}

/// Every tenant is made with policies.
pub(crate) fn no_policies() -> ApiError {
    ApiError::internal("the tenant has no policies")
}
