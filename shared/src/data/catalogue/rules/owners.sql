-- What belongs to somebody else is theirs to change: policies, rights, and whether row-level security holds at all.
SELECT owned.object AS "object!", format('ALTER %s OWNER TO %I;', owned.statement, owned.should) AS "remedy!"
FROM (
    SELECT format('%s, owned by %I', c.oid::regclass, r.rolname) AS object,
           format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                                          WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.oid::regclass) AS statement,
           r.rolname, 'countersign_owner' AS should
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    JOIN pg_roles r ON r.oid = c.relowner
    -- The record of migrations belongs to whoever runs them.
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid IS DISTINCT FROM to_regclass('public._sqlx_migrations')
    UNION ALL
    SELECT format('%s, owned by %I', p.oid::regprocedure, r.rolname), format('ROUTINE %s', p.oid::regprocedure), r.rolname,
           CASE n.nspname WHEN 'lookup' THEN 'countersign_lookup' ELSE 'countersign_owner' END
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
    JOIN pg_roles r ON r.oid = p.proowner
    WHERE NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('schema %I, owned by %I', n.nspname, r.rolname), format('SCHEMA %I', n.nspname), r.rolname, 'countersign_lookup'
    FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = 'lookup'
) owned
WHERE owned.rolname <> owned.should
ORDER BY 1
