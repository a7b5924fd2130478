-- What is no grant but a default counts too: functions are PUBLIC's until somebody says otherwise.
WITH ours AS (
    SELECT oid, nspname, nspacl, nspowner FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
      AND oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND deptype = 'e')
), given (object, kind, privilege_type, grantee) AS (
    SELECT c.oid::regclass::text, CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END, acl.privilege_type, acl.grantee
    FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(c.relacl) acl
    WHERE c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    UNION ALL
    SELECT a.attrelid::regclass::text, '', format('%s (%I)', acl.privilege_type, a.attname), acl.grantee
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid JOIN ours ON ours.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(a.attacl) acl
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    UNION ALL
    SELECT p.oid::regprocedure::text, 'ROUTINE ', acl.privilege_type, acl.grantee
    FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
    WHERE NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT quote_ident(ours.nspname), 'SCHEMA ', acl.privilege_type, acl.grantee
    FROM ours CROSS JOIN LATERAL aclexplode(coalesce(ours.nspacl, acldefault('n', ours.nspowner))) acl
    UNION ALL
    -- CONNECT stays: whoever may only connect sees nothing.
    SELECT quote_ident(d.datname), 'DATABASE ', acl.privilege_type, acl.grantee
    FROM pg_database d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) acl
    WHERE d.datname = current_database() AND acl.privilege_type <> 'CONNECT'
)
SELECT format('%s on %s%s', privilege_type, lower(kind), object) AS "object!",
       format('REVOKE %s ON %s%s FROM PUBLIC;', privilege_type, kind, object) AS "remedy!"
FROM given
WHERE grantee = 0
ORDER BY 1
