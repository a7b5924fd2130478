-- Only the product's roles have rights in its schemas, and none may pass them on.
WITH ours AS (
    SELECT oid, nspname, nspacl, nspowner FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
      AND oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND deptype = 'e')
), given (object, kind, owner, privilege_type, grantee, is_grantable) AS (
    SELECT c.oid::regclass::text, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END, c.relowner,
           acl.privilege_type, acl.grantee, acl.is_grantable
    FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(c.relacl) acl
    WHERE c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    UNION ALL
    SELECT a.attrelid::regclass::text, '', c.relowner,
           format('%s (%I)', acl.privilege_type, a.attname), acl.grantee, acl.is_grantable
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid JOIN ours ON ours.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(a.attacl) acl
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    UNION ALL
    SELECT p.oid::regprocedure::text, 'ROUTINE ', p.proowner, acl.privilege_type, acl.grantee, acl.is_grantable
    FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    CROSS JOIN LATERAL aclexplode(p.proacl) acl
    WHERE p.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e')
    UNION ALL
    SELECT quote_ident(ours.nspname), 'SCHEMA ', ours.nspowner, acl.privilege_type, acl.grantee, acl.is_grantable
    FROM ours CROSS JOIN LATERAL aclexplode(ours.nspacl) acl
)
SELECT format('%s on %s%s for %I', privilege_type, lower(kind), object, r.rolname) AS "object!",
       format('REVOKE %s%s ON %s%s FROM %I CASCADE;', CASE WHEN known THEN 'GRANT OPTION FOR ' ELSE '' END, privilege_type,
              kind, object, r.rolname) AS "remedy!"
FROM given
JOIN pg_roles r ON r.oid = given.grantee
CROSS JOIN LATERAL (
    SELECT r.rolname IN (
        'countersign_owner', 'countersign_lookup', 'countersign_migrator',
        'countersign_app', 'countersign_sweeper', 'countersign_auditor') AS known
) whose
WHERE given.grantee <> given.owner
  AND NOT r.rolsuper
  AND (is_grantable OR NOT known)
ORDER BY 1
