//! What stands in a database: everything that keeps tenants apart or lets a role do its work, as lines of text.

use std::collections::BTreeSet;

use sqlx::PgConnection;

/// Partitions are left out: they come and go. So is what a plant is called, which is there until the plant is gone.
const STANDING: &str = r"
    WITH tables AS (
        SELECT c.* FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ), given (object, acl, owner) AS (
        SELECT 'table ' || oid::regclass, relacl, relowner FROM tables
        UNION ALL
        SELECT format('column %s.%I', t.oid::regclass, a.attname), a.attacl, t.relowner
        FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
        UNION ALL
        SELECT 'routine ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'lookup')
        UNION ALL
        SELECT 'schema ' || nspname, nspacl, nspowner FROM pg_namespace WHERE nspname IN ('public', 'lookup')
    ), standing (line) AS (
        SELECT format('policy %I on %s, permissive %s, for %s to %s using %s check %s', p.polname, t.oid::regclass, p.polpermissive,
                      p.polcmd, p.polroles::regrole[], pg_get_expr(p.polqual, t.oid), pg_get_expr(p.polwithcheck, t.oid))
        FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
        UNION ALL
        SELECT format('right to %s on %s of %s', acl.privilege_type, g.object, coalesce(r.rolname, 'PUBLIC'))
        FROM given g CROSS JOIN LATERAL aclexplode(g.acl) acl LEFT JOIN pg_roles r ON r.oid = acl.grantee
        WHERE acl.grantee <> g.owner
        UNION ALL
        SELECT format('trigger %s, %s', pg_get_triggerdef(g.oid), g.tgenabled)
        FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
        UNION ALL
        SELECT format('constraint %I on %s: %s', k.conname, t.oid::regclass, pg_get_constraintdef(k.oid))
        FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid
        UNION ALL
        SELECT format('table %s of %s, row security %s %s', oid::regclass, relowner::regrole, relrowsecurity, relforcerowsecurity) FROM tables
        UNION ALL
        SELECT format('routine %s of %s, definer %s, leakproof %s, %s', p.oid::regprocedure, p.proowner::regrole, p.prosecdef,
                      p.proleakproof, p.proconfig)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('public', 'lookup')
    )
    SELECT line FROM standing WHERE line NOT LIKE '%planted%' AND line NOT LIKE '%lookup.everybody()%'";

/// One line a policy, right, trigger, constraint, table and routine.
pub(crate) async fn standing(connection: &mut PgConnection) -> BTreeSet<String> {
    sqlx::query_scalar(STANDING)
        .fetch_all(connection)
        .await
        .expect("the catalogue answers")
        .into_iter()
        .collect()
}
