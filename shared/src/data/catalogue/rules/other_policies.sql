-- Whoever looks across tenants does so by a policy that stands in this list, as it stands here.
WITH allowed (relation, role, command, using_text, check_text) AS (VALUES
    ('tenants', 'countersign_lookup', 'r', 'true', NULL),
    ('users', 'countersign_lookup', 'r', 'true', NULL),
    ('api_keys', 'countersign_lookup', 'r', 'true', NULL),
    ('api_key_earlier_secrets', 'countersign_lookup', 'r', 'true', NULL),
    ('outbox', 'countersign_lookup', 'r', 'true', NULL),
    -- The operator makes tenants, so what it repeats is looked for before there is one.
    ('idempotency_keys', 'countersign_lookup', 'r', '(principal = ''operator''::text)', NULL),
    -- The sweep materialises expiry and hands events on, for every tenant.
    ('approval_requests', 'countersign_sweeper', 'r', 'true', NULL),
    ('approval_requests', 'countersign_sweeper', 'w', '(expires_at <= clock_timestamp())', '(status = ''EXPIRED''::text)'),
    ('approval_votes', 'countersign_sweeper', 'r', 'true', NULL),
    ('audit_events', 'countersign_sweeper', '*', 'true', '(recorded_by = ''system:sweep''::text)'),
    ('audit_request_ids', 'countersign_sweeper', '*', 'true', 'true'),
    ('audit_pending', 'countersign_sweeper', '*', 'true', 'true'),
    ('outbox', 'countersign_sweeper', '*', 'true', 'true'),
    ('outbox_deliveries', 'countersign_sweeper', '*', 'true', 'true'),
    ('processed_events', 'countersign_sweeper', '*', 'true', 'true'),
    ('idempotency_keys', 'countersign_sweeper', '*', 'true', 'true')
)
SELECT format('%s on %s', quote_ident(p.polname), p.polrelid::regclass) AS "object!",
       format('DROP POLICY %I ON %s;', p.polname, p.polrelid::regclass) AS "remedy!"
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'lookup')
WHERE p.polpermissive
  -- Those of the roles inside one tenant have a rule of their own; PUBLIC is role 0, and no role of ours.
  AND NOT EXISTS (
      SELECT FROM pg_roles r
      WHERE r.oid = ANY (p.polroles) AND r.rolname IN ('countersign_app', 'countersign_auditor'))
  AND NOT EXISTS (
      SELECT FROM allowed a
      JOIN pg_roles r ON r.rolname = a.role
      WHERE n.nspname = 'public'
        AND a.relation = c.relname
        AND p.polroles = ARRAY[r.oid]
        AND a.command = p.polcmd::text
        AND a.using_text IS NOT DISTINCT FROM pg_get_expr(p.polqual, p.polrelid)
        AND a.check_text IS NOT DISTINCT FROM pg_get_expr(p.polwithcheck, p.polrelid))
ORDER BY 1
