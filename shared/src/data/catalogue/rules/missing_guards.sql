-- The triggers that hold the states of approvals and give a tenant its policies, and the foreign keys. One that was dropped is noticed by nobody until a
-- row is wrong.
WITH triggers (relation, name, moment, events, function) AS (VALUES
    ('approval_requests', 'approval_begins_pending', 'BEFORE', 'INSERT', 'guard_new_approval'),
    ('approval_requests', 'approval_state_machine', 'BEFORE', 'UPDATE', 'guard_approval'),
    ('approval_votes', 'vote_on_what_is_pending', 'BEFORE', 'INSERT OR UPDATE', 'guard_vote'),
    ('tenants', 'tenant_begins_with_policies', 'AFTER', 'INSERT', 'begin_policies')
), foreign_keys (relation, name, columns, referenced, referenced_columns) AS (VALUES
    ('users', 'user_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('user_settings', 'settings_belong_to_a_user', 'tenant_id, user_id', 'users', 'tenant_id, id'),
    ('delegations', 'delegation_is_from_a_user', 'tenant_id, user_id', 'users', 'tenant_id, id'),
    ('delegations', 'delegation_is_to_a_user', 'tenant_id, delegate_to', 'users', 'tenant_id, id'),
    ('api_keys', 'api_key_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('api_keys', 'api_key_user_exists', 'tenant_id, user_id', 'users', 'tenant_id, id'),
    ('api_keys', 'api_key_owner_exists', 'tenant_id, owner_user_id', 'users', 'tenant_id, id'),
    ('api_key_earlier_secrets', 'earlier_secret_belongs_to_a_key', 'tenant_id, api_key_id', 'api_keys', 'tenant_id, id'),
    ('approval_requests', 'approval_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('approval_requests', 'approval_owner_exists', 'tenant_id, owner_user_id', 'users', 'tenant_id, id'),
    ('approval_votes', 'vote_is_on_an_approval', 'tenant_id, approval_id', 'approval_requests', 'tenant_id, id'),
    ('decision_links', 'link_is_to_an_approval', 'tenant_id, approval_id', 'approval_requests', 'tenant_id, id'),
    ('decision_links', 'link_is_of_a_user', 'tenant_id, user_id', 'users', 'tenant_id, id'),
    ('decision_links', 'link_is_made_with_a_key', 'tenant_id, api_key_id', 'api_keys', 'tenant_id, id'),
    ('stops', 'stop_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('outbox', 'event_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('outbox_deliveries', 'delivery_is_of_an_event', 'tenant_id, event_id', 'outbox', 'tenant_id, id'),
    ('memberships', 'membership_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('billing_history', 'billing_belongs_to_a_tenant', 'tenant_id', 'tenants', 'id'),
    ('policies', 'policies_belong_to_a_tenant', 'tenant_id', 'tenants', 'id')
)
SELECT format('%I on %s, %s', g.name, to_regclass('public.' || g.relation),
              CASE WHEN t.oid IS NULL THEN 'missing' ELSE 'changed' END) AS "object!",
       format('CREATE OR REPLACE TRIGGER %I %s %s ON public.%I FOR EACH ROW EXECUTE FUNCTION public.%I();',
              g.name, g.moment, g.events, g.relation, g.function) AS "remedy!"
FROM triggers g
LEFT JOIN pg_trigger t ON t.tgrelid = to_regclass('public.' || g.relation) AND t.tgname = g.name AND NOT t.tgisinternal
WHERE t.oid IS NULL
   -- 1 for a row's, 2 for before it; 4 for INSERT, 16 for UPDATE (pg_trigger.h).
   OR t.tgtype <> 1 + CASE g.moment WHEN 'BEFORE' THEN 2 ELSE 0 END + CASE WHEN g.events LIKE '%INSERT%' THEN 4 ELSE 0 END + CASE WHEN g.events LIKE '%UPDATE%' THEN 16 ELSE 0 END
   OR t.tgfoid IS DISTINCT FROM to_regprocedure(format('public.%I()', g.function))::oid
   -- On every column, whatever the row.
   OR t.tgattr <> '' OR t.tgqual IS NOT NULL
UNION ALL
SELECT format('%I on %s, %s', g.name, to_regclass('public.' || g.relation),
              CASE WHEN k.oid IS NULL THEN 'missing' ELSE 'changed' END),
       format('ALTER TABLE public.%I %sADD CONSTRAINT %I FOREIGN KEY (%s) REFERENCES public.%I (%s);', g.relation,
              CASE WHEN k.oid IS NULL THEN '' ELSE format('DROP CONSTRAINT %I, ', g.name) END,
              g.name, g.columns, g.referenced, g.referenced_columns)
FROM foreign_keys g
LEFT JOIN pg_constraint k ON k.conrelid = to_regclass('public.' || g.relation) AND k.conname = g.name
WHERE k.oid IS NULL
   OR k.contype <> 'f'
   OR k.confrelid IS DISTINCT FROM to_regclass('public.' || g.referenced)::oid
   -- Nothing is deleted or changed along, and nothing waits for the commit.
   OR k.confdeltype <> 'a' OR k.confupdtype <> 'a' OR k.condeferrable
   OR g.columns IS DISTINCT FROM (
       SELECT string_agg(a.attname, ', ' ORDER BY u.place)
       FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
       JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number)
   OR g.referenced_columns IS DISTINCT FROM (
       SELECT string_agg(a.attname, ', ' ORDER BY u.place)
       FROM unnest(k.confkey) WITH ORDINALITY u (number, place)
       JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number)
ORDER BY 1
