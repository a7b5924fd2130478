//! The rules over the catalogue: the product breaks none, and each finds what it is there to find.
#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

use std::collections::BTreeSet;

use shared::{
    data::{
        MIGRATOR,
        catalogue::{Offence, RULES, lint},
    },
    testing::TestDatabase,
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

/// A database as the migrator leaves it. Not a copy of the tests' template: a copy loses the rights on the database itself.
async fn migrated() -> TestDatabase {
    let database = TestDatabase::create_empty().await;
    let migrator = PgPool::connect_lazy(&database.url("countersign_migrator")).expect("a URL");
    MIGRATOR.run(&migrator).await.expect("the migrations run");
    migrator.close().await;
    database
}

async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[tokio::test]
async fn the_product_breaks_no_rule_whoever_asks() {
    let database = migrated().await;
    for role in ["countersign_migrator", "countersign_app"] {
        let mut connection = PgConnection::connect(&database.url(role)).await.expect("connects");
        let offences = lint(&mut connection).await.expect("the catalogue answers");
        assert!(offences.is_empty(), "asked as {role}: {offences:#?}");
    }
    println!("{} rules hold", RULES.len());
}

/// What was planted, the rule that must find it, and the object it must name.
struct Plant {
    rule: &'static str,
    sql: &'static str,
    object: &'static str,
    mend: Mend,
}

/// What the remedy is.
#[derive(PartialEq, Eq)]
enum Mend {
    /// Statements that, run as they are, mend it.
    Runs,
    /// Begins with a statement; the rest has to be decided by a person.
    ByHand,
}

const fn plant(rule: &'static str, sql: &'static str, object: &'static str) -> Plant {
    Plant {
        rule,
        sql,
        object,
        mend: Mend::Runs,
    }
}

const fn by_hand(rule: &'static str, sql: &'static str, object: &'static str) -> Plant {
    Plant {
        rule,
        sql,
        object,
        mend: Mend::ByHand,
    }
}

/// Roles are made and never altered: other tests use the product's own at the same time. `planted` is one of ours by its
/// name, `stranger` is not. Everything is rolled back.
const ROLES: &str = "CREATE ROLE countersign_planted; CREATE ROLE stranger_to_countersign";

const PLANTS: &[Plant] = &[
    plant("row_security", "ALTER TABLE users NO FORCE ROW LEVEL SECURITY", "users"),
    plant("row_security", "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", "tenants"),
    plant(
        "row_security",
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s RENAME TO planted', min(inhrelid::regclass::text)) FROM pg_inherits
             WHERE inhparent = 'audit_events'::regclass); END $$;
         ALTER TABLE planted NO FORCE ROW LEVEL SECURITY",
        "planted",
    ),
    plant(
        "row_security",
        "CREATE TABLE planted (tenant_id uuid NOT NULL)",
        "planted",
    ),
    by_hand(
        "tenant_column",
        "CREATE TABLE planted (id uuid PRIMARY KEY)",
        "planted",
    ),
    by_hand("tenant_column", "CREATE TABLE planted (tenant_id uuid)", "planted"),
    by_hand(
        "tenant_column",
        "CREATE TABLE planted (tenant_id text NOT NULL)",
        "planted",
    ),
    plant(
        "tenant_policies",
        "ALTER POLICY within_tenant ON users USING (tenant_id = current_setting('app.tenant_id', true)::uuid)",
        "within_tenant on users",
    ),
    plant(
        "tenant_policies",
        "ALTER POLICY within_tenant ON users USING (tenant_id = current_setting('app.tenant_id')::uuid OR role = 'admin')",
        "within_tenant on users",
    ),
    plant(
        "tenant_policies",
        "ALTER POLICY within_tenant ON users WITH CHECK (true)",
        "within_tenant on users",
    ),
    plant(
        "tenant_policies",
        "ALTER POLICY within_tenant_and_user ON user_settings USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "within_tenant_and_user on user_settings",
    ),
    plant(
        "tenant_policies",
        "ALTER POLICY within_tenant ON tenants USING (true)",
        "within_tenant on tenants",
    ),
    plant(
        "tenant_policies",
        "CREATE POLICY planted ON users FOR INSERT TO countersign_app WITH CHECK (true)",
        "planted on users",
    ),
    plant(
        "tenant_policies",
        "CREATE POLICY planted ON users TO countersign_auditor USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "planted on users",
    ),
    plant(
        "tenant_policies",
        "ALTER POLICY within_tenant ON users TO countersign_app, countersign_sweeper",
        "within_tenant on users",
    ),
    plant(
        "other_policies",
        "CREATE POLICY planted ON users USING (true)",
        "planted on users",
    ),
    plant(
        "other_policies",
        "CREATE POLICY planted ON users FOR SELECT TO countersign_sweeper USING (true)",
        "planted on users",
    ),
    plant(
        "other_policies",
        "DROP POLICY lookup_read ON users; CREATE POLICY lookup_read ON users TO countersign_lookup USING (true)",
        "lookup_read on users",
    ),
    plant(
        "other_policies",
        "ALTER POLICY sweep_expires ON approval_requests WITH CHECK (true)",
        "sweep_expires on approval_requests",
    ),
    plant(
        "rights_beyond_rows",
        "GRANT TRUNCATE ON users TO countersign_app",
        "TRUNCATE on users for countersign_app",
    ),
    plant(
        "rights_beyond_rows",
        "GRANT REFERENCES (id) ON users TO countersign_auditor",
        "REFERENCES on users for countersign_auditor",
    ),
    plant(
        "rights_beyond_rows",
        "GRANT TRIGGER ON users TO countersign_sweeper",
        "TRIGGER on users for countersign_sweeper",
    ),
    plant(
        "rights_of_public",
        "GRANT SELECT ON tenants TO PUBLIC",
        "SELECT on tenants",
    ),
    plant(
        "rights_of_public",
        "GRANT SELECT (slug) ON tenants TO PUBLIC",
        "SELECT (slug) on tenants",
    ),
    plant(
        "rights_of_public",
        "GRANT EXECUTE ON FUNCTION lookup.outbox_backlog() TO PUBLIC",
        "EXECUTE on routine lookup.outbox_backlog()",
    ),
    // As any function begins that somebody else than the two owners makes.
    plant(
        "rights_of_public",
        "CREATE FUNCTION planted() RETURNS integer LANGUAGE sql RETURN 1",
        "EXECUTE on routine planted()",
    ),
    plant(
        "rights_of_public",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "USAGE on schema public",
    ),
    plant(
        "rights_of_strangers",
        "GRANT SELECT ON users TO stranger_to_countersign",
        "SELECT on users for stranger_to_countersign",
    ),
    plant(
        "rights_of_strangers",
        "GRANT SELECT (email) ON users TO countersign_planted",
        "SELECT (email) on users for countersign_planted",
    ),
    plant(
        "rights_of_strangers",
        "GRANT SELECT ON users TO countersign_app WITH GRANT OPTION",
        "SELECT on users for countersign_app",
    ),
    plant(
        "rights_of_strangers",
        "GRANT USAGE ON SCHEMA lookup TO stranger_to_countersign",
        "USAGE on schema lookup for stranger_to_countersign",
    ),
    plant(
        "rights_on_partitions",
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s RENAME TO planted', min(inhrelid::regclass::text)) FROM pg_inherits
             WHERE inhparent = 'audit_events'::regclass); END $$;
         GRANT SELECT ON planted TO countersign_app",
        "SELECT on planted for countersign_app",
    ),
    plant(
        "rights_to_the_record",
        "GRANT DELETE ON audit_events TO countersign_sweeper",
        "DELETE on audit_events for countersign_sweeper",
    ),
    plant(
        "rights_to_the_record",
        "GRANT UPDATE (entry) ON audit_events TO countersign_app",
        "UPDATE (entry) on audit_events for countersign_app",
    ),
    plant(
        "rights_to_the_record",
        "GRANT UPDATE ON audit_request_ids TO countersign_app",
        "UPDATE on audit_request_ids for countersign_app",
    ),
    plant(
        "rights_to_the_record",
        "GRANT INSERT ON _sqlx_migrations TO countersign_app",
        "INSERT on _sqlx_migrations for countersign_app",
    ),
    plant(
        "rights_of_lookup",
        "GRANT UPDATE ON tenants TO countersign_lookup",
        "UPDATE on tenants for countersign_lookup",
    ),
    plant(
        "owners",
        "ALTER TABLE users OWNER TO countersign_app",
        "users, owned by countersign_app",
    ),
    plant(
        "owners",
        "ALTER FUNCTION lookup.outbox_backlog() OWNER TO countersign_owner",
        "lookup.outbox_backlog(), owned by countersign_owner",
    ),
    plant(
        "owners",
        "ALTER SCHEMA lookup OWNER TO countersign_owner",
        "schema lookup, owned by countersign_owner",
    ),
    by_hand(
        "foreign_keys",
        "ALTER TABLE users ADD UNIQUE (id); ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (user_id) REFERENCES users (id)",
        "planted on api_keys",
    ),
    // The tenant on both sides, but not in the same place.
    by_hand(
        "foreign_keys",
        "ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (user_id, tenant_id) REFERENCES users (tenant_id, id)",
        "planted on api_keys",
    ),
    by_hand(
        "foreign_keys",
        "ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (user_id) REFERENCES tenants (id)",
        "planted on api_keys",
    ),
    by_hand(
        "uniqueness",
        "CREATE UNIQUE INDEX planted ON users (lower(email))",
        "planted",
    ),
    by_hand(
        "uniqueness",
        "CREATE UNIQUE INDEX planted ON users (email) INCLUDE (tenant_id)",
        "planted",
    ),
    by_hand(
        "uniqueness",
        "ALTER TABLE memberships ADD CONSTRAINT planted UNIQUE (stripe_customer_id)",
        "planted",
    ),
    by_hand(
        "uniqueness",
        "ALTER TABLE delegations ADD CONSTRAINT planted EXCLUDE USING gist (tstzrange(from_at, until_at) WITH &&)",
        "planted",
    ),
    by_hand(
        "definer_functions",
        "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
         AS 'SELECT count(*) FROM public.users'",
        "planted()",
    ),
    by_hand(
        "definer_functions",
        "ALTER FUNCTION lookup.outbox_backlog() SET search_path = public",
        "lookup.outbox_backlog()",
    ),
    by_hand(
        "definer_functions",
        "GRANT EXECUTE ON FUNCTION lookup.outbox_backlog() TO countersign_auditor",
        "lookup.outbox_backlog()",
    ),
    by_hand(
        "definer_functions",
        "GRANT EXECUTE ON FUNCTION make_audit_partitions(timestamptz, integer) TO countersign_app",
        "make_audit_partitions(timestamp with time zone,integer)",
    ),
    by_hand(
        "definer_functions",
        "CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.planted() RETURNS integer LANGUAGE sql SECURITY DEFINER RETURN 1",
        "elsewhere.planted()",
    ),
    plant(
        "function_settings",
        "ALTER FUNCTION guard_vote() RESET search_path",
        "guard_vote()",
    ),
    plant(
        "function_settings",
        "ALTER FUNCTION guard_vote() SET row_security = off",
        "guard_vote()",
    ),
    plant("views", "CREATE VIEW planted AS SELECT id FROM users", "planted"),
    plant(
        "views",
        "CREATE VIEW planted WITH (security_invoker = false) AS SELECT id FROM users",
        "planted",
    ),
    plant(
        "relation_kinds",
        "CREATE MATERIALIZED VIEW planted AS SELECT id FROM users",
        "planted",
    ),
    plant("relation_kinds", "CREATE SEQUENCE planted", "planted"),
    plant(
        "rewrite_rules",
        "CREATE RULE planted AS ON DELETE TO users DO INSTEAD NOTHING",
        "planted on users",
    ),
    plant(
        "unlogged_tables",
        "CREATE UNLOGGED TABLE planted (tenant_id uuid NOT NULL)",
        "planted",
    ),
    plant(
        "default_privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE countersign_owner IN SCHEMA public GRANT SELECT ON TABLES TO countersign_app",
        "SELECT by default on tables of countersign_owner for countersign_app",
    ),
    plant(
        "default_privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE countersign_lookup GRANT EXECUTE ON ROUTINES TO PUBLIC",
        "EXECUTE by default on routines of countersign_lookup for PUBLIC",
    ),
    by_hand(
        "rights_to_create",
        "GRANT CREATE ON SCHEMA public TO countersign_app",
        "CREATE on SCHEMA public for countersign_app",
    ),
    by_hand(
        "rights_to_create",
        "CREATE SCHEMA elsewhere; GRANT CREATE ON SCHEMA elsewhere TO PUBLIC",
        "CREATE on SCHEMA elsewhere for countersign_sweeper",
    ),
    plant(
        "role_attributes",
        "ALTER ROLE countersign_planted BYPASSRLS",
        "countersign_planted is BYPASSRLS",
    ),
    plant(
        "role_attributes",
        "ALTER ROLE countersign_planted SUPERUSER",
        "countersign_planted is SUPERUSER",
    ),
    plant(
        "role_attributes",
        "ALTER ROLE countersign_planted CREATEROLE",
        "countersign_planted is CREATEROLE",
    ),
    plant(
        "role_memberships",
        "GRANT countersign_owner TO stranger_to_countersign",
        "stranger_to_countersign in countersign_owner",
    ),
    plant(
        "role_memberships",
        "GRANT pg_read_all_data TO countersign_planted",
        "countersign_planted in pg_read_all_data",
    ),
    plant(
        "role_settings",
        "ALTER ROLE countersign_planted SET app.tenant_id = '019a9f00-0000-7000-8000-000000000001'",
        "app.tenant_id for ROLE countersign_planted",
    ),
    plant(
        "role_settings",
        "ALTER ROLE countersign_planted SET row_security = off",
        "row_security for ROLE countersign_planted",
    ),
    plant(
        "parameter_rights",
        "GRANT SET ON PARAMETER session_replication_role TO countersign_planted",
        "SET on session_replication_role for countersign_planted",
    ),
    plant(
        "triggers",
        "ALTER TABLE approval_requests DISABLE TRIGGER approval_state_machine",
        "approval_state_machine on approval_requests",
    ),
    plant(
        "unchecked_rows",
        "ALTER TABLE users ADD CONSTRAINT planted CHECK (name <> '') NOT VALID",
        "planted on users",
    ),
    plant(
        "unchecked_rows",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'user_email_is_unique_in_its_tenant'::regclass",
        "user_email_is_unique_in_its_tenant",
    ),
    // The one extension that every server has, and which cannot be moved back by its statement.
    by_hand(
        "extensions",
        "UPDATE pg_extension SET extnamespace = 'public'::regnamespace WHERE extname = 'plpgsql'",
        "plpgsql in schema public",
    ),
    plant(
        "times",
        "ALTER TABLE users ADD COLUMN planted timestamp",
        "users.planted",
    ),
];

