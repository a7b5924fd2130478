-- Approval requests and the votes on them.
SET LOCAL ROLE countersign_owner;

CREATE TABLE approval_requests (
    tenant_id uuid NOT NULL CONSTRAINT approval_belongs_to_a_tenant REFERENCES tenants (id),
    id uuid NOT NULL,
    request_id text NOT NULL,
    status text NOT NULL DEFAULT 'PENDING' CONSTRAINT approval_status_is_known CHECK (status IN (
        'PENDING', 'APPROVED', 'DENIED', 'EXPIRED', 'CANCELLED', 'CONSUMED', 'REVOKED')),
    -- Raised by every accepted vote and every transition; what `after_version` and event payloads order by.
    version integer NOT NULL DEFAULT 1,
    requested_by text NOT NULL,
    owner_user_id uuid,
    -- As shown to people: sanitized, never the raw arguments.
    tool_call jsonb NOT NULL,
    display_hash text NOT NULL,
    action_digest text NOT NULL,
    -- Shown to nobody: without it, short arguments could be guessed from the digest.
    action_nonce bytea NOT NULL,
    reason text NOT NULL,
    risk_labels text[] NOT NULL DEFAULT '{}',
    required_approvals integer NOT NULL CONSTRAINT quorum_is_at_least_1 CHECK (required_approvals >= 1),
    approver_groups text[] NOT NULL DEFAULT '{}',
    -- SHA-256 of the requester's token; the token itself is shown once and kept nowhere.
    token_digest bytea NOT NULL CONSTRAINT token_digest_is_a_sha256 CHECK (octet_length(token_digest) = 32),
    policy_id text,
    policy_version integer,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT token_is_unique_in_its_tenant UNIQUE (tenant_id, token_digest),
    CONSTRAINT approval_owner_exists FOREIGN KEY (tenant_id, owner_user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT approval_expires_after_it_begins CHECK (expires_at > created_at)
);
CREATE INDEX approvals_by_status ON approval_requests (tenant_id, status, id DESC);
CREATE INDEX approvals_by_requester ON approval_requests (tenant_id, requested_by, id DESC);
CREATE INDEX approvals_by_tool ON approval_requests (tenant_id, (tool_call ->> 'tool'), id DESC);
-- The sweep looks for what is due across all tenants.
CREATE INDEX approvals_that_can_expire ON approval_requests (expires_at) WHERE status IN ('PENDING', 'APPROVED');

CREATE TABLE approval_votes (
    tenant_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    -- One person counts once, whatever keys or groups they have.
    approver text NOT NULL,
    decision text NOT NULL CONSTRAINT vote_is_known CHECK (decision IN ('APPROVE', 'DENY')),
    on_behalf_of text,
    note text,
    voted_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, approval_id, approver),
    CONSTRAINT vote_is_on_an_approval FOREIGN KEY (tenant_id, approval_id) REFERENCES approval_requests (tenant_id, id)
);

ALTER TABLE approval_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE approval_requests FORCE ROW LEVEL SECURITY;
ALTER TABLE approval_votes ENABLE ROW LEVEL SECURITY;
ALTER TABLE approval_votes FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON approval_requests TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON approval_votes TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON approval_requests FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON approval_votes FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
-- The sweep materialises expiry for every tenant, and shows each expired request with its votes in the event.
CREATE POLICY sweep_read ON approval_requests FOR SELECT TO countersign_sweeper USING (true);
CREATE POLICY sweep_expires ON approval_requests FOR UPDATE TO countersign_sweeper
    USING (expires_at <= clock_timestamp()) WITH CHECK (status = 'EXPIRED');
CREATE POLICY sweep_read ON approval_votes FOR SELECT TO countersign_sweeper USING (true);
GRANT SELECT, INSERT, UPDATE (status, version, decided_at) ON approval_requests TO countersign_app;
GRANT SELECT, INSERT, UPDATE (decision, note, voted_at) ON approval_votes TO countersign_app;
GRANT SELECT ON approval_requests, approval_votes TO countersign_sweeper;
-- Not the nonce, which would let short arguments be guessed, nor the digest of the token.
GRANT SELECT (tenant_id, id, request_id, status, version, requested_by, owner_user_id, tool_call, display_hash,
              action_digest, reason, risk_labels, required_approvals, approver_groups, policy_id, policy_version,
              created_at, expires_at, decided_at) ON approval_requests TO countersign_auditor;
GRANT SELECT ON approval_votes TO countersign_auditor;
GRANT UPDATE (status, version, decided_at) ON approval_requests TO countersign_sweeper;

