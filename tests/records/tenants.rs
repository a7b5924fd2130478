//! Tenants, people, settings, keys and tasks, and what each step of their stories leaves.

use chrono::TimeDelta;
use serde_json::json;
use shared::testing::{TestKey, TestTenant};

use crate::journal::{Journal, Leaves, Who};

/// One audit event of this action about what the path or the answer names, and nothing in the outbox.
fn only(action: &str) -> Leaves<'_> {
    Leaves {
        action,
        events: &[],
        object: None,
    }
}

pub(crate) async fn of_the_operator(journal: &mut Journal) {
    let operator = Who::Operator;
    let acme = Some(json!({ "name": "Acme", "slug": "acme" }));
    let made = journal
        .leaves(
            ("create_tenant", operator, "", 201),
            acme.clone(),
            only("tenant.created"),
        )
        .await;
    let id = made["id"].as_str().expect("an id");
    journal.leaves_nothing(("create_tenant", operator, "", 409), acme).await;
    // The slug of the name is taken, so that a second attempt with another makes it.
    let unnamed = Some(json!({ "name": "Acme" }));
    let other = journal
        .leaves(("create_tenant", operator, "", 201), unnamed, only("tenant.created"))
        .await;
    let taken = Some(json!({ "slug": other["slug"] }));
    journal
        .leaves_nothing(("update_tenant", operator, id, 409), taken)
        .await;

    for (patch, action) in [
        (json!({ "name": "Acme Ltd", "plan": "annual" }), "tenant.updated"),
        (json!({ "status": "SUSPENDED" }), "tenant.suspended"),
        (json!({ "status": "ACTIVE", "name": "Acme Inc" }), "tenant.resumed"),
    ] {
        journal
            .leaves(("update_tenant", operator, id, 200), Some(patch.clone()), only(action))
            .await;
        journal
            .leaves_nothing(("update_tenant", operator, id, 200), Some(patch))
            .await;
    }
    let admin = Some(json!({ "email": "ada@acme.example", "name": "Ada" }));
    let bootstrap = Leaves {
        object: Some(id),
        ..only("tenant.bootstrapped")
    };
    journal
        .leaves(("bootstrap_tenant", operator, id, 201), admin.clone(), bootstrap)
        .await;
    journal
        .leaves_nothing(("bootstrap_tenant", operator, id, 409), admin.clone())
        .await;
    journal
        .leaves(("suspend_tenant", operator, id, 204), None, only("tenant.suspended"))
        .await;
    journal
        .leaves_nothing(("suspend_tenant", operator, id, 204), None)
        .await;
    journal
        .leaves_nothing(("bootstrap_tenant", operator, id, 409), admin)
        .await;

    let tenant = journal.stack.tenant().await;
    let (own, admin) = (tenant.id.to_string(), Who::Key(&tenant.admin));
    let renamed = Some(json!({ "name": "Renamed by its admin" }));
    journal
        .leaves(
            ("update_tenant", admin, &own, 200),
            renamed.clone(),
            only("tenant.updated"),
        )
        .await;
    journal
        .leaves_nothing(("update_tenant", admin, &own, 200), renamed.clone())
        .await;
    let plan = Some(json!({ "plan": "annual" }));
    journal.leaves_nothing(("update_tenant", admin, &own, 403), plan).await;
    journal.leaves_nothing(("update_tenant", admin, id, 403), renamed).await;
}

pub(crate) async fn of_people_and_keys(journal: &mut Journal) {
    let tenant = journal.stack.tenant().await;
    let admin = Who::Key(&tenant.admin);
    people(journal, &tenant.admin).await;
    keys(journal, &tenant.admin).await;

    for key in [&tenant.admin, &tenant.approver, &tenant.auditor] {
        let person = key.user_id.expect("a person").to_string();
        let own = Leaves {
            object: Some(&person),
            ..only("settings.updated")
        };
        let zone = Some(json!({ "time_zone": "Europe/Berlin" }));
        journal
            .leaves(("update_settings", Who::Key(key), "", 200), zone.clone(), own)
            .await;
        journal
            .leaves_nothing(("update_settings", Who::Key(key), "", 200), zone)
            .await;
        let nowhere = Some(json!({ "time_zone": "Europe/Nowhere" }));
        journal
            .leaves_nothing(("update_settings", Who::Key(key), "", 400), nowhere)
            .await;
    }
    delegations(journal, &tenant).await;
    let queued = Leaves {
        events: &["tasks.ping"],
        ..only("task.queued")
    };
    journal
        .leaves(("ping_task", admin, "", 202), Some(json!({})), queued)
        .await;
}

