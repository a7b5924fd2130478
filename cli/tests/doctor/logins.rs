//! The logins: who logs in wrongly or elsewhere.

use shared::testing::TestDatabase;
use sqlx::{Connection as _, PgConnection};

use crate::examined::{complaints, environment, only, with};

#[tokio::test]
async fn who_logs_in_wrongly_or_elsewhere_is_told_without_the_password() {
    let (database, other) = (TestDatabase::create().await, TestDatabase::create_empty().await);
    let environment = environment(&database);
    // A role that exists and may not log in, under any authentication method.
    let refused = complaints(
        &with(
            environment.clone(),
            &[("DATABASE_URL", &database.url("countersign_owner"))],
        ),
        1,
    );
    only(
        &refused,
        "failed app Postgres at ",
        "-> put the URL of the role countersign_app into DATABASE_URL",
    );
    let mistyped = database
        .url("countersign_sweeper")
        .replace("countersign-tests", "hunter2");
    // Only where the server asks for one, as that of `make test` does.
    if PgConnection::connect(&mistyped).await.is_err() {
        let refused = complaints(&with(environment.clone(), &[("SWEEPER_DATABASE_URL", &mistyped)]), 1);
        only(
            &refused,
            "failed sweeper Postgres at ",
            "-> as a superuser `ALTER ROLE countersign_sweeper LOGIN PASSWORD '…';`, and put the same password into SWEEPER_DATABASE_URL",
        );
        assert!(!refused[0].contains("hunter2"), "{refused:?}");
    }
    let as_migrator = complaints(
        &with(
            environment.clone(),
            &[("DATABASE_URL", &database.url("countersign_migrator"))],
        ),
        1,
    );
    only(
        &as_migrator,
        "failed app DATABASE_URL logs in as countersign_migrator, whose rights are not those of countersign_app",
        "-> put the URL of the role countersign_app into DATABASE_URL",
    );
    let elsewhere = complaints(
        &with(
            environment.clone(),
            &[("SWEEPER_DATABASE_URL", &other.url("countersign_sweeper"))],
        ),
        1,
    );
    only(
        &elsewhere,
        "failed sweeper SWEEPER_DATABASE_URL leads to another database than ADMIN_DATABASE_URL",
        "into SWEEPER_DATABASE_URL",
    );
    let malformed = complaints(&with(environment, &[("DATABASE_URL", "postgres://u:hunter2@[/x")]), 1);
    only(
        &malformed,
        "failed app DATABASE_URL is not a Postgres URL",
        "@<host>/<database>",
    );
    assert!(!malformed[0].contains("hunter2"), "{malformed:?}");
}
