//! The rules over the catalogue: the product breaks none, each finds what it is there to find, and what it says to do
//! leads back to what stood before.
#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

mod plants;
mod standing;

use std::collections::BTreeSet;

use plants::{Mend, Plant, ROLES};
use shared::{
    data::{
        MIGRATOR,
        catalogue::{Offence, RULES, lint},
    },
    testing::TestDatabase,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use standing::standing;

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test]
async fn the_product_breaks_no_rule_whoever_asks() {
    let database = TestDatabase::create().await;
    for role in ["countersign_migrator", "countersign_app", "countersign_sweeper"] {
        let mut connection = PgConnection::connect(&database.url(role)).await.expect("connects");
        let offences = lint(&mut connection).await.expect("the catalogue answers");
        assert!(offences.is_empty(), "asked as {role}: {offences:#?}");
    }
    println!("{} rules hold", RULES.len());
}

#[tokio::test]
async fn each_rule_finds_what_is_planted_and_its_remedy_leads_back() {
    let database = TestDatabase::create().await;
    let superuser = database.superuser();
    let (mut planted, mut mended) = (0, 0);
    for plant in plants::all() {
        let mut tx = superuser.begin().await.expect("begun");
        let before = standing(&mut tx).await;
        run(&mut tx, ROLES).await;
        run(&mut tx, plant.sql).await;
        let found = of_plant(&lint(&mut tx).await.expect("answers"), plant);
        let [offence] = &found[..] else {
            panic!("{}: {} found {found:#?}", plant.sql, plant.rule)
        };
        if plant.mend == Mend::Runs {
            run(&mut tx, &offence.remedy).await;
            let offences = lint(&mut tx).await.expect("answers");
            let left = of_plant(&offences, plant);
            assert!(left.is_empty(), "{} left {left:#?}", offence.remedy);
            mend_what_else_is_found(&mut tx, &offences).await;
            let after = standing(&mut tx).await;
            let changed: Vec<_> = before.symmetric_difference(&after).collect();
            assert!(
                changed.is_empty(),
                "{}, then {}: {changed:#?}",
                plant.sql,
                offence.remedy
            );
            mended += 1;
        } else {
            let named = plant.object.split([' ', ',']).next().expect("a name");
            assert!(offence.remedy.contains(named), "{}", offence.remedy);
        }
        planted += 1;
        tx.rollback().await.expect("rolled back");
    }
    let shown: BTreeSet<_> = plants::all().map(|plant| plant.rule).collect();
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(shown, rules, "every rule is shown to find something");
    println!("{planted} violations planted and found, {mended} led back by their remedy");
}

/// A plant may break a second rule (a new owner loses the rights it had been given, a policy of another name stands where
/// one is missing), and each is mended by its own remedy.
async fn mend_what_else_is_found(connection: &mut PgConnection, offences: &[Offence]) {
    for offence in offences {
        let on_what_was_planted = ["planted", "elsewhere", "lookup.everybody()"]
            .iter()
            .any(|name| offence.object.contains(name));
        if !on_what_was_planted {
            run(connection, &offence.remedy).await;
        }
    }
}

/// The offences against the planted rule that name the planted object.
fn of_plant(offences: &[Offence], plant: &Plant) -> Vec<Offence> {
    offences
        .iter()
        .filter(|offence| offence.rule == plant.rule && offence.object == plant.object)
        .cloned()
        .collect()
}

/// Statements that take away, one by one, all that must be there: whatever a migration adds is in these lists by itself.
const TAKEN: [(&str, &str); 5] = [
    (
        "policies",
        "SELECT format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass) FROM pg_policy p",
    ),
    (
        "triggers and foreign keys",
        "SELECT format('DROP TRIGGER %I ON %s', g.tgname, g.tgrelid::regclass) FROM pg_trigger g
         WHERE NOT g.tgisinternal AND g.tgparentid = 0
         UNION ALL
         SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname) FROM pg_constraint k
         WHERE k.contype = 'f' AND k.conparentid = 0",
    ),
    (
        "rights on tables and columns",
        "SELECT format('REVOKE %s ON %s FROM %I', acl.privilege_type, c.oid::regclass, r.rolname)
         FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) acl JOIN pg_roles r ON r.oid = acl.grantee
         WHERE c.relnamespace = 'public'::regnamespace AND acl.grantee <> c.relowner
         UNION ALL
         SELECT format('REVOKE %s (%I) ON %s FROM %I', acl.privilege_type, a.attname, c.oid::regclass, r.rolname)
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         CROSS JOIN LATERAL aclexplode(a.attacl) acl JOIN pg_roles r ON r.oid = acl.grantee
         WHERE c.relnamespace = 'public'::regnamespace",
    ),
    (
        "rights on routines",
        "SELECT format('REVOKE EXECUTE ON ROUTINE %s FROM %I', p.oid::regprocedure, r.rolname)
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname IN ('public', 'lookup')
         CROSS JOIN LATERAL aclexplode(p.proacl) acl JOIN pg_roles r ON r.oid = acl.grantee
         WHERE acl.grantee <> p.proowner",
    ),
    (
        "rights on schemas",
        "SELECT format('REVOKE %s ON SCHEMA %I FROM %I', acl.privilege_type, n.nspname, r.rolname)
         FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) acl JOIN pg_roles r ON r.oid = acl.grantee
         WHERE n.nspname IN ('public', 'lookup') AND acl.grantee <> n.nspowner",
    ),
];

