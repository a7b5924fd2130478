//! Seeded tenants and their keys.

use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::TestStack;
use crate::auth::{ApiKey, Environment};

/// A tenant with the cast of every story.
#[derive(Debug, Clone)]
pub struct TestTenant {
    /// The tenant.
    pub id: Uuid,
    /// An admin.
    pub admin: TestKey,
    /// An approver in the group `ops`.
    pub approver: TestKey,
    /// A second approver, in the group `finance`.
    pub second_approver: TestKey,
    /// An auditor.
    pub auditor: TestKey,
    /// An agent, in the environment `dev`.
    pub agent: TestKey,
}

/// A key in clear, with what a test wants to know about it.
#[derive(Debug, Clone)]
pub struct TestKey {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The row.
    pub id: Uuid,
    /// The person, unless it is an agent's.
    pub user_id: Option<Uuid>,
    /// What a client presents.
    pub text: String,
    /// `user:<id>` or `agent:<caller_id>`.
    pub principal: String,
}

impl TestTenant {
    pub(super) async fn create(stack: &TestStack, caller_id: &str) -> Self {
        let id = stack.ctx.ids.next();
        sqlx::query(
            "INSERT INTO tenants (id, name, slug, created_at, updated_at) VALUES ($1, 'Test', $2, now(), now())",
        )
        .bind(id)
        .bind(id.to_string())
        .execute(&stack.owner_pool())
        .await
        .expect("the tenant is stored");
        Self {
            id,
            admin: TestKey::of_user(stack, id, "admin", &[]).await,
            approver: TestKey::of_user(stack, id, "approver", &["ops"]).await,
            second_approver: TestKey::of_user(stack, id, "approver", &["finance"]).await,
            auditor: TestKey::of_user(stack, id, "auditor", &[]).await,
            agent: TestKey::of_agent(stack, id, caller_id, None).await,
        }
    }

    /// Every key, with the name of its role.
    #[must_use]
    pub fn keys(&self) -> [(&'static str, &TestKey); 4] {
        [
            ("admin", &self.admin),
            ("approver", &self.approver),
            ("auditor", &self.auditor),
            ("agent", &self.agent),
        ]
    }
}

impl TestKey {
    /// A fresh user with a key.
    pub async fn of_user(stack: &TestStack, tenant_id: Uuid, role: &str, groups: &[&str]) -> Self {
        let user_id = stack.ctx.ids.next();
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        sqlx::query(
            "INSERT INTO users (tenant_id, id, email, name, role, groups, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, now(), now())",
        )
        .bind(tenant_id)
        .bind(user_id)
        .bind(format!("{user_id}@example.com"))
        .bind(format!("Test {role}"))
        .bind(role)
        .bind(groups)
        .execute(&stack.owner_pool())
        .await
        .expect("the user is stored");
        Self::insert(stack, tenant_id, role, None, Some(user_id), None, "operator").await
    }

    /// A key of an agent, with the person who answers for it.
    pub async fn of_agent(stack: &TestStack, tenant_id: Uuid, caller_id: &str, owner: Option<Uuid>) -> Self {
        Self::insert(stack, tenant_id, "agent", Some(caller_id), None, owner, "operator").await
    }

    /// Another key of the same user, minted by the named principal.
    pub async fn another(&self, stack: &TestStack, role: &str, minted_by: &str) -> Self {
        Self::insert(stack, self.tenant_id, role, None, self.user_id, None, minted_by).await
    }

    async fn insert(
        stack: &TestStack,
        tenant_id: Uuid,
        role: &str,
        caller_id: Option<&str>,
        user_id: Option<Uuid>,
        owner_user_id: Option<Uuid>,
        minted_by: &str,
    ) -> Self {
        let id = stack.ctx.ids.next();
        let minted = ApiKey::mint(Environment::Dev, id, &stack.ctx.random);
        let hash = stack.ctx.verifier.hash(&minted.secret).await.expect("hashed");
        sqlx::query(
            "INSERT INTO api_keys (tenant_id, id, caller_id, user_id, owner_user_id, key_hash, minted_by, role, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())",
        )
        .bind(tenant_id)
        .bind(id)
        .bind(caller_id)
        .bind(user_id)
        .bind(owner_user_id)
        .bind(hash)
        .bind(minted_by)
        .bind(role)
        .execute(&stack.owner_pool())
        .await
        .expect("the key is stored");
        let principal = match (caller_id, user_id) {
            (Some(caller_id), _) => format!("agent:{caller_id}"),
            (None, Some(user_id)) => format!("user:{user_id}"),
            (None, None) => unreachable!("a key has a caller or a user"),
        };
        Self {
            tenant_id,
            id,
            user_id,
            text: minted.text.expose_secret().to_owned(),
            principal,
        }
    }
}
