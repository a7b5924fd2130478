//! Settings and secrets.

use shared::testing::TestDatabase;

use crate::{
    examined::{complaints, environment, with},
    support::run,
};

#[tokio::test]
async fn all_mistakes_of_settings_and_secrets_are_told_at_once() {
    let database = TestDatabase::create().await;
    let found = complaints(
        &with(
            environment(&database),
            &[
                ("DATABASE_MAX_CONNECTIONS", "none"),
                ("OUTBOX_BATCH", "0"),
                ("ADMIN_API_KEY", "short"),
                ("SWEEPER_DATABASE_URL", ""),
                ("REDIS_URL", ""),
            ],
        ),
        1,
    );
    let beginnings = [
        "failed settings DATABASE_MAX_CONNECTIONS: expected a whole number from 1 to 100 -> ",
        "failed settings OUTBOX_BATCH: expected a whole number",
        "failed secrets the secret `countersign/database` has no field `sweeper_url`",
        "failed secrets the secret `countersign/redis` has no field `url`",
        "failed secrets the operator's credential",
        "warning sweeper not looked at, because its URL is not there",
        "warning redis not looked at, because its URL is not there",
    ];
    assert_eq!(found.len(), beginnings.len(), "{found:#?}");
    for (told, beginning) in found.iter().zip(beginnings) {
        assert!(told.starts_with(beginning), "{told}");
    }
    // Nothing else can be believed where it is not known where the secrets are.
    let found = run(
        &with(environment(&database), &[("SECRETS_SOURCE", "drawer")]),
        &["doctor"],
    )
    .expect(1)
    .stdout;
    let blind: Vec<_> = found.lines().filter(|line| !line.starts_with("         -> ")).collect();
    let [settings, secrets, "", "0 ok, 1 warning, 1 failed"] = blind[..] else {
        panic!("{blind:#?}")
    };
    assert!(
        settings.starts_with("failed   settings     SECRETS_SOURCE: expected `env` or `aws`"),
        "{settings}"
    );
    assert!(
        secrets.starts_with("warning  secrets      not looked at, because "),
        "{secrets}"
    );
}