#[tokio::test]
async fn each_rule_finds_what_is_planted_and_its_remedy_mends_it() {
    let database = migrated().await;
    let superuser = database.superuser();
    let mut mended = 0;
    for planted in PLANTS {
        let mut tx = superuser.begin().await.expect("begun");
        run(&mut tx, ROLES).await;
        run(&mut tx, planted.sql).await;
        let found = of_rule(&lint(&mut tx).await.expect("answers"), planted);
        let [offence] = &found[..] else {
            panic!("{}: {} found {found:#?}", planted.sql, planted.rule)
        };
        if planted.mend == Mend::Runs {
            run(&mut tx, &offence.remedy).await;
            let left = of_rule(&lint(&mut tx).await.expect("answers"), planted);
            assert!(left.is_empty(), "{} left {left:#?}", offence.remedy);
            mended += 1;
        } else {
            assert!(
                offence
                    .remedy
                    .contains(planted.object.split(' ').next().expect("a name"))
            );
        }
        tx.rollback().await.expect("rolled back");
    }
    let shown: BTreeSet<_> = PLANTS.iter().map(|planted| planted.rule).collect();
    let rules: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(shown, rules, "every rule is shown to find something");
    println!(
        "{} violations planted and found, {mended} mended by their remedy",
        PLANTS.len()
    );
}

/// The offences against the planted rule that name the planted object.
fn of_rule(offences: &[Offence], planted: &Plant) -> Vec<Offence> {
    offences
        .iter()
        .filter(|offence| offence.rule == planted.rule && offence.object == planted.object)
        .cloned()
        .collect()
}

#[tokio::test]
async fn what_concerns_the_database_itself_is_found_too() {
    let database = migrated().await;
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
    let database = migrated().await;
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
