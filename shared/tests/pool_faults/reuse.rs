//! What a connection costs that is let go of and taken again.

use shared::{data::TenantScope, testing::ProxiedStack};

use crate::{begin, bounded, pool_of_one, rename};

/// The bytes that reached the server so far.
fn sent(proxied: &ProxiedStack) -> u64 {
    proxied.postgres.traffic().to_server
}

#[tokio::test]
async fn letting_go_of_a_sound_connection_says_nothing_to_the_server() {
    let (proxied, tenant) = pool_of_one().await;
    let db = &proxied.stack.ctx.db;
    for _ in 0..3 {
        let mut tx = begin(&proxied, &tenant).await.expect("begun");
        rename(&mut tx, "once").await.expect("renamed");
        tx.commit().await.expect("committed");
        let after_commit = sent(&proxied);
        db.settle().await;
        assert_eq!(sent(&proxied), after_commit);
        let _: i32 = sqlx::query_scalar("SELECT 1")
            .fetch_one(db.without_tenant())
            .await
            .expect("read");
        let after_read = sent(&proxied);
        db.settle().await;
        assert_eq!(sent(&proxied), after_read);
    }
    assert_eq!(proxied.postgres.traffic().accepted, 1, "one connection all along");
}

#[tokio::test]
async fn what_is_dropped_in_the_middle_is_rolled_back_before_it_is_taken_again() {
    let (proxied, tenant) = pool_of_one().await;
    let db = &proxied.stack.ctx.db;
    let mut tx = begin(&proxied, &tenant).await.expect("begun");
    rename(&mut tx, "dropped").await.expect("renamed");
    let before = sent(&proxied);
    drop(tx);
    db.settle().await;
    assert!(sent(&proxied) > before, "the rollback was sent");
    let is_in_transaction: bool = sqlx::query_scalar("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
        .fetch_one(db.without_tenant())
        .await
        .expect("read");
    assert!(!is_in_transaction);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_served_by_what_others_let_go_of() {
    let (proxied, tenant) = pool_of_one().await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (db, scope) = (proxied.stack.ctx.db.clone(), TenantScope::of(tenant.id));
            tokio::spawn(async move {
                for round in 0..20 {
                    let tx = db.begin(scope).await.expect("begun");
                    // Every third one is left to be rolled back.
                    if round % 3 > 0 {
                        tx.commit().await.expect("committed");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        bounded(task).await.expect("nobody waited in vain");
    }
    assert_eq!(proxied.postgres.traffic().accepted, 1);
}
