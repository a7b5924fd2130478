-- API keys: the key id in clear, its secrets only as bcrypt.
SET LOCAL ROLE countersign_owner;

CREATE TABLE api_keys (
    tenant_id uuid NOT NULL CONSTRAINT api_key_belongs_to_a_tenant REFERENCES tenants (id),
    id uuid NOT NULL,
    -- An agent's name for itself, or else the person whose key this is.
    caller_id text CONSTRAINT caller_id_has_1_to_200_characters CHECK (char_length(caller_id) BETWEEN 1 AND 200),
    user_id uuid,
    -- The person who answers for an agent, and so may not decide on its requests.
    owner_user_id uuid,
    key_hash text NOT NULL,
    -- The principal that saw the current secret: whoever mints a credential could use it.
    minted_by text NOT NULL,
    -- Those that saw earlier ones. They stay: who once held a credential could have minted themselves another with it.
    former_minters text[] NOT NULL DEFAULT '{}',
    role text NOT NULL CONSTRAINT api_key_role_is_known CHECK (role IN ('admin', 'approver', 'auditor', 'agent')),
    trust_level smallint NOT NULL DEFAULT 1 CONSTRAINT trust_level_is_0_to_4 CHECK (trust_level BETWEEN 0 AND 4),
    environment text NOT NULL DEFAULT 'dev'
        CONSTRAINT api_key_environment_is_known CHECK (environment IN ('dev', 'staging', 'production')),
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_key_user_exists FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT api_key_owner_exists FOREIGN KEY (tenant_id, owner_user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT agents_have_a_caller_id_and_people_a_user
        CHECK ((role = 'agent') = (caller_id IS NOT NULL) AND (role = 'agent') = (user_id IS NULL)),
    CONSTRAINT only_agents_have_owners CHECK (owner_user_id IS NULL OR role = 'agent')
);
CREATE UNIQUE INDEX caller_id_is_unique_among_active_keys ON api_keys (tenant_id, caller_id) WHERE is_active;
CREATE INDEX api_keys_of_a_user ON api_keys (tenant_id, user_id);
-- The look-up without a tenant (see below) finds its row by the key id alone.
CREATE INDEX api_keys_by_id ON api_keys (id);

-- Secrets that a rotation left valid for a while.
CREATE TABLE api_key_earlier_secrets (
    tenant_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    key_hash text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, api_key_id, key_hash),
    CONSTRAINT earlier_secret_belongs_to_a_key FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_keys (tenant_id, id)
);

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE api_key_earlier_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key_earlier_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON api_keys TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON api_key_earlier_secrets TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY lookup_read ON api_keys FOR SELECT TO countersign_lookup USING (true);
CREATE POLICY lookup_read ON api_key_earlier_secrets FOR SELECT TO countersign_lookup USING (true);
GRANT SELECT, INSERT, UPDATE ON api_keys TO countersign_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_key_earlier_secrets TO countersign_app;
GRANT SELECT ON api_keys, api_key_earlier_secrets TO countersign_lookup;

-- Authentication happens before there is a tenant context, and must see key, person and tenant in one round trip so that
-- revocation, rotation, deactivation, suspension and expiry hold on the next request. A null tenant asks for the key
-- wherever it lives: the operator's routes need it to tell a tenant's key (403) from an unknown one (401).
SET LOCAL ROLE countersign_lookup;
CREATE FUNCTION lookup.api_key(in_tenant uuid, key_id uuid)
RETURNS TABLE (
    tenant_id uuid, id uuid, role text, caller_id text, user_id uuid, owner_user_id uuid,
    trust_level smallint, environment text, key_hashes text[], used_this_minute boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT k.tenant_id, k.id, coalesce(u.role, k.role), k.caller_id, k.user_id, k.owner_user_id,
           k.trust_level, k.environment,
           ARRAY[k.key_hash] || ARRAY(
               SELECT e.key_hash FROM public.api_key_earlier_secrets e
               WHERE e.tenant_id = k.tenant_id AND e.api_key_id = k.id AND e.expires_at > clock_timestamp()
               ORDER BY e.expires_at DESC),
           coalesce(k.last_used_at >= date_trunc('minute', clock_timestamp()), false)
    FROM public.api_keys k
    JOIN public.tenants t ON t.id = k.tenant_id AND t.status = 'ACTIVE'
    LEFT JOIN public.users u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
    WHERE k.id = key_id
      AND (in_tenant IS NULL OR k.tenant_id = in_tenant)
      AND k.is_active
      AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND (k.user_id IS NULL OR u.status = 'ACTIVE')
$$;
REVOKE ALL ON FUNCTION lookup.api_key(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup.api_key(uuid, uuid) TO countersign_app;
RESET ROLE;
