-- Every policy there should be, to the letter, and no other: one that is missing hides a tenant's rows from the tenant
-- itself, one that is too many shows them to others, and a restrictive one does either.
WITH tables AS (
    SELECT c.oid, c.oid::regclass::text AS relation,
           CASE c.oid
               WHEN to_regclass('public.tenants') THEN '(id = (current_setting(''app.tenant_id''::text))::uuid)'
               WHEN to_regclass('public.user_settings') THEN '((tenant_id = (current_setting(''app.tenant_id''::text))::uuid) AND '
                   || '(user_id = (current_setting(''app.user_id''::text))::uuid))'
               ELSE '(tenant_id = (current_setting(''app.tenant_id''::text))::uuid)'
           END AS predicate,
           -- What holds no tenant's rows (a rule of its own asks why) and partitions, which are reached by their parent.
           NOT c.relispartition AND (c.oid = to_regclass('public.tenants') OR EXISTS (
               SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.atttypid = 'uuid'::regtype
           )) AS is_a_tenants
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    WHERE c.relkind IN ('r', 'p')
), across_tenants (relation, policy, role, command, using_text, check_text) AS (VALUES
    ('tenants', 'lookup_read', 'countersign_lookup', 'SELECT', 'true', NULL),
    ('users', 'lookup_read', 'countersign_lookup', 'SELECT', 'true', NULL),
    ('api_keys', 'lookup_read', 'countersign_lookup', 'SELECT', 'true', NULL),
    ('api_key_earlier_secrets', 'lookup_read', 'countersign_lookup', 'SELECT', 'true', NULL),
    ('outbox', 'lookup_read', 'countersign_lookup', 'SELECT', 'true', NULL),
    -- The operator makes tenants, so what it repeats is looked for before there is one.
    ('idempotency_keys', 'lookup_read', 'countersign_lookup', 'SELECT', '(principal = ''operator''::text)', NULL),
    -- The sweep materialises expiry and hands events on, for every tenant.
    ('approval_requests', 'sweep_read', 'countersign_sweeper', 'SELECT', 'true', NULL),
    ('approval_requests', 'sweep_expires', 'countersign_sweeper', 'UPDATE', '(expires_at <= clock_timestamp())',
        '(status = ''EXPIRED''::text)'),
    ('approval_votes', 'sweep_read', 'countersign_sweeper', 'SELECT', 'true', NULL),
    ('audit_events', 'sweep', 'countersign_sweeper', 'ALL', 'true', '(recorded_by = ''system:sweep''::text)'),
    ('audit_request_ids', 'sweep', 'countersign_sweeper', 'ALL', 'true', 'true'),
    ('audit_pending', 'sweep', 'countersign_sweeper', 'ALL', 'true', 'true'),
    ('outbox', 'sweep', 'countersign_sweeper', 'ALL', 'true', 'true'),
    ('outbox_deliveries', 'sweep', 'countersign_sweeper', 'ALL', 'true', 'true'),
    ('processed_events', 'sweep', 'countersign_sweeper', 'ALL', 'true', 'true'),
    ('idempotency_keys', 'sweep', 'countersign_sweeper', 'ALL', 'true', 'true')
), expected (oid, policy, role, command, using_text, check_text) AS (
    SELECT oid, CASE oid WHEN to_regclass('public.user_settings') THEN 'within_tenant_and_user' ELSE 'within_tenant' END,
           'countersign_app', 'ALL', predicate, predicate
    FROM tables WHERE is_a_tenants
    UNION ALL
    -- What an auditor reads; secrets, settings and the machinery are not among it.
    SELECT oid, 'within_tenant_read', 'countersign_auditor', 'SELECT', predicate, NULL
    FROM tables
    WHERE oid IN (
        to_regclass('public.tenants'), to_regclass('public.users'), to_regclass('public.delegations'),
        to_regclass('public.approval_requests'), to_regclass('public.approval_votes'), to_regclass('public.stops'),
        to_regclass('public.audit_events'), to_regclass('public.policies'))
    UNION ALL
    SELECT t.oid, a.policy, a.role, a.command, a.using_text, a.check_text
    FROM across_tenants a JOIN tables t ON t.oid = to_regclass('public.' || a.relation)
), there AS (
    SELECT p.polrelid AS oid, p.polname::text AS policy, p.polroles AS roles, p.polpermissive AS is_permissive,
           CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END
               AS command,
           pg_get_expr(p.polqual, p.polrelid) AS using_text, pg_get_expr(p.polwithcheck, p.polrelid) AS check_text
    FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
)
SELECT format('%I on %s%s', policy, t.relation,
              CASE WHEN there.roles IS NULL THEN ', missing' WHEN e.role IS NOT NULL THEN ', changed' END) AS "object!",
       concat_ws(' ',
           CASE WHEN there.roles IS NOT NULL THEN format('DROP POLICY %I ON %s;', policy, t.relation) END,
           CASE WHEN e.role IS NOT NULL THEN format('CREATE POLICY %I ON %s FOR %s TO %I USING (%s)%s;', policy, t.relation,
               e.command, e.role, e.using_text, ' WITH CHECK (' || e.check_text || ')') END) AS "remedy!"
FROM expected e
FULL JOIN there USING (oid, policy)
JOIN tables t USING (oid)
WHERE e.role IS NULL
   OR there.roles IS NULL
   OR NOT (there.is_permissive
       AND there.roles = ARRAY(SELECT r.oid FROM pg_roles r WHERE r.rolname = e.role)
       AND there.command = e.command
       AND there.using_text IS NOT DISTINCT FROM e.using_text
       -- A policy without WITH CHECK checks what its USING says.
       AND coalesce(there.check_text, there.using_text) IS NOT DISTINCT FROM coalesce(e.check_text, e.using_text))
ORDER BY 1