#[tokio::test]
async fn whatever_is_taken_away_is_missed_and_brought_back() {
    let database = TestDatabase::create().await;
    let superuser = database.superuser();
    for (what, list) in TAKEN {
        let mut tx = superuser.begin().await.expect("begun");
        let before = standing(&mut tx).await;
        let statements: Vec<String> = sqlx::query_scalar(list).fetch_all(&mut *tx).await.expect("a list");
        assert!(!statements.is_empty(), "{what}");
        for statement in &statements {
            run(&mut tx, statement).await;
        }
        let offences = lint(&mut tx).await.expect("answers");
        assert_eq!(
            offences.len(),
            statements.len(),
            "{what}: {statements:#?} and {offences:#?}"
        );
        for offence in &offences {
            run(&mut tx, &offence.remedy).await;
        }
        let after = standing(&mut tx).await;
        let changed: Vec<_> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "{what}: {changed:#?}");
        assert!(lint(&mut tx).await.expect("answers").is_empty());
        tx.rollback().await.expect("rolled back");
        println!("{what}: {} taken away, missed and brought back", statements.len());
    }
}

/// Every right on a table, and on a column, that a role of the product has not: the statement that grants it, and what the
/// rule calls it.
const NOT_GIVEN: [(&str, &str); 2] = [
    (
        "on tables",
        "SELECT format('GRANT %s ON %s TO %I', privilege, c.oid::regclass, role), format('%s on %s for %I', privilege, c.oid::regclass, role)
         FROM pg_class c
         CROSS JOIN unnest('{SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER}'::text[]) privilege
         CROSS JOIN unnest('{countersign_app, countersign_sweeper, countersign_auditor, countersign_lookup}'::text[]) role
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT has_table_privilege(role, c.oid, privilege)",
    ),
    (
        "on columns",
        "SELECT format('GRANT %s (%I) ON %s TO %I', privilege, a.attname, c.oid::regclass, role),
                format('%s (%I) on %s for %I', privilege, a.attname, c.oid::regclass, role)
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         CROSS JOIN unnest('{SELECT, INSERT, UPDATE, REFERENCES}'::text[]) privilege
         CROSS JOIN unnest('{countersign_app, countersign_sweeper, countersign_auditor, countersign_lookup}'::text[]) role
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
           AND NOT has_column_privilege(role, c.oid, a.attnum, privilege)",
    ),
];

#[tokio::test]
async fn whatever_a_role_is_given_beyond_its_work_is_found_and_taken_back() {
    let database = TestDatabase::create().await;
    let superuser = database.superuser();
    for (what, list) in NOT_GIVEN {
        let mut tx = superuser.begin().await.expect("begun");
        let before = standing(&mut tx).await;
        let grants: Vec<(String, String)> = sqlx::query_as(list).fetch_all(&mut *tx).await.expect("a list");
        assert!(grants.len() > 100, "{what}: {grants:?}");
        for (statement, _) in &grants {
            run(&mut tx, statement).await;
        }
        let offences = lint(&mut tx).await.expect("answers");
        let found: BTreeSet<_> = offences
            .iter()
            .filter(|offence| offence.rule == "rights_of_roles")
            .map(|offence| &offence.object)
            .collect();
        let given: BTreeSet<_> = grants.iter().map(|(_, object)| object).collect();
        let differing: Vec<_> = given.symmetric_difference(&found).collect();
        assert!(differing.is_empty(), "{what}: {differing:#?}");
        for offence in offences.iter().filter(|offence| offence.rule == "rights_of_roles") {
            run(&mut tx, &offence.remedy).await;
        }
        let after = standing(&mut tx).await;
        let changed: Vec<_> = before.symmetric_difference(&after).collect();
        assert!(changed.is_empty(), "{what}: {changed:#?}");
        tx.rollback().await.expect("rolled back");
        println!("{what}: {} rights given, found and taken back", given.len());
    }
}

