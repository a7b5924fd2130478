//! Guards: keys, triggers, and the functions that act as somebody else.

use super::{Plant, by_hand, plant};

pub(super) const PLANTS: &[Plant] = &[
    by_hand(
        "foreign_keys",
        "ALTER TABLE users ADD UNIQUE (id); ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (user_id) REFERENCES users (id)",
        "planted on api_keys",
    ),
    // The tenant on both sides, but not in the same place.
    by_hand(
        "foreign_keys",
        "ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (user_id, tenant_id) REFERENCES users (tenant_id, id)",
        "planted on api_keys",
    ),
    by_hand(
        "foreign_keys",
        "ALTER TABLE api_keys ADD CONSTRAINT planted FOREIGN KEY (user_id) REFERENCES tenants (id)",
        "planted on api_keys",
    ),
    by_hand(
        "uniqueness",
        "CREATE UNIQUE INDEX planted ON users (lower(email))",
        "planted",
    ),
    by_hand(
        "uniqueness",
        "CREATE UNIQUE INDEX planted ON users (email) INCLUDE (tenant_id)",
        "planted",
    ),
    by_hand(
        "uniqueness",
        "ALTER TABLE memberships ADD CONSTRAINT planted UNIQUE (stripe_customer_id)",
        "planted",
    ),
    by_hand(
        "uniqueness",
        "ALTER TABLE delegations ADD CONSTRAINT planted EXCLUDE USING gist (tstzrange(from_at, until_at) WITH &&)",
        "planted",
    ),
    plant(
        "definer_functions",
        "CREATE FUNCTION planted() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
         AS 'SELECT count(*) FROM public.users'",
        "planted()",
    ),
    plant(
        "definer_functions",
        "ALTER FUNCTION lookup.outbox_backlog() SET search_path = public",
        "lookup.outbox_backlog()",
    ),
    plant(
        "definer_functions",
        "GRANT EXECUTE ON FUNCTION lookup.outbox_backlog() TO countersign_auditor",
        "lookup.outbox_backlog()",
    ),
    plant(
        "definer_functions",
        "GRANT EXECUTE ON FUNCTION make_audit_partitions(timestamptz, integer) TO countersign_app",
        "make_audit_partitions(timestamp with time zone,integer)",
    ),
    plant(
        "definer_functions",
        "CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.planted() RETURNS integer LANGUAGE sql SECURITY DEFINER RETURN 1",
        "elsewhere.planted()",
    ),
    plant(
        "function_settings",
        "ALTER FUNCTION guard_vote() RESET search_path",
        "guard_vote()",
    ),
    plant(
        "function_settings",
        "ALTER FUNCTION guard_vote() SET row_security = off",
        "guard_vote()",
    ),
    plant(
        "triggers",
        "ALTER TABLE approval_requests DISABLE TRIGGER approval_state_machine",
        "approval_state_machine on approval_requests",
    ),
    plant(
        "unchecked_rows",
        "ALTER TABLE users ADD CONSTRAINT planted CHECK (name <> '') NOT VALID",
        "planted on users",
    ),
    plant(
        "unchecked_rows",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'user_email_is_unique_in_its_tenant'::regclass",
        "user_email_is_unique_in_its_tenant",
    ),
    plant(
        "missing_guards",
        "DROP TRIGGER approval_state_machine ON approval_requests",
        "approval_state_machine on approval_requests, missing",
    ),
    plant(
        "missing_guards",
        "CREATE OR REPLACE TRIGGER approval_state_machine BEFORE UPDATE ON approval_requests
             FOR EACH ROW WHEN (false) EXECUTE FUNCTION guard_approval()",
        "approval_state_machine on approval_requests, changed",
    ),
    plant(
        "missing_guards",
        "CREATE OR REPLACE TRIGGER approval_state_machine BEFORE UPDATE OF status ON approval_requests
             FOR EACH ROW EXECUTE FUNCTION guard_approval()",
        "approval_state_machine on approval_requests, changed",
    ),
    plant(
        "missing_guards",
        "CREATE OR REPLACE TRIGGER approval_state_machine AFTER UPDATE ON approval_requests
             FOR EACH ROW EXECUTE FUNCTION guard_approval()",
        "approval_state_machine on approval_requests, changed",
    ),
    plant(
        "missing_guards",
        "CREATE OR REPLACE TRIGGER approval_state_machine BEFORE UPDATE ON approval_requests
             FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "approval_state_machine on approval_requests, changed",
    ),
    plant(
        "missing_guards",
        "ALTER TABLE api_keys DROP CONSTRAINT api_key_owner_exists",
        "api_key_owner_exists on api_keys, missing",
    ),
    plant(
        "missing_guards",
        "ALTER TABLE api_keys DROP CONSTRAINT api_key_owner_exists,
             ADD CONSTRAINT api_key_owner_exists FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)",
        "api_key_owner_exists on api_keys, changed",
    ),
    plant(
        "missing_guards",
        "ALTER TABLE api_keys DROP CONSTRAINT api_key_owner_exists, ADD CONSTRAINT api_key_owner_exists
             FOREIGN KEY (tenant_id, owner_user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE",
        "api_key_owner_exists on api_keys, changed",
    ),
    plant(
        "missing_guards",
        "ALTER TABLE api_keys DROP CONSTRAINT api_key_owner_exists, ADD CONSTRAINT api_key_owner_exists CHECK (true)",
        "api_key_owner_exists on api_keys, changed",
    ),
    plant(
        "definer_functions",
        "CREATE FUNCTION lookup.everybody() RETURNS SETOF users LANGUAGE sql SECURITY DEFINER
             SET search_path = pg_catalog, public, pg_temp AS 'SELECT * FROM public.users';
         ALTER FUNCTION lookup.everybody() OWNER TO countersign_lookup;
         REVOKE ALL ON FUNCTION lookup.everybody() FROM PUBLIC; GRANT EXECUTE ON FUNCTION lookup.everybody() TO countersign_app",
        "lookup.everybody()",
    ),
    plant(
        "definer_functions",
        "ALTER FUNCTION lookup.api_key(uuid, uuid) SECURITY INVOKER",
        "lookup.api_key(uuid,uuid)",
    ),
    plant(
        "definer_functions",
        "REVOKE EXECUTE ON FUNCTION lookup.api_key(uuid, uuid) FROM countersign_app",
        "lookup.api_key(uuid,uuid)",
    ),
    plant(
        "definer_functions",
        "GRANT EXECUTE ON FUNCTION lookup.api_key(uuid, uuid) TO PUBLIC, countersign_auditor, countersign_sweeper;
         REVOKE EXECUTE ON FUNCTION lookup.api_key(uuid, uuid) FROM countersign_app;
         ALTER FUNCTION lookup.api_key(uuid, uuid) RESET search_path",
        "lookup.api_key(uuid,uuid)",
    ),
    by_hand(
        "definer_functions",
        "DROP FUNCTION lookup.outbox_backlog()",
        "lookup.outbox_backlog(), missing",
    ),
    plant(
        "leakproof_functions",
        "ALTER FUNCTION uuid7_floor(timestamptz) LEAKPROOF",
        "uuid7_floor(timestamp with time zone)",
    ),
    plant(
        "leakproof_functions",
        "CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.planted(text) RETURNS boolean LANGUAGE sql LEAKPROOF RETURN true",
        "elsewhere.planted(text)",
    ),
    plant(
        "function_settings",
        "CREATE SCHEMA elsewhere; CREATE FUNCTION elsewhere.planted() RETURNS integer LANGUAGE sql RETURN 1",
        "elsewhere.planted()",
    ),
];
