//! A Lambda environment is frozen as soon as its answer is out: whatever still has to run then runs much later.

use std::{thread, time::Duration};

use axum::{extract::State, routing::get};
use shared::{
    context::AppContext,
    data::TenantScope,
    http::{ApiError, Caller, app, roles},
    testing::{ProxiedStack, ProxyMode, TestTenant},
};
use sqlx::Connection as _;
use utoipa_axum::router::OpenApiRouter;

/// Locks the caller's tenant and fails, which leaves the transaction to be rolled back by whoever drops it.
async fn lock_and_fail(State(ctx): State<AppContext>, caller: Caller<{ roles::ANY }>) -> Result<(), ApiError> {
    let mut tx = ctx.db.begin(caller.scope()).await?;
    sqlx::query("SELECT FROM users FOR UPDATE").execute(&mut *tx).await?;
    Err(ApiError::conflict("as told"))
}

/// Whether anything holds a lock on the tenant's people, found out while this thread, and with it every task of the
/// environment, stands still.
fn is_locked_while_frozen(database_url: String, tenant: &TestTenant) -> bool {
    let tenant_id = tenant.id;
    let looking = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut owner = sqlx::PgConnection::connect(&database_url)
                .await
                .expect("Postgres answers");
            sqlx::query("SELECT FROM users WHERE tenant_id = $1 FOR UPDATE NOWAIT")
                .bind(tenant_id)
                .execute(&mut owner)
                .await
                .is_err_and(|error| {
                    error
                        .as_database_error()
                        .is_some_and(|error| error.code().as_deref() == Some("55P03"))
                })
        })
    });
    looking.join().expect("looked")
}

async fn environment() -> (ProxiedStack, TestTenant, String) {
    let proxied = ProxiedStack::with(&[("DATABASE_MAX_CONNECTIONS", "1")]).await;
    let tenant = proxied.stack.tenant().await;
    let url = std::env::var("TEST_DATABASE_URL").expect("set");
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    let owners_url = format!("{server}/{}", proxied.stack.database.name());
    (proxied, tenant, owners_url)
}

#[tokio::test]
async fn no_lock_is_held_once_the_answer_is_out() {
    let (proxied, tenant, owners_url) = environment().await;
    let routes = OpenApiRouter::new().route("/lock", get(lock_and_fail));
    let client = proxied.stack.client(app(proxied.stack.ctx.clone(), routes).0);
    client.get(&tenant.agent, "/lock").await.expect_error(409, "CONFLICT");
    assert!(!is_locked_while_frozen(owners_url.clone(), &tenant));
    // A rollback that takes a while is waited for too.
    proxied.postgres.set(ProxyMode::Delay(Duration::from_millis(20)));
    client.get(&tenant.agent, "/lock").await.expect_error(409, "CONFLICT");
    assert!(!is_locked_while_frozen(owners_url, &tenant));
}

#[tokio::test]
async fn without_settling_the_lock_would_be_held() {
    let (proxied, tenant, owners_url) = environment().await;
    let scope = TenantScope {
        tenant_id: tenant.id,
        user_id: None,
    };
    let mut tx = proxied.stack.ctx.db.begin(scope).await.expect("begun");
    sqlx::query("SELECT FROM users FOR UPDATE")
        .execute(&mut *tx)
        .await
        .expect("locked");
    drop(tx);
    assert!(
        is_locked_while_frozen(owners_url.clone(), &tenant),
        "nothing ran that could have rolled back"
    );
    proxied.stack.ctx.db.settle().await;
    assert!(!is_locked_while_frozen(owners_url, &tenant));
}

#[tokio::test]
async fn settling_does_not_wait_for_a_server_that_is_gone() {
    let (proxied, tenant, _) = environment().await;
    let scope = TenantScope {
        tenant_id: tenant.id,
        user_id: None,
    };
    let tx = proxied.stack.ctx.db.begin(scope).await.expect("begun");
    proxied.postgres.set(ProxyMode::BlackHole);
    drop(tx);
    let settled = tokio::time::timeout(Duration::from_secs(20), proxied.stack.ctx.db.settle()).await;
    assert_eq!(settled, Ok(()));
}

#[tokio::test]
async fn what_was_cut_while_frozen_is_not_noticed_by_the_next_request() {
    let (proxied, tenant, _) = environment().await;
    let routes = OpenApiRouter::new().route("/fine", get(async |_: Caller<{ roles::ANY }>| "fine"));
    let client = proxied.stack.client(app(proxied.stack.ctx.clone(), routes).0);
    for thawed in 1..=3 {
        assert_eq!(client.get(&tenant.agent, "/fine").await.status, 200);
        assert_eq!(proxied.postgres.traffic().accepted, thawed);
        proxied.postgres.cut();
        proxied.redis.cut();
    }
}
