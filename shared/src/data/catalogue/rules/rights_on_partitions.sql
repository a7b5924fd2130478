-- The parent's rights and policies are enough; beside it the rows are reached past them.
SELECT format('%s on %s for %s', acl.privilege_type, c.oid::regclass, coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "object!",
       format('REVOKE ALL ON %s FROM %s;', c.oid::regclass, coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
CROSS JOIN LATERAL (
    SELECT * FROM aclexplode(c.relacl)
    UNION ALL
    SELECT column_acl.*
    FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) column_acl
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) acl
LEFT JOIN pg_roles r ON r.oid = acl.grantee
WHERE c.relispartition AND acl.grantee <> c.relowner
ORDER BY 1