-- The guard of every transition: the vote, cancellation and expiry by the sweep all pass through here. It moves nothing
-- unless the row still has the status the caller saw under its lock, and time agrees: a request past its deadline can
-- only expire, one before it can do anything but expire. The clock is the database's, read now, not at the
-- transaction's start.
CREATE FUNCTION settle_approval(of_tenant uuid, approval uuid, from_status text, to_status text, at timestamptz)
RETURNS SETOF approval_requests
LANGUAGE sql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp
AS $$
    UPDATE public.approval_requests
    SET status = to_status,
        version = version + 1,
        decided_at = CASE to_status
            WHEN 'APPROVED' THEN at
            WHEN 'DENIED' THEN at
            WHEN 'CANCELLED' THEN NULL
            WHEN 'EXPIRED' THEN NULL
            ELSE decided_at END
    WHERE tenant_id = of_tenant
      AND id = approval
      AND status = from_status
      AND (to_status = 'EXPIRED') = (expires_at <= clock_timestamp())
    RETURNING *
$$;

-- Whatever code runs, the state machine holds: no status is left that may not be left, nothing is decided after the
-- deadline or expires before it, no approval lacks its votes, versions count up by one, and everything else stays as it
-- was asked for.
CREATE FUNCTION guard_approval() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.status <> OLD.status AND NOT (
        (OLD.status = 'PENDING' AND NEW.status IN ('APPROVED', 'DENIED', 'EXPIRED', 'CANCELLED'))
        OR (OLD.status = 'APPROVED' AND NEW.status IN ('EXPIRED', 'CANCELLED', 'CONSUMED', 'REVOKED')))
    THEN
        RAISE EXCEPTION 'an approval cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.status NOT IN ('PENDING', 'APPROVED') AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a % approval is final', OLD.status USING ERRCODE = 'check_violation';
    END IF;
    -- The second is for the clock that moved on since the statement compared it.
    IF (NEW.status = 'EXPIRED' AND OLD.expires_at > clock_timestamp())
       OR (NEW.status <> 'EXPIRED' AND OLD.expires_at < clock_timestamp() - interval '1 second')
    THEN
        RAISE EXCEPTION 'an approval expires at its deadline, and does nothing else after it'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'a change of an approval raises its version by one' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status = 'APPROVED' AND OLD.status = 'PENDING' AND NEW.required_approvals > (
        SELECT count(*) FROM public.approval_votes v
        WHERE v.tenant_id = NEW.tenant_id AND v.approval_id = NEW.id AND v.decision = 'APPROVE')
    THEN
        RAISE EXCEPTION 'an approval needs its votes' USING ERRCODE = 'check_violation';
    END IF;
    IF to_jsonb(NEW) - '{status,version,decided_at}'::text[]
       IS DISTINCT FROM to_jsonb(OLD) - '{status,version,decided_at}'::text[]
    THEN
        RAISE EXCEPTION 'what was asked for cannot change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approval_state_machine BEFORE UPDATE ON approval_requests
    FOR EACH ROW EXECUTE FUNCTION guard_approval();

-- A request begins at its beginning.
CREATE FUNCTION guard_new_approval() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NEW.status <> 'PENDING' OR NEW.version <> 1 OR NEW.decided_at IS NOT NULL THEN
        RAISE EXCEPTION 'an approval begins PENDING, at version 1' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER approval_begins_pending BEFORE INSERT ON approval_requests
    FOR EACH ROW EXECUTE FUNCTION guard_new_approval();

-- Votes are cast while the request is pending; the only change of mind is from an approval to a denial.
CREATE FUNCTION guard_vote() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.approval_requests r
        WHERE r.tenant_id = NEW.tenant_id AND r.id = NEW.approval_id AND r.status = 'PENDING')
    THEN
        RAISE EXCEPTION 'only a pending approval can be voted on' USING ERRCODE = 'check_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NOT (OLD.decision = 'APPROVE' AND NEW.decision = 'DENY') THEN
        RAISE EXCEPTION 'a vote can only turn from APPROVE to DENY' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER vote_on_what_is_pending BEFORE INSERT OR UPDATE ON approval_votes
    FOR EACH ROW EXECUTE FUNCTION guard_vote();

REVOKE ALL ON FUNCTION settle_approval(uuid, uuid, text, text, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION guard_approval() FROM PUBLIC;
REVOKE ALL ON FUNCTION guard_new_approval() FROM PUBLIC;
REVOKE ALL ON FUNCTION guard_vote() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_approval(uuid, uuid, text, text, timestamptz) TO countersign_app, countersign_sweeper;
RESET ROLE;
