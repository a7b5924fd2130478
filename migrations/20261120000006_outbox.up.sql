-- The outbox: what leaves the system, written in the transaction that made it true.
SET LOCAL ROLE countersign_owner;

-- The event row never changes but for processed_at, set when it has been handed to its destinations.
CREATE TABLE outbox (
    tenant_id uuid NOT NULL CONSTRAINT event_belongs_to_a_tenant REFERENCES tenants (id),
    id uuid NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    -- The order of one aggregate's events; ids are not an order, since transactions commit late.
    aggregate_version integer NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    processed_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_unprocessed ON outbox (created_at) WHERE processed_at IS NULL;
CREATE INDEX outbox_by_aggregate ON outbox (tenant_id, aggregate_id);

-- Delivery state: one small row per event and destination (a handler's name).
CREATE TABLE outbox_deliveries (
    tenant_id uuid NOT NULL,
    event_id uuid NOT NULL,
    destination text NOT NULL,
    status text NOT NULL DEFAULT 'PENDING'
        CONSTRAINT delivery_status_is_known CHECK (status IN ('PENDING', 'DELIVERED', 'DEAD')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    -- Whoever holds the lease may record the outcome; after leased_until another sweep may take it.
    lease_token uuid,
    leased_until timestamptz,
    last_error text,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, event_id, destination),
    CONSTRAINT delivery_is_of_an_event FOREIGN KEY (tenant_id, event_id) REFERENCES outbox (tenant_id, id)
);
CREATE INDEX deliveries_due ON outbox_deliveries (next_attempt_at) WHERE status = 'PENDING';

-- Consumers that must take effect once insert here in the transaction of the effect.
CREATE TABLE processed_events (
    tenant_id uuid NOT NULL,
    event_id text NOT NULL,
    handler_name text NOT NULL,
    processed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, event_id, handler_name)
);

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    principal text NOT NULL,
    route text NOT NULL,
    idempotency_key text NOT NULL,
    body_hash bytea NOT NULL,
    response_status smallint NOT NULL,
    response_body jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, idempotency_key)
);
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE outbox_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox_deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE processed_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE processed_events FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY within_tenant ON outbox TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON outbox_deliveries TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON processed_events TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY within_tenant ON idempotency_keys TO countersign_app
    USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY sweep ON outbox TO countersign_sweeper USING (true) WITH CHECK (true);
CREATE POLICY sweep ON outbox_deliveries TO countersign_sweeper USING (true) WITH CHECK (true);
CREATE POLICY sweep ON processed_events TO countersign_sweeper USING (true) WITH CHECK (true);
CREATE POLICY sweep ON idempotency_keys TO countersign_sweeper USING (true) WITH CHECK (true);
CREATE POLICY lookup_read ON outbox FOR SELECT TO countersign_lookup USING (true);
GRANT SELECT, INSERT ON outbox TO countersign_app, countersign_sweeper;
GRANT UPDATE (processed_at) ON outbox TO countersign_sweeper;
GRANT SELECT ON outbox_deliveries TO countersign_app;
GRANT SELECT, INSERT, UPDATE ON outbox_deliveries TO countersign_sweeper;
GRANT SELECT, INSERT ON processed_events TO countersign_app, countersign_sweeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO countersign_app;
GRANT SELECT, DELETE ON idempotency_keys TO countersign_sweeper;
GRANT SELECT ON outbox TO countersign_lookup;

-- Readiness asks how far behind the outbox is over all tenants; two numbers leave and nothing else.
SET LOCAL ROLE countersign_lookup;
CREATE FUNCTION lookup.outbox_backlog()
RETURNS TABLE (pending bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(o.created_at)), 0)::double precision
    FROM public.outbox o
    WHERE o.processed_at IS NULL
$$;
REVOKE ALL ON FUNCTION lookup.outbox_backlog() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup.outbox_backlog() TO countersign_app;
RESET ROLE;