async fn people(journal: &mut Journal, admin: &TestKey) {
    let (admin, own) = (Who::Key(admin), admin.user_id.expect("a person").to_string());
    let grace = Some(json!({ "email": "grace@example.com", "name": "Grace", "role": "approver", "groups": ["ops"] }));
    let made = journal
        .leaves(("create_user", admin, "", 201), grace.clone(), only("user.created"))
        .await;
    journal.leaves_nothing(("create_user", admin, "", 409), grace).await;
    let id = made["id"].as_str().expect("an id");
    for (patch, action) in [
        (
            json!({ "name": "Grace H.", "groups": ["finance"], "role": "auditor" }),
            "user.updated",
        ),
        (json!({ "status": "DEACTIVATED", "name": "Grace" }), "user.deactivated"),
        (json!({ "status": "ACTIVE" }), "user.reactivated"),
    ] {
        journal
            .leaves(("update_user", admin, id, 200), Some(patch.clone()), only(action))
            .await;
        journal
            .leaves_nothing(("update_user", admin, id, 200), Some(patch))
            .await;
    }
    journal
        .leaves(("deactivate_user", admin, id, 204), None, only("user.deactivated"))
        .await;
    journal.leaves_nothing(("deactivate_user", admin, id, 204), None).await;
    // The only admin stays one.
    journal
        .leaves_nothing(("deactivate_user", admin, &own, 409), None)
        .await;
    let demotion = Some(json!({ "role": "auditor" }));
    journal
        .leaves_nothing(("update_user", admin, &own, 409), demotion)
        .await;
}

async fn delegations(journal: &mut Journal, tenant: &TestTenant) {
    let person = tenant.approver.user_id.expect("a person").to_string();
    let approver = Who::Key(&tenant.approver);
    let now = journal.stack.ctx.clock.now();
    let to = |delegate: &TestKey| {
        Some(json!({
            "delegate_to": delegate.user_id, "from": now, "until": now + TimeDelta::hours(1),
        }))
    };
    for delegate in [&tenant.second_approver, &tenant.admin] {
        let own = Leaves {
            object: Some(&person),
            ..only("delegation.set")
        };
        let body = to(delegate);
        journal
            .leaves(("set_delegation", approver, "", 200), body.clone(), own)
            .await;
        journal
            .leaves_nothing(("set_delegation", approver, "", 200), body)
            .await;
    }
    for delegate in [&tenant.approver, &tenant.auditor] {
        journal
            .leaves_nothing(("set_delegation", approver, "", 400), to(delegate))
            .await;
    }
    let own = Leaves {
        object: Some(&person),
        ..only("delegation.ended")
    };
    journal.leaves(("end_delegation", approver, "", 204), None, own).await;
    journal
        .leaves_nothing(("end_delegation", approver, "", 204), None)
        .await;
}

async fn keys(journal: &mut Journal, admin: &TestKey) {
    let admin = Who::Key(admin);
    let bot = Some(json!({ "role": "agent", "caller_id": "bot" }));
    let made = journal
        .leaves(("create_api_key", admin, "", 201), bot.clone(), only("api_key.created"))
        .await;
    journal.leaves_nothing(("create_api_key", admin, "", 409), bot).await;
    let id = made["id"].as_str().expect("an id");
    // Each rotation makes another secret, also with the same overlap.
    for overlap in [0, 60, 60] {
        let rotation = Some(json!({ "overlap_seconds": overlap }));
        journal
            .leaves(("rotate_api_key", admin, id, 200), rotation, only("api_key.rotated"))
            .await;
    }
    let revoked = Leaves {
        events: &["api_key.revoked"],
        ..only("api_key.revoked")
    };
    journal.leaves(("revoke_api_key", admin, id, 204), None, revoked).await;
    journal.leaves_nothing(("revoke_api_key", admin, id, 204), None).await;
    journal
        .leaves_nothing(("rotate_api_key", admin, id, 409), Some(json!({})))
        .await;
}
