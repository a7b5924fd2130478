//! Who asks: the tenant header, the credential, the role, in this order and before anything that was sent.

use secrecy::ExposeSecret as _;
use shared::{
    auth::{ApiKey, Environment},
    testing::TestKey,
};
use uuid::Uuid;

use super::{at, operator_routes, request, tenant_routes};
use crate::stage::Stage;

/// A well-formed key that was never stored.
fn unknown_key(stage: &Stage) -> String {
    let minted = ApiKey::mint(Environment::Dev, stage.stack.ctx.ids.next(), &stage.stack.ctx.random);
    minted.text.expose_secret().to_owned()
}

#[tokio::test]
async fn the_tenant_header_comes_first() {
    let stage = Stage::set().await;
    let nothing = stage.stack.ctx.ids.next();
    for route in tenant_routes() {
        request(&stage, &route, nothing)
            .send()
            .await
            .expect_error(400, "MISSING_TENANT_ID");
        let bad = request(&stage, &route, nothing).header("x-tenant-id", "acme");
        bad.send().await.expect_error(400, "INVALID_TENANT_ID");
        let twice = request(&stage, &route, nothing)
            .tenant(stage.tenant.id)
            .tenant(stage.tenant.id);
        twice.send().await.expect_error(400, "INVALID_TENANT_ID");
    }
}

#[tokio::test]
async fn every_credential_that_does_not_hold_is_the_same_401() {
    let stage = Stage::set().await;
    let (tenant, stack) = (&stage.tenant, &stage.stack);
    let other = stack.tenant().await;
    let suspended = stack.tenant().await;
    stage
        .meddle("UPDATE tenants SET status = 'SUSPENDED' WHERE id = $1", suspended.id)
        .await;
    let revoked = tenant.admin.another(stack, "admin", "operator").await;
    stage
        .meddle(
            "UPDATE api_keys SET is_active = false, revoked_at = now() WHERE id = $1",
            revoked.id,
        )
        .await;
    let expired = tenant.admin.another(stack, "admin", "operator").await;
    stage
        .meddle("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired.id)
        .await;
    let gone = TestKey::of_user(stack, tenant.id, "admin", &[]).await;
    stage
        .meddle(
            "UPDATE users SET status = 'DEACTIVATED' WHERE id = $1",
            gone.user_id.expect("a user"),
        )
        .await;
    let unknown = unknown_key(&stage);
    let wrong_secret = format!("{}x", tenant.admin.text);

    let cases: [(&str, Uuid, &str); 8] = [
        ("garbage", tenant.id, "not-a-key"),
        ("unknown", tenant.id, &unknown),
        ("wrong checksum", tenant.id, &wrong_secret),
        ("of another tenant", tenant.id, &other.admin.text),
        ("of a suspended tenant", suspended.id, &suspended.admin.text),
        ("revoked", tenant.id, &revoked.text),
        ("expired", tenant.id, &expired.text),
        ("of a deactivated user", tenant.id, &gone.text),
    ];
    let nothing = stack.ctx.ids.next();
    for route in tenant_routes() {
        let absent = request(&stage, &route, nothing).tenant(tenant.id).send().await;
        absent.expect_error(401, "UNAUTHORIZED");
        assert_eq!(absent.header("www-authenticate"), Some("Bearer"));
        let expected = absent.json()["error"].clone();
        for (case, tenant_id, credential) in cases {
            let answer = request(&stage, &route, nothing)
                .tenant(tenant_id)
                .bearer(credential)
                .send()
                .await;
            answer.expect_error(401, "UNAUTHORIZED");
            assert_eq!(answer.json()["error"], expected, "{case}: {} {}", route.0, route.1);
        }
    }
}

#[tokio::test]
async fn roles_decide_before_the_body_is_read() {
    let stage = Stage::set().await;
    let nothing = stage.stack.ctx.ids.next();
    for route in tenant_routes() {
        for (role, key) in stage.tenant.keys() {
            if !route.3.contains(&role) {
                let refused = stage.client.request(route.0, &at(route.1, nothing)).key(key);
                refused
                    .body("application/json", "{not json")
                    .send()
                    .await
                    .expect_error(403, "FORBIDDEN");
                continue;
            }
            let answer = request(&stage, &route, nothing).key(key).send().await;
            assert!(
                ![401, 403].contains(&answer.status),
                "{role} {} {}: {}",
                route.0,
                route.1,
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn the_operators_routes_know_no_key_but_an_admins_own() {
    let stage = Stage::set().await;
    let (stack, tenant) = (&stage.stack, &stage.tenant);
    let other = stack.tenant().await.id;
    let unknown = unknown_key(&stage);
    for route in operator_routes() {
        request(&stage, &route, other)
            .send()
            .await
            .expect_error(401, "UNAUTHORIZED");
        for credential in ["nobody", &unknown] {
            request(&stage, &route, other)
                .bearer(credential)
                .send()
                .await
                .expect_error(401, "UNAUTHORIZED");
        }
        let basic = request(&stage, &route, other).header("authorization", &format!("Basic {}", stack.operator()));
        basic.send().await.expect_error(401, "UNAUTHORIZED");
        let elsewhere = request(&stage, &route, other).tenant(other).bearer(&tenant.admin.text);
        elsewhere.send().await.expect_error(401, "UNAUTHORIZED");
        for (_, key) in tenant.keys() {
            let without_header = request(&stage, &route, tenant.id).bearer(&key.text);
            without_header.send().await.expect_error(403, "FORBIDDEN");
            let refused = stage.client.request(route.0, &at(route.1, other)).key(key);
            refused
                .body("application/json", "{not json")
                .send()
                .await
                .expect_error(403, "FORBIDDEN");
        }
        for key in [&tenant.approver, &tenant.auditor, &tenant.agent] {
            request(&stage, &route, tenant.id)
                .key(key)
                .send()
                .await
                .expect_error(403, "FORBIDDEN");
        }
    }
    let malformed = stage.client.get(&tenant.admin, "/api/v1/tenants/acme").await;
    malformed.expect_error(403, "FORBIDDEN");
}
