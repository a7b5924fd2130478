SELECT format('%I is %s', r.rolname, has.attribute) AS "object!",
       format('ALTER ROLE %I NO%s;', r.rolname, has.attribute) AS "remedy!"
FROM pg_roles r
CROSS JOIN LATERAL (VALUES
    ('SUPERUSER', r.rolsuper), ('BYPASSRLS', r.rolbypassrls), ('REPLICATION', r.rolreplication),
    ('CREATEDB', r.rolcreatedb),
    -- The first migration makes the roles.
    ('CREATEROLE', r.rolcreaterole AND r.rolname <> 'countersign_migrator'),
    ('LOGIN', r.rolcanlogin AND r.rolname IN ('countersign_owner', 'countersign_lookup'))
) has (attribute, holds)
WHERE has.holds AND r.rolname LIKE 'countersign\_%'
ORDER BY 1
