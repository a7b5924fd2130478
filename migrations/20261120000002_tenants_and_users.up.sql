-- Tenants, their people, and what people set for themselves.
--
-- Every policy is the bare comparison with app.tenant_id: without a tenant context the cast fails, so forgetting it is
-- an error and never an empty answer.
SET LOCAL ROLE countersign_owner;

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL CONSTRAINT tenant_name_has_1_to_200_characters CHECK (char_length(name) BETWEEN 1 AND 200),
    -- The operator's own namespace, the only uniqueness that reaches across tenants.
    slug text NOT NULL CONSTRAINT tenant_slug_is_unique UNIQUE,
    plan text NOT NULL DEFAULT 'free' CONSTRAINT tenant_plan_is_known CHECK (plan IN ('free', 'monthly', 'annual')),
    status text NOT NULL DEFAULT 'ACTIVE' CONSTRAINT tenant_status_is_known CHECK (status IN ('ACTIVE', 'SUSPENDED')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON tenants TO countersign_app
    USING (id = current_setting('app.tenant_id')::uuid) WITH CHECK (id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON tenants FOR SELECT TO countersign_auditor
    USING (id = current_setting('app.tenant_id')::uuid);
CREATE POLICY lookup_read ON tenants FOR SELECT TO countersign_lookup USING (true);
GRANT SELECT, INSERT, UPDATE ON tenants TO countersign_app;
GRANT SELECT ON tenants TO countersign_auditor, countersign_lookup;

CREATE TABLE users (
    tenant_id uuid NOT NULL CONSTRAINT user_belongs_to_a_tenant REFERENCES tenants (id),
    id uuid NOT NULL,
    email text NOT NULL CONSTRAINT user_email_has_3_to_254_characters CHECK (char_length(email) BETWEEN 3 AND 254),
    name text NOT NULL CONSTRAINT user_name_has_1_to_200_characters CHECK (char_length(name) BETWEEN 1 AND 200),
    role text NOT NULL CONSTRAINT user_role_is_a_persons CHECK (role IN ('admin', 'approver', 'auditor')),
    groups text[] NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'ACTIVE' CONSTRAINT user_status_is_known CHECK (status IN ('ACTIVE', 'DEACTIVATED')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX user_email_is_unique_in_its_tenant ON users (tenant_id, lower(email));
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON users TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON users FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY lookup_read ON users FOR SELECT TO countersign_lookup USING (true);
GRANT SELECT, INSERT, UPDATE ON users TO countersign_app;
GRANT SELECT ON users TO countersign_auditor, countersign_lookup;

-- Personal: not even an admin of the tenant sees another person's row, so the policy names the user as well.
CREATE TABLE user_settings (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    time_zone text NOT NULL,
    locale text NOT NULL,
    notifications jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT settings_belong_to_a_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
ALTER TABLE user_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant_and_user ON user_settings TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid AND user_id = current_setting('app.user_id')::uuid)
    WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid AND user_id = current_setting('app.user_id')::uuid);
GRANT SELECT, INSERT, UPDATE ON user_settings TO countersign_app;

-- What the tenant must see of a person who is away stands apart from what only that person sees.
CREATE TABLE delegations (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    delegate_to uuid NOT NULL,
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT delegation_is_from_a_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT delegation_is_to_a_user FOREIGN KEY (tenant_id, delegate_to) REFERENCES users (tenant_id, id),
    CONSTRAINT delegation_is_never_to_oneself CHECK (delegate_to <> user_id),
    CONSTRAINT delegation_ends_after_it_begins CHECK (until_at > from_at)
);
ALTER TABLE delegations ENABLE ROW LEVEL SECURITY;
ALTER TABLE delegations FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON delegations TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON delegations FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON delegations TO countersign_app;
GRANT SELECT ON delegations TO countersign_auditor;

-- The operator lists all tenants; nothing but their own columns leaves, a page at a time, newest first.
SET LOCAL ROLE countersign_lookup;
CREATE FUNCTION lookup.tenants_page(before uuid, page_size integer)
RETURNS TABLE (id uuid, name text, slug text, plan text, status text, created_at timestamptz, updated_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT t.id, t.name, t.slug, t.plan, t.status, t.created_at, t.updated_at
    FROM public.tenants t
    WHERE before IS NULL OR t.id < before
    ORDER BY t.id DESC
    LIMIT page_size
$$;
REVOKE ALL ON FUNCTION lookup.tenants_page(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup.tenants_page(uuid, integer) TO countersign_app;
RESET ROLE;
