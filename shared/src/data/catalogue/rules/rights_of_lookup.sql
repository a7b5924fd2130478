-- What the definer functions can do, everybody who may call them can do across tenants.
SELECT format('%s on %s for countersign_lookup', acl.privilege_type, c.oid::regclass) AS "object!",
       format('REVOKE %s ON %s FROM countersign_lookup;', acl.privilege_type, c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
CROSS JOIN LATERAL (
    SELECT * FROM aclexplode(c.relacl)
    UNION ALL
    SELECT column_acl.*
    FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) column_acl
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) acl
JOIN pg_roles r ON r.oid = acl.grantee AND r.rolname = 'countersign_lookup'
WHERE acl.privilege_type <> 'SELECT'
ORDER BY 1
