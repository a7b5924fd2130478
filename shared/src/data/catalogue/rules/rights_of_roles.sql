-- What the roles need to do their work, and nothing else: what is on the list and gone is missed, what is there and not on
-- the list is too many. Who may call the definer functions stands with those.
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
    ('decision_links', 'countersign_app', 'SELECT INSERT', NULL),
    ('decision_links', 'countersign_app', 'UPDATE', 'secret_digest api_key_id key_digest created_at expires_at used_at'),
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
    ('billing_history', 'countersign_app', 'SELECT INSERT', NULL),
    ('policies', 'countersign_app', 'SELECT INSERT', NULL),
    ('policies', 'countersign_auditor', 'SELECT', NULL)
), routines (signature, roles) AS (VALUES
    ('settle_approval(uuid, uuid, text, text, timestamptz)', 'countersign_app countersign_sweeper'),
    ('uuid7_floor(timestamptz)', 'countersign_app countersign_sweeper countersign_auditor'),
    ('default_policies()', 'countersign_app'),
    ('stops_lock(uuid)', 'countersign_app'),
    ('admit_request(uuid, text, integer, integer)', 'countersign_app')
), schemas (schema, roles, privileges) AS (VALUES
    ('public', 'countersign_owner', 'USAGE CREATE'),
    ('public', 'countersign_lookup countersign_app countersign_sweeper countersign_auditor', 'USAGE'),
    ('lookup', 'countersign_app countersign_sweeper', 'USAGE')
), wanted (kind, oid, attname, privilege, role) AS (
    SELECT 'relation', c.oid, coalesce(a.attname::text, ''), privilege, w.role
    FROM relations w
    JOIN pg_class c ON c.oid = to_regclass('public.' || w.relation)
    CROSS JOIN unnest(string_to_array(w.privileges, ' ')) privilege
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ANY (string_to_array(w.columns, ' '))
    UNION
    SELECT 'routine', p.oid, '', 'EXECUTE', role
    FROM routines w
    JOIN pg_proc p ON p.oid = to_regprocedure('public.' || w.signature)
    CROSS JOIN unnest(string_to_array(w.roles, ' ')) role
    UNION
    SELECT 'schema', n.oid, '', privilege, role
    FROM schemas w
    JOIN pg_namespace n ON n.nspname = w.schema
    CROSS JOIN unnest(string_to_array(w.privileges, ' ')) privilege
    CROSS JOIN unnest(string_to_array(w.roles, ' ')) role
), ours AS (
    SELECT oid, nspacl, nspowner FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
), given (kind, oid, attname, owner, acl) AS (
    -- Partitions have no rights at all, which is a rule of its own.
    SELECT 'relation', c.oid, '', c.relowner, c.relacl
    FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
    WHERE NOT c.relispartition AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    UNION ALL
    SELECT 'relation', c.oid, a.attname::text, c.relowner, a.attacl
    FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE NOT c.relispartition AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
    UNION ALL
    SELECT 'routine', p.oid, '', p.proowner, p.proacl
    FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    WHERE NOT p.prosecdef AND p.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e')
    UNION ALL
    SELECT 'schema', oid, '', nspowner, nspacl FROM ours
    WHERE oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND deptype = 'e')
), there (kind, oid, attname, privilege, role) AS (
    -- What others have is found by the rules on strangers and on PUBLIC.
    SELECT DISTINCT given.kind, given.oid, given.attname, acl.privilege_type, r.rolname::text
    FROM given CROSS JOIN LATERAL aclexplode(given.acl) acl
    JOIN pg_roles r ON r.oid = acl.grantee AND r.rolname IN (
        'countersign_owner', 'countersign_lookup', 'countersign_migrator',
        'countersign_app', 'countersign_sweeper', 'countersign_auditor')
    WHERE acl.grantee <> given.owner
), differing (kind, oid, attname, privilege, role, is_missing) AS (
    SELECT w.*, true FROM wanted w
    WHERE NOT EXISTS (
        -- A right on the whole table is one on its columns too.
        SELECT FROM there t
        WHERE (t.kind, t.oid, t.privilege, t.role) = (w.kind, w.oid, w.privilege, w.role) AND t.attname IN (w.attname, ''))
    UNION ALL
    SELECT t.*, false FROM (SELECT * FROM there EXCEPT SELECT * FROM wanted) t
)
SELECT format('%s%s on %s for %I%s', privilege, part, object, role, CASE WHEN is_missing THEN ', missing' END) AS "object!",
       CASE WHEN is_missing THEN format('GRANT %s%s ON %s TO %I;', privilege, part, object, role)
            -- With the right on the whole table Postgres takes those on its columns away too.
            ELSE concat_ws(' ', format('REVOKE %s%s ON %s FROM %I;', privilege, part, object, role),
                'GRANT ' || privilege || kept.columns || format(' ON %s TO %I;', object, role)) END AS "remedy!"
FROM differing d
CROSS JOIN LATERAL (SELECT
    CASE kind WHEN 'relation' THEN CASE WHEN c.relkind = 'S' THEN 'SEQUENCE ' ELSE '' END || d.oid::regclass
              WHEN 'routine' THEN 'ROUTINE ' || d.oid::regprocedure
              ELSE format('SCHEMA %s', d.oid::regnamespace) END AS object,
    CASE attname WHEN '' THEN '' ELSE format(' (%I)', attname) END AS part
    FROM (SELECT) nothing LEFT JOIN pg_class c ON c.oid = d.oid AND d.kind = 'relation') named
CROSS JOIN LATERAL (
    SELECT ' (' || string_agg(quote_ident(w.attname), ', ' ORDER BY w.attname) || ')' AS columns FROM wanted w
    WHERE d.attname = '' AND (w.kind, w.oid, w.privilege, w.role) = (d.kind, d.oid, d.privilege, d.role) AND w.attname <> ''
) kept
ORDER BY 1
