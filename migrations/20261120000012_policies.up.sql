-- The policies of each tenant: one text, every version of it kept.
SET LOCAL ROLE countersign_owner;

CREATE TABLE policies (
    tenant_id uuid NOT NULL CONSTRAINT policies_belong_to_a_tenant REFERENCES tenants (id),
    version integer NOT NULL CONSTRAINT policy_versions_count_from_1 CHECK (version >= 1),
    -- Of the tenant's policies as such: every version has the same.
    id uuid NOT NULL,
    cedar text NOT NULL CONSTRAINT policies_have_at_most_64_kib CHECK (octet_length(cedar) <= 65536),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

-- What a tenant begins with: policies/default.cedar, to the letter.
CREATE FUNCTION default_policies() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT $cedar$// The policy of a new tenant. It is yours to change.

// Secrets are not handed to agents, whatever they are asked for. Patterns know no case: a word without its first letter stands
// for `token` and `Token`, and in capitals it stands again.
@id("secrets-never")
@reason("Secrets are never handed to an agent")
forbid (principal, action == Action::"call", resource)
when {
    ["secret", "secrets", "credential", "credentials", "password", "passwords"].containsAny(context.risk_labels) ||
    resource.name like "*ecret*" || resource.name like "*SECRET*" ||
    resource.name like "*assword*" || resource.name like "*PASSWORD*" ||
    resource.name like "*asswd*" || resource.name like "*PASSWD*" ||
    resource.name like "*assphrase*" || resource.name like "*PASSPHRASE*" ||
    resource.name like "*redential*" || resource.name like "*CREDENTIAL*" ||
    resource.name like "*oken*" || resource.name like "*TOKEN*" ||
    // Keys that open something; a key of a map, or on a keyboard, is none.
    resource.name like "*pi_key*" || resource.name like "*piKey*" || resource.name like "*pikey*" ||
    resource.name like "*API_KEY*" || resource.name like "*APIKey*" || resource.name like "*APIKEY*" ||
    resource.name like "*ccess_key*" || resource.name like "*ccessKey*" || resource.name like "*ACCESS_KEY*" ||
    resource.name like "*rivate_key*" || resource.name like "*rivateKey*" || resource.name like "*PRIVATE_KEY*" ||
    resource.name like "*sh_key*" || resource.name like "*shKey*" || resource.name like "*SSH_KEY*" ||
    resource.name like "*igning_key*" || resource.name like "*igningKey*" || resource.name like "*SIGNING_KEY*" ||
    resource.name like "*ncryption_key*" || resource.name like "*ncryptionKey*" || resource.name like "*ENCRYPTION_KEY*" ||
    // The variables of a process, but not the environments that one deploys to.
    resource.name like "env" || resource.name like "*_env" || resource.name like "*.env" || resource.name like "*Env" ||
    resource.name like "*_env_*" || resource.name like "*.env_*" || resource.name like "*_ENV" || resource.name like "*_ENV_*" ||
    resource.name like "*otenv*" || resource.name like "*nvironment_variable*" || resource.name like "*nvironmentVariable*"
};

// Reading is allowed where the caller names no risk but a low one. What does one thing or another (`get_or_create_user`), or
// one and another, is no read.
@id("low-risk-reads")
@reason("Reading with low risk needs nobody")
permit (principal, action == Action::"call", resource)
when {
    ["low", "read"].containsAll(context.risk_labels) &&
    (resource.name like "get_*" || resource.name like "*.get_*" || resource.name like "*.get" ||
     resource.name like "list_*" || resource.name like "*.list_*" || resource.name like "*.list" ||
     resource.name like "read_*" || resource.name like "*.read_*" || resource.name like "*.read" ||
     resource.name like "search_*" || resource.name like "*.search_*" || resource.name like "*.search" ||
     resource.name like "describe_*" || resource.name like "*.describe_*" || resource.name like "*.describe") &&
    !(resource.name like "*_or_*" || resource.name like "*_and_*")
};

// What is not such a reading is taken for a write.
@id("writes")
@reason("A write needs one approval")
@require_approval("quorum=1")
permit (principal, action == Action::"call", resource)
unless {
    ["low", "read"].containsAll(context.risk_labels) &&
    (resource.name like "get_*" || resource.name like "*.get_*" || resource.name like "*.get" ||
     resource.name like "list_*" || resource.name like "*.list_*" || resource.name like "*.list" ||
     resource.name like "read_*" || resource.name like "*.read_*" || resource.name like "*.read" ||
     resource.name like "search_*" || resource.name like "*.search_*" || resource.name like "*.search" ||
     resource.name like "describe_*" || resource.name like "*.describe_*" || resource.name like "*.describe") &&
    !(resource.name like "*_or_*" || resource.name like "*_and_*")
};

@id("production")
@reason("A write in production needs two approvals")
@require_approval("quorum=2; risk=high")
permit (principal, action == Action::"call", resource)
when { context.environment == "production" }
unless {
    ["low", "read"].containsAll(context.risk_labels) &&
    (resource.name like "get_*" || resource.name like "*.get_*" || resource.name like "*.get" ||
     resource.name like "list_*" || resource.name like "*.list_*" || resource.name like "*.list" ||
     resource.name like "read_*" || resource.name like "*.read_*" || resource.name like "*.read" ||
     resource.name like "search_*" || resource.name like "*.search_*" || resource.name like "*.search" ||
     resource.name like "describe_*" || resource.name like "*.describe_*" || resource.name like "*.describe") &&
    !(resource.name like "*_or_*" || resource.name like "*_and_*")
};

// Money is known by a label, by the tool's name, or by an amount in a currency. To read about it is to read.
@id("money")
@reason("Moving money needs two approvals")
@require_approval("quorum=2; risk=high")
permit (principal, action == Action::"call", resource)
when {
    ["money", "payment", "payments"].containsAny(context.risk_labels) ||
    resource.name like "*payment*" ||
    resource.name like "*payout*" ||
    resource.name like "*refund*" ||
    resource.name like "*transfer*" ||
    (context.arguments has amount && context.arguments has currency)
}
unless {
    ["low", "read"].containsAll(context.risk_labels) &&
    (resource.name like "get_*" || resource.name like "*.get_*" || resource.name like "*.get" ||
     resource.name like "list_*" || resource.name like "*.list_*" || resource.name like "*.list" ||
     resource.name like "read_*" || resource.name like "*.read_*" || resource.name like "*.read" ||
     resource.name like "search_*" || resource.name like "*.search_*" || resource.name like "*.search" ||
     resource.name like "describe_*" || resource.name like "*.describe_*" || resource.name like "*.describe") &&
    !(resource.name like "*_or_*" || resource.name like "*_and_*")
};
$cedar$ $$;

-- A tenant is never without policies, whoever makes it. The id is a UUIDv7: 48 bits of Unix milliseconds over a random
-- UUIDv4, whose version 4 becomes 7 with two more bits.
CREATE FUNCTION begin_policies() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO public.policies (tenant_id, version, id, cedar, created_by, created_at)
    VALUES (NEW.id, 1, encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid,
            public.default_policies(), 'system', date_trunc('milliseconds', clock_timestamp()));
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION default_policies() FROM PUBLIC;
REVOKE ALL ON FUNCTION begin_policies() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION default_policies() TO countersign_app;

-- The tenants that are there already. Row-level security binds owners too and shows them no tenant; nobody else sees the
-- moment without it, since ALTER TABLE holds the table until this transaction ends.
ALTER TABLE tenants NO FORCE ROW LEVEL SECURITY;
INSERT INTO policies (tenant_id, version, id, cedar, created_by, created_at)
SELECT t.id, 1, encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
           PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
           FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid,
       default_policies(), 'system', date_trunc('milliseconds', clock_timestamp())
FROM tenants t;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;

CREATE TRIGGER tenant_begins_with_policies AFTER INSERT ON tenants
    FOR EACH ROW EXECUTE FUNCTION begin_policies();

ALTER TABLE policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE policies FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON policies TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON policies FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
-- Append-only: what once decided stays readable as it was.
GRANT SELECT, INSERT ON policies TO countersign_app;
GRANT SELECT ON policies TO countersign_auditor;
RESET ROLE;
