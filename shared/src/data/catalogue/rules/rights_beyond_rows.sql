-- Named by what is allowed, so that a right that Postgres adds (MAINTAIN in 17) is refused until somebody thought of it.
WITH given AS (
    SELECT c.oid, NULL::name AS attname, c.relowner, (aclexplode(c.relacl)).*
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL
    SELECT c.oid, a.attname, c.relowner, (aclexplode(a.attacl)).*
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT format('%s on %s for %s', privilege_type, given.oid::regclass, coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "object!",
       format('REVOKE %s%s ON %s FROM %s;', privilege_type, ' (' || quote_ident(attname) || ')', given.oid::regclass,
              coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "remedy!"
FROM given
LEFT JOIN pg_roles r ON r.oid = given.grantee
WHERE given.grantee <> given.relowner
  AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
ORDER BY 1