#[tokio::test]
async fn every_definer_function_is_missed() {
    let database = TestDatabase::create().await;
    let mut tx = database.superuser().begin().await.expect("begun");
    let functions: Vec<String> =
        sqlx::query_scalar("SELECT oid::regprocedure::text FROM pg_proc WHERE prosecdef ORDER BY 1")
            .fetch_all(&mut *tx)
            .await
            .expect("a list");
    for function in &functions {
        run(&mut tx, &format!("DROP FUNCTION {function}")).await;
    }
    let offences = lint(&mut tx).await.expect("answers");
    let of_functions = offences.iter().filter(|offence| offence.rule == "definer_functions");
    assert_eq!(of_functions.count(), functions.len(), "{functions:?} and {offences:#?}");
    assert_eq!(offences.len(), functions.len(), "{offences:#?}");
}

/// A table without a tenant, a view, and a function that anybody may run are an extension's own affair.
#[tokio::test]
async fn what_an_extension_brought_is_left_alone() {
    let database = TestDatabase::create().await;
    let mut tx = database.superuser().begin().await.expect("begun");
    run(
        &mut tx,
        "CREATE SCHEMA extensions;
         CREATE TABLE extensions.jobs (id serial PRIMARY KEY, at timestamp);
         CREATE VIEW extensions.statistics AS SELECT 1 AS n;
         CREATE FUNCTION extensions.now() RETURNS integer LANGUAGE sql RETURN 1;
         GRANT SELECT ON extensions.jobs, extensions.statistics TO PUBLIC, countersign_app;
         CREATE POLICY own ON extensions.jobs USING (true)",
    )
    .await;
    assert!(!lint(&mut tx).await.expect("answers").is_empty());
    run(
        &mut tx,
        "ALTER EXTENSION plpgsql ADD TABLE extensions.jobs; ALTER EXTENSION plpgsql ADD SEQUENCE extensions.jobs_id_seq;
         ALTER EXTENSION plpgsql ADD VIEW extensions.statistics; ALTER EXTENSION plpgsql ADD FUNCTION extensions.now()",
    )
    .await;
    let offences = lint(&mut tx).await.expect("answers");
    assert!(offences.is_empty(), "{offences:#?}");
}

#[tokio::test]
async fn what_concerns_the_database_itself_is_found_too() {
    let database = TestDatabase::create().await;
    let mut connection = database.superuser().acquire().await.expect("connected").detach();
    let name: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut connection)
        .await
        .expect("a name");
    for (sql, rule, object) in [
        (
            format!("GRANT TEMPORARY ON DATABASE {name} TO PUBLIC"),
            "rights_of_public",
            format!("TEMPORARY on database {name}"),
        ),
        (
            format!("GRANT CREATE ON DATABASE {name} TO countersign_app"),
            "rights_to_create",
            format!("CREATE on DATABASE {name} for countersign_app"),
        ),
        (
            format!("ALTER DATABASE {name} SET app.tenant_id = '019a9f00-0000-7000-8000-000000000001'"),
            "role_settings",
            format!("app.tenant_id for DATABASE {name}"),
        ),
    ] {
        let mut tx = connection.begin().await.expect("begun");
        run(&mut tx, &sql).await;
        let offences = lint(&mut tx).await.expect("answers");
        let [offence] = &offences[..] else {
            panic!("{sql}: {offences:#?}")
        };
        assert_eq!((offence.rule, &offence.object), (rule, &object));
        tx.rollback().await.expect("rolled back");
    }
}

#[tokio::test]
async fn the_defaults_of_the_owners_go_with_the_migrations() {
    let database = TestDatabase::create().await;
    let superuser = database.superuser();
    let count = async || {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM pg_default_acl")
            .fetch_one(&superuser)
            .await
            .expect("counted")
    };
    assert_eq!(count().await, 2);
    let migrator = PgPool::connect_lazy(&database.url("countersign_migrator")).expect("a URL");
    MIGRATOR.undo(&migrator, 0).await.expect("down");
    assert_eq!(count().await, 0);
}
