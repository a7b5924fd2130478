//! A test that leaves a credential in its database fails, wherever in there it stands.

#![cfg(feature = "testing")]

use std::panic;

use shared::testing::TestDatabase;

/// Runs the statements in a database of their own, and drops it; what the drop has to say, if anything.
async fn leave(statements: &'static str) -> Option<String> {
    let database = TestDatabase::create().await;
    let pool = database.superuser();
    sqlx::raw_sql(statements).execute(&pool).await.expect("they run");
    let dropped = panic::catch_unwind(panic::AssertUnwindSafe(|| drop(database)));
    dropped
        .err()
        .map(|said| said.downcast::<String>().map_or_else(|_| "?".to_owned(), |said| *said))
}

#[tokio::test]
async fn a_credential_is_found_in_every_kind_of_column() {
    // Put together by the database, so that no scanner of repositories takes them for real ones.
    for (kind, value) in [
        (
            "text",
            "'the key is cs_dev_' || repeat('0', 22) || '_' || repeat('a', 33)",
        ),
        (
            "json",
            "json_build_object('a', 'cs_production_' || repeat('0', 22) || '_' || repeat('a', 33))",
        ),
        ("jsonb", "jsonb_build_object('cst_' || repeat('-', 43), 1)"),
        (
            "bytea",
            r"'\x00ff5c' || convert_to('whsec_' || repeat('A', 32), 'UTF8')",
        ),
        ("text[]", "ARRAY['a', 'b cst_' || repeat('_', 43)]"),
        ("text", "'https://host/decide/x#csl_' || repeat('-', 64)"),
        ("text", "'operator-credential' || '-of-the-tests'"),
        ("bytea", "convert_to('countersign' || '-tests', 'UTF8')"),
    ] {
        let statements =
            format!("CREATE TABLE planted (number int, value {kind}); INSERT INTO planted VALUES (7, {value})");
        let said = leave(statements.leak())
            .await
            .unwrap_or_else(|| panic!("{kind}: {value} was not found"));
        assert!(said.contains("public.planted: ") && said.contains("***"), "{said}");
        for secret in [
            "000000",
            "aaaa",
            "----",
            "____",
            "AAAA",
            "operator-credential",
            "countersign-tests",
            "636f756e74",
        ] {
            assert!(!said.contains(secret), "{kind}: the message shows it: {said}");
        }
    }
}

#[tokio::test]
async fn what_is_no_credential_is_left_alone() {
    let said = leave(
        "CREATE TABLE planted (value text, bytes bytea);
         INSERT INTO planted VALUES ('cst_short csl_short', 'cs_dev_1_2'), ('docs_dev_' || repeat('0', 22) || '_' || repeat('a', 33), NULL)",
    )
    .await;
    assert_eq!(said, None);
}
