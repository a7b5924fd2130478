-- Whoever can make an object can make one that stands in for ours. As the roles can, by whichever way they came to it.
SELECT format('%s on %s for %I', can.privilege, can.place, r.rolname) AS "object!",
       coalesce(
           (SELECT string_agg(format('REVOKE %s ON %s FROM %s;', can.privilege, can.place,
                                     CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END), ' ')
            FROM aclexplode(can.acl) acl
            WHERE acl.grantee IN (0, r.oid) AND acl.grantee <> can.owner AND acl.privilege_type = can.privilege),
           format('take from %I the ownership or the membership through which it has it', r.rolname)) AS "remedy!"
FROM pg_roles r
CROSS JOIN (
    SELECT 'CREATE' AS privilege, format('SCHEMA %I', n.nspname) AS place, n.nspowner AS owner, n.nspacl AS acl, n.oid AS schema
    FROM pg_namespace n
    WHERE n.nspname NOT LIKE 'pg\_temp\_%' AND n.nspname NOT LIKE 'pg\_toast\_temp\_%'
    UNION ALL
    SELECT p.privilege, format('DATABASE %I', d.datname), d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)), NULL
    FROM pg_database d CROSS JOIN (VALUES ('CREATE'), ('TEMPORARY')) p (privilege)
    WHERE d.datname = current_database()
) can
WHERE CASE WHEN can.schema IS NULL
           -- What PUBLIC has is told once, by the rule about PUBLIC.
           THEN has_database_privilege(r.oid, current_database(), can.privilege)
                AND NOT has_database_privilege('public', current_database(), can.privilege)
           ELSE has_schema_privilege(r.oid, can.schema, can.privilege) END
  AND (r.rolname IN ('countersign_app', 'countersign_sweeper', 'countersign_auditor')
       OR r.rolname = 'countersign_lookup' AND can.place <> 'SCHEMA lookup')
ORDER BY 1
