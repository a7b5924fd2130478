-- Decision links: a capability of one person to decide once on one request, from wherever the message reached them.
SET LOCAL ROLE countersign_owner;

CREATE TABLE decision_links (
    tenant_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    -- Whose it is. One a person and request: asking again replaces it.
    user_id uuid NOT NULL,
    -- SHA-256 of the secret; the secret itself is shown once and kept nowhere.
    secret_digest bytea NOT NULL CONSTRAINT link_digest_is_a_sha256 CHECK (octet_length(secret_digest) = 32),
    -- The key it was made with, and SHA-256 of the hash of that key's secret at the time: the link ends with that secret.
    api_key_id uuid NOT NULL,
    key_digest bytea NOT NULL CONSTRAINT link_key_digest_is_a_sha256 CHECK (octet_length(key_digest) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (tenant_id, approval_id, user_id),
    CONSTRAINT link_is_to_an_approval FOREIGN KEY (tenant_id, approval_id) REFERENCES approval_requests (tenant_id, id),
    CONSTRAINT link_is_of_a_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT link_is_made_with_a_key FOREIGN KEY (tenant_id, api_key_id) REFERENCES api_keys (tenant_id, id)
);
ALTER TABLE decision_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision_links FORCE ROW LEVEL SECURITY;
-- The secret carries its tenant, so no look-up crosses tenants.
CREATE POLICY within_tenant ON decision_links TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE (secret_digest, api_key_id, key_digest, created_at, expires_at, used_at) ON decision_links TO countersign_app;
RESET ROLE;
