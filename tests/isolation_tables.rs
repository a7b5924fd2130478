//! Tenant A against the rows of tenant B, over every table there is and every verb there is, as the database role of the
//! functions and through the product's own door. The tables come from the catalogue and every one must hold rows of
//! both, so that a new table cannot be forgotten. A second test plants holes and shows that the same attacks find them.
#![expect(clippy::print_stdout, reason = "what was counted belongs in the test's output")]

#[path = "isolation_tables/attacker.rs"]
mod attacker;
#[path = "isolation_tables/attacks.rs"]
mod attacks;
#[path = "isolation_tables/pool_of_one.rs"]
mod pool_of_one;
#[path = "isolation_tables/rows.rs"]
mod rows;
#[path = "isolation_tables/tables.rs"]
mod tables;

use attacker::Attacker;
use shared::testing::TestStack;
use sqlx::AssertSqlSafe;

/// Both tenants with rows in every table, and everything that A can think of.
async fn attack(stack: &TestStack) -> Vec<String> {
    let (ours, theirs) = (stack.tenant().await, stack.tenant().await);
    for tenant in [&ours, &theirs] {
        rows::fill(stack, tenant).await;
    }
    let tables = tables::of(stack).await;
    let mut attacker = Attacker::new(stack, &ours, &theirs, &tables).await;
    for table in &tables {
        attacks::on_table(&mut attacker, table).await;
    }
    let partitions = tables::partitions(stack).await;
    for partition in &partitions {
        attacks::on_partition(&mut attacker, partition).await;
    }
    attacks::through_functions(&mut attacker).await;
    for table in &tables {
        attacks::uses_values_again(&mut attacker, table).await;
    }
    for table in &tables {
        attacker.compare(table).await;
    }
    println!(
        "{} tables and {} partitions: {} statements, {} of them refused",
        tables.len(),
        partitions.len(),
        attacker.sent,
        attacker.refused
    );
    assert!(tables.len() >= 16 && partitions.len() >= 12, "{} tables", tables.len());
    attacker.found
}

#[tokio::test]
async fn nothing_of_another_tenants_is_seen_changed_or_told_by_any_verb_on_any_table() {
    let stack = TestStack::start().await;
    let found = attack(&stack).await;
    assert!(found.is_empty(), "{found:#?}");
}

/// What is planted, and how the finding begins that it must bring.
const HOLES: [(&str, &str); 9] = [
    ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", "users: read another's"),
    (
        "CREATE POLICY planted ON delegations FOR DELETE TO countersign_app USING (true)",
        "delegations: changed another's",
    ),
    (
        "CREATE POLICY planted ON billing_history FOR INSERT TO countersign_app WITH CHECK (true)",
        "billing_history: was let to write for another",
    ),
    (
        "ALTER TABLE users ADD UNIQUE (id); ALTER TABLE api_keys ADD FOREIGN KEY (owner_user_id) REFERENCES users (id);
         ALTER TABLE api_keys DROP CONSTRAINT api_key_owner_exists",
        "api_keys: owner_user_id reaches another's",
    ),
    (
        "CREATE UNIQUE INDEX planted_too ON processed_events (event_id)",
        "processed_events: none of another's values can be used again",
    ),
    ("GRANT TRUNCATE ON memberships TO countersign_app", "memberships: was let to"),
    (
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s RENAME TO planted', max(inhrelid::regclass::text)) FROM pg_inherits
             WHERE inhparent = 'audit_events'::regclass); END $$;
         GRANT SELECT ON planted TO countersign_app",
        "planted: was let to",
    ),
    // A refusal that quotes what it looked at.
    (
        "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN RAISE EXCEPTION 'those with settings are %', (SELECT string_agg(s::text, '') FROM user_settings s); END $$;
         CREATE TRIGGER planted BEFORE UPDATE ON user_settings FOR EACH ROW EXECUTE FUNCTION planted()",
        "user_settings: the refusal tells",
    ),
    // One that answers otherwise where another's row is there.
    (
        "CREATE FUNCTION planted_too() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             IF EXISTS (SELECT FROM memberships m WHERE m.tenant_id = NEW.tenant_id) THEN RAISE EXCEPTION 'taken'; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER planted BEFORE INSERT ON memberships FOR EACH ROW EXECUTE FUNCTION planted_too()",
        "memberships: is refused otherwise where another's row is there",
    ),
];

#[tokio::test]
async fn the_same_attacks_find_the_holes_that_are_planted() {
    let stack = TestStack::start().await;
    for (sql, _) in HOLES {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&stack.owner_pool())
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let found = attack(&stack).await;
    for (sql, beginning) in HOLES {
        assert!(
            found.iter().any(|finding| finding.starts_with(beginning)),
            "{sql}: not found among {found:#?}"
        );
    }
    println!("{} holes planted, all found", HOLES.len());
}
