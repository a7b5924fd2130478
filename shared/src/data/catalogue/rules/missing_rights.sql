-- What the roles need to do their work. Who may call the definer functions stands with those.
WITH relations (relation, role, privileges, columns) AS (VALUES
    ('_sqlx_migrations', 'countersign_app', 'SELECT', NULL),
    ('tenants', 'countersign_app', 'SELECT INSERT UPDATE', NULL),
    ('tenants', 'countersign_auditor', 'SELECT', NULL),
    ('tenants', 'countersign_lookup', 'SELECT', NULL),
    ('users', 'countersign_app', 'SELECT INSERT UPDATE', NULL),
    ('users', 'countersign_auditor', 'SELECT', NULL),
    ('users', 'countersign_lookup', 'SELECT', NULL),
    ('user_settings', 'countersign_app', 'SELECT INSERT UPDATE', NULL),
    ('delegations', 'countersign_app', 'SELECT INSERT UPDATE DELETE', NULL),
    ('delegations', 'countersign_auditor', 'SELECT', NULL),
    ('api_keys', 'countersign_app', 'SELECT INSERT UPDATE', NULL),
    ('api_keys', 'countersign_lookup', 'SELECT', NULL),
    ('api_key_earlier_secrets', 'countersign_app', 'SELECT INSERT UPDATE DELETE', NULL),
    ('api_key_earlier_secrets', 'countersign_lookup', 'SELECT', NULL),
    ('approval_requests', 'countersign_app', 'SELECT INSERT', NULL),
    ('approval_requests', 'countersign_app', 'UPDATE', 'status version decided_at'),
    -- Not the nonce, which would let short arguments be guessed, nor the digest of the token.
    ('approval_requests', 'countersign_auditor', 'SELECT',
        'tenant_id id request_id status version requested_by owner_user_id tool_call display_hash action_digest reason '
        || 'risk_labels required_approvals approver_groups policy_id policy_version created_at expires_at decided_at'),
    ('approval_requests', 'countersign_sweeper', 'SELECT', NULL),
    ('approval_requests', 'countersign_sweeper', 'UPDATE', 'status version decided_at'),
    ('approval_votes', 'countersign_app', 'SELECT INSERT', NULL),
    ('approval_votes', 'countersign_app', 'UPDATE', 'decision on_behalf_of note voted_at'),
    ('approval_votes', 'countersign_auditor', 'SELECT', NULL),
    ('approval_votes', 'countersign_sweeper', 'SELECT', NULL),
    ('stops', 'countersign_app', 'SELECT INSERT', NULL),
    ('stops', 'countersign_app', 'UPDATE', 'lifted_at lifted_by'),
    ('stops', 'countersign_auditor', 'SELECT', NULL),
    ('audit_events', 'countersign_app', 'SELECT INSERT', NULL),
    ('audit_events', 'countersign_auditor', 'SELECT', NULL),
    ('audit_events', 'countersign_sweeper', 'SELECT INSERT', NULL),
    ('audit_request_ids', 'countersign_app', 'SELECT INSERT', NULL),
    ('audit_request_ids', 'countersign_sweeper', 'SELECT INSERT', NULL),
    ('audit_pending', 'countersign_app', 'SELECT INSERT', NULL),
    ('audit_pending', 'countersign_sweeper', 'SELECT INSERT', NULL),
    ('outbox', 'countersign_app', 'SELECT INSERT', NULL),
    ('outbox', 'countersign_lookup', 'SELECT', NULL),
    ('outbox', 'countersign_sweeper', 'SELECT INSERT', NULL),
    ('outbox', 'countersign_sweeper', 'UPDATE', 'processed_at'),
    ('outbox_deliveries', 'countersign_app', 'SELECT', NULL),
    ('outbox_deliveries', 'countersign_sweeper', 'SELECT INSERT UPDATE', NULL),
    ('processed_events', 'countersign_app', 'SELECT INSERT', NULL),
    ('processed_events', 'countersign_sweeper', 'SELECT INSERT', NULL),
    ('idempotency_keys', 'countersign_app', 'SELECT INSERT UPDATE DELETE', NULL),
    ('idempotency_keys', 'countersign_lookup', 'SELECT', NULL),
    ('idempotency_keys', 'countersign_sweeper', 'SELECT DELETE', NULL),
    ('memberships', 'countersign_app', 'SELECT INSERT UPDATE', NULL),
    ('billing_history', 'countersign_app', 'SELECT INSERT', NULL)
), routines (signature, roles) AS (VALUES
    ('settle_approval(uuid, uuid, text, text, timestamptz)', 'countersign_app countersign_sweeper'),
    ('stops_lock(uuid)', 'countersign_app'),
    ('admit_request(uuid, text, integer, integer)', 'countersign_app'),
    ('uuid7_floor(timestamptz)', 'countersign_app countersign_sweeper countersign_auditor')
), schemas (schema, roles, privileges) AS (VALUES
    ('public', 'countersign_owner', 'USAGE CREATE'),
    ('public', 'countersign_lookup countersign_app countersign_sweeper countersign_auditor', 'USAGE'),
    ('lookup', 'countersign_app countersign_sweeper', 'USAGE')
), wanted (object, privilege, columns, role, acl) AS (
    -- A right on the whole table is one on its columns too.
    SELECT c.oid::regclass::text, privilege, CASE WHEN a.attname IS NULL THEN '' ELSE format(' (%I)', a.attname) END, w.role,
           coalesce(c.relacl, '{}') || coalesce(a.attacl, '{}')
    FROM relations w
    JOIN pg_class c ON c.oid = to_regclass('public.' || w.relation)
    CROSS JOIN unnest(string_to_array(w.privileges, ' ')) privilege
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ANY (string_to_array(w.columns, ' '))
    UNION ALL
    SELECT 'ROUTINE ' || p.oid::regprocedure, 'EXECUTE', '', role, p.proacl
    FROM routines w
    JOIN pg_proc p ON p.oid = to_regprocedure('public.' || w.signature)
    CROSS JOIN unnest(string_to_array(w.roles, ' ')) role
    UNION ALL
    SELECT format('SCHEMA %I', n.nspname), privilege, '', role, n.nspacl
    FROM schemas w
    JOIN pg_namespace n ON n.nspname = w.schema
    CROSS JOIN unnest(string_to_array(w.privileges, ' ')) privilege
    CROSS JOIN unnest(string_to_array(w.roles, ' ')) role
)
SELECT format('%s%s on %s for %I, missing', privilege, w.columns, w.object, w.role) AS "object!",
       format('GRANT %s%s ON %s TO %I;', privilege, w.columns, w.object, w.role) AS "remedy!"
FROM wanted w
WHERE NOT EXISTS (
    SELECT FROM aclexplode(w.acl) acl
    JOIN pg_roles r ON r.oid = acl.grantee AND r.rolname = w.role
    WHERE acl.privilege_type = w.privilege)
ORDER BY 1
