-- Whoever can make an object can make one that stands in for ours. As the roles can, by whichever way they came to it.
SELECT format('%s on %s for %I', can.privilege, can.place, can.rolname) AS "object!",
       format('REVOKE %1$s ON %2$s FROM %3$I; (or FROM PUBLIC, or the membership through which %3$I has it)',
              can.privilege, can.place, can.rolname) AS "remedy!"
FROM (
    SELECT 'CREATE' AS privilege, format('SCHEMA %I', n.nspname) AS place, r.rolname
    FROM pg_roles r CROSS JOIN pg_namespace n
    WHERE n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
      AND has_schema_privilege(r.oid, n.oid, 'CREATE')
    UNION ALL
    SELECT p.privilege, format('DATABASE %I', current_database()), r.rolname
    FROM pg_roles r CROSS JOIN (VALUES ('CREATE'), ('TEMPORARY')) p (privilege)
    WHERE has_database_privilege(r.oid, current_database(), p.privilege)
      -- What PUBLIC has is told once, by the rule about PUBLIC.
      AND NOT has_database_privilege('public', current_database(), p.privilege)
) can
WHERE can.rolname IN ('countersign_app', 'countersign_sweeper', 'countersign_auditor')
   OR can.rolname = 'countersign_lookup' AND can.place NOT IN ('SCHEMA lookup')
ORDER BY 1
