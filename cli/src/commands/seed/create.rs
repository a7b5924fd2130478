//! Makes one tenant with its people and keys, all in one transaction.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use shared::{
    auth::{ApiKey, Environment},
    context::AppContext,
    data::TenantScope,
    journal::audit_log::{self, NewAuditEvent},
};
use uuid::Uuid;

use super::{
    Seeded,
    cast::{AGENT, PEOPLE, Person, TenantPlan},
    store::{self, Holder, NewKey, NewUser},
    variable,
};
use crate::exit::Failure;

/// Whom the audit names: there is no user yet who could have done it.
const OPERATOR: &str = "operator";
const ENVIRONMENT: Environment = Environment::Dev;

/// A key that is hashed and not yet stored, and the text that will be shown.
struct Minted {
    id: Uuid,
    hash: String,
    text: SecretString,
}

/// Makes the tenant and returns its keys in clear.
pub(super) async fn tenant(ctx: &AppContext, plan: TenantPlan) -> Result<Seeded, Failure> {
    let id = ctx.ids.next();
    // All hashing first: it takes a tenth of a second each, which no transaction should last.
    let mut minted = Vec::new();
    for _ in 0..=PEOPLE.len() {
        minted.push(mint(ctx).await?);
    }
    let agent = minted.remove(0);

    let mut tx = ctx
        .db
        .begin(TenantScope {
            tenant_id: id,
            user_id: None,
        })
        .await?;
    let at = ctx.clock.now();
    let mut keys = vec![(variable(plan.slug, "TENANT"), id.to_string())];
    let mut events = Vec::new();

    store::insert_tenant(&mut tx, id, plan.name, plan.slug, at).await?;
    events.push(event(
        ctx,
        "tenant.created",
        id,
        &json!({"name": plan.name, "slug": plan.slug, "plan": "free"}),
    ));
    for (person, key) in PEOPLE.iter().zip(minted) {
        let user = new_user(ctx, &plan, person);
        store::insert_user(&mut tx, id, &user, at).await?;
        events.push(event(
            ctx,
            "user.created",
            user.id,
            &json!({"email": user.email, "name": user.name, "role": user.role, "groups": user.groups}),
        ));
        store::insert_key(&mut tx, id, &new_key(&key, person.role, Holder::User(user.id)), at).await?;
        events.push(event(
            ctx,
            "api_key.created",
            key.id,
            &json!({"role": person.role, "user_id": user.id, "environment": ENVIRONMENT}),
        ));
        keys.push((
            variable(plan.slug, person.variable),
            key.text.expose_secret().to_owned(),
        ));
    }
    let (agent_variable, caller_id) = AGENT;
    store::insert_key(&mut tx, id, &new_key(&agent, "agent", Holder::Agent(caller_id)), at).await?;
    events.push(event(
        ctx,
        "api_key.created",
        agent.id,
        &json!({"role": "agent", "caller_id": caller_id, "environment": ENVIRONMENT}),
    ));
    keys.push((
        variable(plan.slug, agent_variable),
        agent.text.expose_secret().to_owned(),
    ));

    audit_log::append(&mut tx, ctx, id, &events)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    tx.commit().await?;
    Ok(Seeded {
        slug: plan.slug,
        id,
        keys: Some(keys),
    })
}

async fn mint(ctx: &AppContext) -> Result<Minted, Failure> {
    let id = ctx.ids.next();
    let minted = ApiKey::mint(ENVIRONMENT, id, &ctx.random);
    let hash = ctx
        .verifier
        .hash(&minted.secret)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    Ok(Minted {
        id,
        hash,
        text: minted.text,
    })
}

fn new_user(ctx: &AppContext, plan: &TenantPlan, person: &Person) -> NewUser {
    NewUser {
        id: ctx.ids.next(),
        // A domain nobody can own (RFC 2606 §2), so that no mail ever arrives.
        email: format!("{}@{}.example", person.account, plan.slug),
        name: person.name,
        role: person.role,
        groups: person.groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

fn new_key<'a>(key: &'a Minted, role: &'static str, holder: Holder<'a>) -> NewKey<'a> {
    NewKey {
        id: key.id,
        hash: &key.hash,
        role,
        holder,
        environment: ENVIRONMENT.as_str(),
        minted_by: OPERATOR,
    }
}

fn event(ctx: &AppContext, action: &str, object: Uuid, arguments: &Value) -> NewAuditEvent {
    let arguments: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
    NewAuditEvent::of_product(ctx, OPERATOR, action, object).arguments(arguments)
}
