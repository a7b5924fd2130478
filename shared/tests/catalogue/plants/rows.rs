//! Rows: row-level security, its policies and the column they compare.

use super::{Plant, by_hand, plant};

pub(super) const PLANTS: &[Plant] = &[
    plant("row_security", "ALTER TABLE users NO FORCE ROW LEVEL SECURITY", "users"),
    plant("row_security", "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", "tenants"),
    plant(
        "row_security",
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s RENAME TO planted', min(inhrelid::regclass::text)) FROM pg_inherits
             WHERE inhparent = 'audit_events'::regclass); END $$;
         ALTER TABLE planted NO FORCE ROW LEVEL SECURITY",
        "planted",
    ),
    plant(
        "row_security",
        "CREATE TABLE planted (tenant_id uuid NOT NULL)",
        "planted",
    ),
    by_hand(
        "tenant_column",
        "CREATE TABLE planted (id uuid PRIMARY KEY)",
        "planted",
    ),
    plant(
        "tenant_column", "CREATE TABLE planted (tenant_id uuid)", "planted"),
    plant(
        "tenant_column",
        "CREATE TABLE planted (tenant_id text NOT NULL)",
        "planted",
    ),
    plant(
        "policies",
        "ALTER POLICY within_tenant ON users USING (tenant_id = current_setting('app.tenant_id', true)::uuid)",
        "within_tenant on users, changed",
    ),
    plant(
        "policies",
        "ALTER POLICY within_tenant ON users USING (tenant_id = current_setting('app.tenant_id')::uuid OR role = 'admin')",
        "within_tenant on users, changed",
    ),
    plant(
        "policies",
        "ALTER POLICY within_tenant ON users WITH CHECK (true)",
        "within_tenant on users, changed",
    ),
    plant(
        "policies",
        "ALTER POLICY within_tenant_and_user ON user_settings USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "within_tenant_and_user on user_settings, changed",
    ),
    plant(
        "policies",
        "ALTER POLICY within_tenant ON tenants USING (true)",
        "within_tenant on tenants, changed",
    ),
    plant(
        "policies",
        "CREATE POLICY planted ON users FOR INSERT TO countersign_app WITH CHECK (true)",
        "planted on users",
    ),
    plant(
        "policies",
        "CREATE POLICY planted ON users TO countersign_auditor USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "planted on users",
    ),
    plant(
        "policies",
        "ALTER POLICY within_tenant ON users TO countersign_app, countersign_sweeper",
        "within_tenant on users, changed",
    ),
    plant(
        "policies",
        "CREATE POLICY planted ON users USING (true)",
        "planted on users",
    ),
    plant(
        "policies",
        "CREATE POLICY planted ON users FOR SELECT TO countersign_sweeper USING (true)",
        "planted on users",
    ),
    plant(
        "policies",
        "DROP POLICY lookup_read ON users; CREATE POLICY lookup_read ON users TO countersign_lookup USING (true)",
        "lookup_read on users, changed",
    ),
    plant(
        "policies",
        "ALTER POLICY sweep_expires ON approval_requests WITH CHECK (true)",
        "sweep_expires on approval_requests, changed",
    ),
    // A table that nobody thought of, and a copy of one in another schema.
    plant(
        "policies",
        "CREATE TABLE planted (tenant_id uuid NOT NULL)",
        "within_tenant on planted, missing",
    ),
    plant(
        "row_security",
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.users AS SELECT * FROM users;
         GRANT USAGE ON SCHEMA elsewhere TO countersign_app; GRANT SELECT ON elsewhere.users TO countersign_app",
        "elsewhere.users",
    ),
    plant(
        "policies",
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.users AS SELECT * FROM users",
        "within_tenant on elsewhere.users, missing",
    ),
    plant(
        "tenant_column",
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.users AS SELECT * FROM users",
        "elsewhere.users",
    ),
    // Names that are only legitimate in the product's own schema.
    plant(
        "row_security",
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere._sqlx_migrations (tenant_id uuid NOT NULL)",
        "elsewhere._sqlx_migrations",
    ),
    plant(
        "policies",
        "DROP POLICY within_tenant ON users",
        "within_tenant on users, missing",
    ),
    plant(
        "policies",
        "DROP POLICY within_tenant_read ON approval_votes",
        "within_tenant_read on approval_votes, missing",
    ),
    plant(
        "policies",
        "DROP POLICY sweep_expires ON approval_requests",
        "sweep_expires on approval_requests, missing",
    ),
    plant(
        "policies",
        "DROP POLICY lookup_read ON idempotency_keys",
        "lookup_read on idempotency_keys, missing",
    ),
    plant(
        "policies",
        "ALTER POLICY sweep ON outbox RENAME TO swept",
        "sweep on outbox, missing",
    ),
    plant(
        "policies",
        "CREATE POLICY planted ON users AS RESTRICTIVE TO countersign_app USING (false)",
        "planted on users",
    ),
    plant(
        "policies",
        "DROP POLICY within_tenant ON users; CREATE POLICY within_tenant ON users AS RESTRICTIVE TO countersign_app
             USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "within_tenant on users, changed",
    ),
    // As right as the one it doubles, but two are one too many.
    plant(
        "policies",
        "CREATE POLICY planted ON users TO countersign_app USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "planted on users",
    ),
    plant(
        "policies",
        "CREATE POLICY planted ON outbox TO countersign_auditor USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "planted on outbox",
    ),
    plant(
        "policies",
        "ALTER POLICY sweep_read ON approval_votes TO countersign_app",
        "sweep_read on approval_votes, changed",
    ),
    plant(
        "policies",
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s RENAME TO planted', min(inhrelid::regclass::text)) FROM pg_inherits
             WHERE inhparent = 'audit_events'::regclass); END $$;
         CREATE POLICY within_tenant ON planted TO countersign_app USING (true)",
        "within_tenant on planted",
    ),
];
