-- The functions that act as their owner, each with the one role that may call it. No other function does.
WITH allowed (signature, caller) AS (VALUES
    -- Authentication happens before there is a tenant.
    ('lookup.api_key(uuid, uuid)', 'countersign_app'),
    -- The operator lists all tenants, and repeats a request before there is one.
    ('lookup.tenants_page(uuid, integer)', 'countersign_app'),
    ('lookup.operator_idempotency(text, text)', 'countersign_app'),
    -- Readiness asks how far behind the outbox is.
    ('lookup.outbox_backlog()', 'countersign_app'),
    -- The sweep keeps partitions ahead of time, and only the owner may make tables.
    ('public.make_audit_partitions(timestamptz, integer)', 'countersign_sweeper')
), there AS (
    SELECT p.oid, p.oid::regprocedure::text AS signature, p.prosecdef, p.proowner, p.proacl,
           -- Nothing that a caller could make stands before what is meant.
           coalesce('search_path=pg_catalog, public, pg_temp' = ANY (p.proconfig), false) AS has_fixed_path
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
)
SELECT coalesce(t.signature, a.signature || ', missing') AS "object!",
       CASE
           WHEN t.oid IS NULL THEN format('make %1$s again as its migration does; GRANT EXECUTE ON ROUTINE %1$s TO %2$I;',
               a.signature, a.caller)
           WHEN a.signature IS NULL THEN format('ALTER ROUTINE %s SECURITY INVOKER;', t.signature)
           ELSE concat_ws(' ',
               CASE WHEN NOT t.prosecdef THEN format('ALTER ROUTINE %s SECURITY DEFINER;', t.signature) END,
               CASE WHEN NOT t.has_fixed_path
                    THEN format('ALTER ROUTINE %s SET search_path = pg_catalog, public, pg_temp;', t.signature) END,
               (SELECT format('REVOKE EXECUTE ON ROUTINE %s FROM %s;', t.signature,
                              string_agg(CASE other WHEN 'PUBLIC' THEN other ELSE quote_ident(other) END, ', '))
                FROM unnest(given.callers) other WHERE other <> a.caller
                HAVING count(*) > 0),
               CASE WHEN NOT a.caller = ANY (given.callers)
                    THEN format('GRANT EXECUTE ON ROUTINE %s TO %I;', t.signature, a.caller) END)
       END AS "remedy!"
FROM allowed a
FULL JOIN there t ON t.oid = to_regprocedure(a.signature)::oid
CROSS JOIN LATERAL (
    SELECT ARRAY(
        SELECT coalesce(r.rolname, 'PUBLIC')::text
        FROM aclexplode(coalesce(t.proacl, acldefault('f', t.proowner))) acl
        LEFT JOIN pg_roles r ON r.oid = acl.grantee
        WHERE acl.grantee <> t.proowner) AS callers
) given
WHERE t.oid IS NULL
   OR a.signature IS NULL AND t.prosecdef
   OR a.signature IS NOT NULL AND NOT (t.prosecdef AND t.has_fixed_path AND given.callers = ARRAY[a.caller])
ORDER BY 1
