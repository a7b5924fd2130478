//! The migrations: down to nothing and up again leaves the same schema, and each step back can be taken by itself.

use shared::{
    data::{MIGRATOR, MigrationState, migration_state},
    testing::{TestDatabase, TestStack},
};
use sqlx::PgPool;

/// Everything of the schema that the catalogue knows, as sorted lines: relations with owner, rights and row-level
/// security, columns, constraints, indexes, policies, functions, triggers, default rights, schemas, settings of the database.
async fn dump(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        r"
        WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'lookup'))
        SELECT line FROM (
            SELECT format('schema %s %s %s', nspname, nspowner::regrole, nspacl) AS line
                FROM pg_namespace JOIN ours USING (oid, nspname)
            UNION ALL
            SELECT format('relation %s %s %s %s %s %s %s', c.oid::regclass, c.relkind, c.relowner::regrole, c.relacl,
                          c.relrowsecurity, c.relforcerowsecurity, pg_get_expr(c.relpartbound, c.oid))
                FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
            UNION ALL
            SELECT format('column %s.%s %s %s %s %s', a.attrelid::regclass, a.attname,
                          format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attacl)
                FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN ours ON ours.oid = c.relnamespace
                LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')
            UNION ALL
            SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(o.oid))
                FROM pg_constraint o JOIN ours ON ours.oid = o.connamespace
            UNION ALL
            SELECT 'index ' || pg_get_indexdef(i.indexrelid)
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN ours ON ours.oid = c.relnamespace
            UNION ALL
            SELECT format('policy %s %s %s %s %s %s', p.polrelid::regclass, p.polname, p.polcmd, p.polroles::regrole[],
                          pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
                FROM pg_policy p
            UNION ALL
            SELECT format('function %s %s %s', CASE p.prokind WHEN 'f' THEN pg_get_functiondef(p.oid) END, p.proowner::regrole, p.proacl)
                FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
            UNION ALL
            SELECT 'trigger ' || pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal
            UNION ALL
            SELECT format('default %s %s %s', d.defaclrole::regrole, d.defaclobjtype, d.defaclacl) FROM pg_default_acl d
            UNION ALL
            SELECT format('setting %s', unnest(s.setconfig)) FROM pg_db_role_setting s
                WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
        ) lines
        WHERE line NOT LIKE '%\_sqlx\_migrations%'
        ORDER BY line",
    )
    .fetch_all(pool)
    .await
    .expect("the catalogue answers")
}

#[tokio::test]
async fn down_to_nothing_and_up_again_leaves_the_same_schema() {
    let database = TestDatabase::create_empty().await;
    let (superuser, migrator) = (database.superuser(), pool(&database.url("countersign_migrator")));
    let empty = dump(&superuser).await;
    MIGRATOR.run(&migrator).await.expect("up");
    let first = dump(&superuser).await;
    assert!(first.len() > 300, "{} lines", first.len());

    MIGRATOR.undo(&migrator, 0).await.expect("down");
    let down = dump(&superuser).await;
    let left: Vec<_> = down
        .iter()
        .filter(|line| !empty.contains(line) && !line.starts_with("schema public"))
        .collect();
    assert!(left.is_empty(), "left behind: {left:#?}");

    MIGRATOR.run(&migrator).await.expect("up again");
    assert_eq!(dump(&superuser).await, first);
}

#[tokio::test]
async fn each_step_can_be_taken_back_by_itself() {
    let database = TestDatabase::create_empty().await;
    let (superuser, migrator) = (database.superuser(), pool(&database.url("countersign_migrator")));
    MIGRATOR.run(&migrator).await.expect("up");
    let whole = dump(&superuser).await;
    let mut versions: Vec<i64> = MIGRATOR
        .iter()
        .filter(|step| step.migration_type.is_up_migration())
        .map(|step| step.version)
        .collect();
    versions.insert(0, 0);
    for target in versions.into_iter().rev().skip(1) {
        MIGRATOR
            .undo(&migrator, target)
            .await
            .unwrap_or_else(|error| panic!("down to {target}: {error}"));
        assert!(dump(&superuser).await.len() < whole.len());
        MIGRATOR
            .run(&migrator)
            .await
            .unwrap_or_else(|error| panic!("up from {target}: {error}"));
        assert_eq!(dump(&superuser).await, whole, "after down to {target} and up");
    }
}

#[tokio::test]
async fn the_state_says_how_many_are_missing() {
    let stack = TestStack::start().await;
    let pool = stack.ctx.db.without_tenant();
    assert_eq!(migration_state(pool).await.expect("answers"), MigrationState::Current);
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .execute(&stack.owner_pool())
        .await
        .expect("deleted");
    assert_eq!(migration_state(pool).await.expect("answers"), MigrationState::Behind(1));
}

fn pool(url: &str) -> PgPool {
    PgPool::connect_lazy(url).expect("a URL")
}
