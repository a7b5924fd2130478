-- The log is append-only. Erasure may empty the disclosable values, which no hash covers, and nothing else. What was
-- migrated is recorded by whoever migrates.
WITH given AS (
    SELECT c.oid, c.relowner, NULL::name AS attname, acl.*
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) acl
    UNION ALL
    SELECT c.oid, c.relowner, a.attname, acl.*
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL aclexplode(a.attacl) acl
)
SELECT format('%s%s on %s for %s', privilege_type, ' (' || quote_ident(attname) || ')', given.oid::regclass,
              coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "object!",
       format('REVOKE %s%s ON %s FROM %s;', privilege_type, ' (' || quote_ident(attname) || ')', given.oid::regclass,
              coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "remedy!"
FROM given
LEFT JOIN pg_roles r ON r.oid = given.grantee
WHERE given.grantee <> given.relowner
  AND (given.oid IN (to_regclass('public.audit_events'), to_regclass('public.audit_request_ids'))
           AND (privilege_type = 'DELETE'
                OR privilege_type = 'UPDATE'
                   AND coalesce(attname NOT IN ('caller_id', 'sanitized_args', 'args_salt', 'disclosures'), true))
       -- What policies once decided by stays as it was.
       OR given.oid = to_regclass('public.policies') AND privilege_type NOT IN ('SELECT', 'INSERT')
       OR given.oid = to_regclass('public._sqlx_migrations') AND privilege_type <> 'SELECT')
ORDER BY 1
