-- Stops, the cap on what one caller leaves pending, and votes in somebody's place.
SET LOCAL ROLE countersign_owner;

-- While a stop is in force, the caller (or, without one, everybody in the tenant) neither asks nor redeems.
CREATE TABLE stops (
    tenant_id uuid NOT NULL CONSTRAINT stop_belongs_to_a_tenant REFERENCES tenants (id),
    id uuid NOT NULL,
    -- An agent's name for itself, which no key need have yet; null: the whole tenant.
    caller_id text CONSTRAINT stopped_caller_has_1_to_200_characters CHECK (char_length(caller_id) BETWEEN 1 AND 200),
    reason text NOT NULL CONSTRAINT stop_reason_has_1_to_2000_characters CHECK (char_length(reason) BETWEEN 1 AND 2000),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    lifted_at timestamptz,
    lifted_by text,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT stop_is_lifted_by_somebody CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE INDEX stops_in_force ON stops (tenant_id, id DESC) WHERE lifted_at IS NULL;
ALTER TABLE stops ENABLE ROW LEVEL SECURITY;
ALTER TABLE stops FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON stops TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON stops FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE (lifted_at, lifted_by) ON stops TO countersign_app;
GRANT SELECT ON stops TO countersign_auditor;

-- What a stop cancels, and what the cap counts.
CREATE INDEX approvals_pending ON approval_requests (tenant_id, requested_by, id) WHERE status = 'PENDING';

-- Whoever asks or redeems holds this shared until the end of its transaction, and whoever makes a stop holds it alone. So
-- a stop waits for what had begun before it, and what begins after it sees it.
CREATE FUNCTION stops_lock(of_tenant uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
AS $$
    SELECT hashtextextended('countersign.stops:' || of_tenant::text, 0)
$$;

-- What decides whether a requester may ask now, as of when this transaction can no longer be overtaken by a stop: the
-- clock, the stop that is in force, and how many requests the requester has pending, as far as that is below `most`.
--
-- In plpgsql every statement sees what was committed before it began, so one call can lock first and look then.
--
-- The count takes a lock of the requester's own only within `margin` of the cap, so that those far below it do not
-- wait for each other: the cap is exact as long as fewer than `margin` of one requester's are on their way at once.
-- The order of the two locks is the same for everybody, and nobody waits for a stop while holding the second.
CREATE FUNCTION admit_request(of_tenant uuid, requester text, most integer, margin integer)
RETURNS TABLE (asked_at timestamptz, is_stopped boolean, stopped_caller text, stop_reason text, pending bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(public.stops_lock(of_tenant));
    SELECT true, s.caller_id, s.reason INTO is_stopped, stopped_caller, stop_reason FROM public.stops s
    WHERE s.tenant_id = of_tenant AND s.lifted_at IS NULL AND (s.caller_id IS NULL OR 'agent:' || s.caller_id = requester)
    ORDER BY s.id
    LIMIT 1;
    SELECT count(*) INTO pending FROM (
        SELECT FROM public.approval_requests r
        WHERE r.tenant_id = of_tenant AND r.requested_by = requester AND r.status = 'PENDING'
          AND r.expires_at > clock_timestamp()
        LIMIT most) AS bounded;
    IF pending >= most - margin THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('countersign.pending:' || of_tenant::text || ':' || requester, 0));
        SELECT count(*) INTO pending FROM (
            SELECT FROM public.approval_requests r
            WHERE r.tenant_id = of_tenant AND r.requested_by = requester AND r.status = 'PENDING'
              AND r.expires_at > clock_timestamp()
            LIMIT most) AS bounded;
    END IF;
    is_stopped := coalesce(is_stopped, false);
    asked_at := date_trunc('milliseconds', clock_timestamp());
    RETURN NEXT;
END
$$;

-- One person counts once, whoever they stand in for, and one person's authority counts once, whoever uses it. A denial is not
-- counted: whoever is away may deny what their delegate approved.
ALTER TABLE approval_votes
    ADD CONSTRAINT vote_is_on_behalf_of_somebody_else CHECK (on_behalf_of <> approver);
CREATE UNIQUE INDEX authority_is_used_once ON approval_votes (tenant_id, approval_id, (coalesce(on_behalf_of, approver)))
    WHERE decision = 'APPROVE';
-- A person who turns their approval into a denial may do so on another's authority than before.
GRANT UPDATE (on_behalf_of) ON approval_votes TO countersign_app;
CREATE INDEX delegations_to_a_user ON delegations (tenant_id, delegate_to);

REVOKE ALL ON FUNCTION stops_lock(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION admit_request(uuid, text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stops_lock(uuid) TO countersign_app;
GRANT EXECUTE ON FUNCTION admit_request(uuid, text, integer, integer) TO countersign_app;
RESET ROLE;
