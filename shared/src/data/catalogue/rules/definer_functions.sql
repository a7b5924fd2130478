WITH allowed (signature, grantees) AS (VALUES
    -- The sweep keeps partitions ahead of time, and only the owner may make tables.
    ('public.make_audit_partitions(timestamptz, integer)', '{countersign_sweeper}'::name[])
)
SELECT p.oid::regprocedure::text AS "object!",
       CASE WHEN n.nspname = 'lookup'
            THEN format('ALTER ROUTINE %1$s OWNER TO countersign_lookup; ALTER ROUTINE %1$s SET search_path = pg_catalog, public, pg_temp; '
                        || 'REVOKE ALL ON ROUTINE %1$s FROM PUBLIC; and leave EXECUTE to countersign_app or countersign_sweeper alone.',
                        p.oid::regprocedure)
            ELSE format('ALTER ROUTINE %s SECURITY INVOKER; or move it to the schema lookup.', p.oid::regprocedure)
       END AS "remedy!"
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_roles owner ON owner.oid = p.proowner
LEFT JOIN allowed a ON to_regprocedure(a.signature) = p.oid AND owner.rolname = 'countersign_owner'
CROSS JOIN LATERAL (
    SELECT array_agg(coalesce(r.rolname, 'PUBLIC')) AS grantees
    FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
    LEFT JOIN pg_roles r ON r.oid = acl.grantee
    WHERE acl.grantee <> p.proowner
) given
WHERE p.prosecdef
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND NOT (
      (n.nspname = 'lookup' AND owner.rolname = 'countersign_lookup' OR a.signature IS NOT NULL)
      -- Nothing that a caller could make stands before what is meant.
      AND coalesce('search_path=pg_catalog, public, pg_temp' = ANY (p.proconfig), false)
      AND coalesce(given.grantees, '{}') <@ coalesce(a.grantees, '{countersign_app,countersign_sweeper}'))
ORDER BY 1
