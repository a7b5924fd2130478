-- The audit log: append-only events in monthly partitions, the uniqueness of client request ids, and the set of events
-- the sealer has not yet put into the tree.
SET LOCAL ROLE countersign_owner;

-- event_id is a UUIDv7 minted by the server: partition key, keyset cursor and time in one.
CREATE TABLE audit_events (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    request_id text NOT NULL,
    recorded_by text NOT NULL,
    tool text NOT NULL,
    action text,
    correlation_id text,
    environment text,
    trust_level smallint,
    decision text,
    outcome text,
    latency_ms bigint,
    risk_labels text[] NOT NULL DEFAULT '{}',
    redaction_flags text[] NOT NULL DEFAULT '{}',
    raw_args_hash text NOT NULL,
    occurred_at timestamptz,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The exact bytes that are hashed. Text, because jsonb would rewrite numbers.
    entry text NOT NULL CONSTRAINT entry_is_at_most_65535_bytes CHECK (octet_length(entry) <= 65535),
    leaf_hash bytea NOT NULL CONSTRAINT leaf_hash_is_a_sha256 CHECK (octet_length(leaf_hash) = 32),
    -- What the entry holds only as salted digests stands here in the clear, so that it can be erased and every proof
    -- still verifies.
    caller_id text,
    sanitized_args json,
    args_salt bytea,
    disclosures text[],
    PRIMARY KEY (tenant_id, event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX audit_events_by_correlation ON audit_events (tenant_id, correlation_id, event_id DESC);
CREATE INDEX audit_events_by_recorder ON audit_events (tenant_id, recorded_by, event_id DESC);
CREATE INDEX audit_events_by_caller ON audit_events (tenant_id, caller_id, event_id DESC);
CREATE INDEX audit_events_by_tool ON audit_events (tenant_id, tool, event_id DESC);

-- A unique index on a partitioned table would have to contain the partition key, so uniqueness stands apart.
-- The content hash is salted: unsalted, short arguments could be guessed from it.
CREATE TABLE audit_request_ids (
    tenant_id uuid NOT NULL,
    recorded_by text NOT NULL,
    request_id text NOT NULL,
    content_salt bytea NOT NULL,
    content_hash bytea NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, recorded_by, request_id)
);
CREATE INDEX audit_request_ids_by_request_id ON audit_request_ids (tenant_id, request_id);

CREATE TABLE audit_pending (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, event_id)
);

ALTER TABLE audit_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_events FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_request_ids ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_request_ids FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_pending FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON audit_events TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON audit_request_ids TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON audit_pending TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant_read ON audit_events FOR SELECT TO countersign_auditor
    USING (tenant_id = current_setting('app.tenant_id')::uuid);
-- The sweep records what it does (an expiry) in the log of the tenant it does it for.
CREATE POLICY sweep ON audit_events TO countersign_sweeper USING (true) WITH CHECK (recorded_by = 'system:sweep');
CREATE POLICY sweep ON audit_request_ids TO countersign_sweeper USING (true) WITH CHECK (true);
CREATE POLICY sweep ON audit_pending TO countersign_sweeper USING (true) WITH CHECK (true);
-- Append-only: nobody may update or delete an event.
GRANT SELECT, INSERT ON audit_events, audit_request_ids, audit_pending TO countersign_app, countersign_sweeper;
GRANT SELECT ON audit_events TO countersign_auditor;

-- The smallest UUIDv7 of a moment: 48 bits of Unix milliseconds, then version 7 and zeroes.
CREATE FUNCTION uuid7_floor(at timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog
AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8000000000000000')::uuid
$$;

-- Makes the monthly partitions from the month of `first_month` on. Definer, because only the owner may create tables and
-- the sweep that keeps partitions ahead of time is not the owner.
CREATE FUNCTION make_audit_partitions(first_month timestamptz, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    starts timestamptz;
    part text;
    made integer := 0;
BEGIN
    FOR i IN 0 .. least(months, 60) - 1 LOOP
        starts := date_trunc('month', first_month AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
        starts := ((starts AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC';
        part := 'audit_events_' || to_char(starts AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass('public.' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.audit_events FOR VALUES FROM (%L) TO (%L)',
                part, public.uuid7_floor(starts),
                public.uuid7_floor(((starts AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'));
            EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', part);
            EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', part);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION uuid7_floor(timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION make_audit_partitions(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION uuid7_floor(timestamptz) TO countersign_app, countersign_sweeper, countersign_auditor;
GRANT EXECUTE ON FUNCTION make_audit_partitions(timestamptz, integer) TO countersign_sweeper;

-- A year ahead: the sweep adds months as they come nearer, and has to be broken for most of a year to run out.
-- The month before as well, for the clock of a function that is behind at the turn of a month.
SELECT make_audit_partitions(now() - interval '1 month', 14);
RESET ROLE;
