//! Rights: who has too many, who lacks some, and who owns.

use super::{Plant, plant};

pub(super) const PLANTS: &[Plant] = &[
    plant(
        "rights_beyond_rows",
        "GRANT TRUNCATE ON users TO countersign_app",
        "TRUNCATE on users for countersign_app",
    ),
    plant(
        "rights_beyond_rows",
        "GRANT REFERENCES (id) ON users TO countersign_auditor",
        "REFERENCES on users for countersign_auditor",
    ),
    plant(
        "rights_beyond_rows",
        "GRANT TRIGGER ON users TO countersign_sweeper",
        "TRIGGER on users for countersign_sweeper",
    ),
    plant(
        "rights_of_public",
        "GRANT SELECT ON tenants TO PUBLIC",
        "SELECT on tenants",
    ),
    plant(
        "rights_of_public",
        "GRANT SELECT (slug) ON tenants TO PUBLIC",
        "SELECT (slug) on tenants",
    ),
    plant(
        "rights_of_public",
        "GRANT EXECUTE ON FUNCTION lookup.outbox_backlog() TO PUBLIC",
        "EXECUTE on routine lookup.outbox_backlog()",
    ),
    // As any function begins that somebody else than the two owners makes.
    plant(
        "rights_of_public",
        "CREATE FUNCTION planted() RETURNS integer LANGUAGE sql RETURN 1",
        "EXECUTE on routine planted()",
    ),
    plant(
        "rights_of_public",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "USAGE on schema public",
    ),
    plant(
        "rights_of_strangers",
        "GRANT SELECT ON users TO stranger_to_countersign",
        "SELECT on users for stranger_to_countersign",
    ),
    plant(
        "rights_of_strangers",
        "GRANT SELECT (email) ON users TO countersign_planted",
        "SELECT (email) on users for countersign_planted",
    ),
    plant(
        "rights_of_strangers",
        "GRANT SELECT ON users TO countersign_app WITH GRANT OPTION",
        "SELECT on users for countersign_app",
    ),
    plant(
        "rights_of_strangers",
        "GRANT USAGE ON SCHEMA lookup TO stranger_to_countersign",
        "USAGE on schema lookup for stranger_to_countersign",
    ),
    plant(
        "rights_on_partitions",
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %s RENAME TO planted', min(inhrelid::regclass::text)) FROM pg_inherits
             WHERE inhparent = 'audit_events'::regclass); END $$;
         GRANT SELECT ON planted TO countersign_app",
        "SELECT on planted for countersign_app",
    ),
    plant(
        "rights_to_the_record",
        "GRANT DELETE ON audit_events TO countersign_sweeper",
        "DELETE on audit_events for countersign_sweeper",
    ),
    plant(
        "rights_to_the_record",
        "GRANT UPDATE (entry) ON audit_events TO countersign_app",
        "UPDATE (entry) on audit_events for countersign_app",
    ),
    plant(
        "rights_to_the_record",
        "GRANT UPDATE ON audit_request_ids TO countersign_app",
        "UPDATE on audit_request_ids for countersign_app",
    ),
    plant(
        "rights_to_the_record",
        "GRANT INSERT ON _sqlx_migrations TO countersign_app",
        "INSERT on _sqlx_migrations for countersign_app",
    ),
    plant(
        "rights_of_lookup",
        "GRANT UPDATE ON tenants TO countersign_lookup",
        "UPDATE on tenants for countersign_lookup",
    ),
    plant(
        "owners",
        "ALTER TABLE users OWNER TO countersign_app",
        "users, owned by countersign_app",
    ),
    plant(
        "owners",
        "ALTER FUNCTION lookup.outbox_backlog() OWNER TO countersign_owner",
        "lookup.outbox_backlog(), owned by countersign_owner",
    ),
    plant(
        "owners",
        "ALTER SCHEMA lookup OWNER TO countersign_owner",
        "schema lookup, owned by countersign_owner",
    ),
    plant(
        "default_privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE countersign_owner IN SCHEMA public GRANT SELECT ON TABLES TO countersign_app",
        "SELECT by default on tables of countersign_owner for countersign_app",
    ),
    plant(
        "default_privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE countersign_lookup GRANT EXECUTE ON ROUTINES TO PUBLIC",
        "EXECUTE by default on routines of countersign_lookup for PUBLIC",
    ),
    plant(
        "rights_to_create",
        "GRANT CREATE ON SCHEMA public TO countersign_app",
        "CREATE on SCHEMA public for countersign_app",
    ),
    plant(
        "rights_to_create",
        "CREATE SCHEMA elsewhere; GRANT CREATE ON SCHEMA elsewhere TO PUBLIC",
        "CREATE on SCHEMA elsewhere for countersign_sweeper",
    ),
    plant(
        "rights_of_public",
        "CREATE SCHEMA elsewhere; GRANT USAGE ON SCHEMA elsewhere TO PUBLIC",
        "USAGE on schema elsewhere",
    ),
    plant(
        "rights_of_strangers",
        "CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.planted AS SELECT email FROM users;
         GRANT SELECT ON elsewhere.planted TO stranger_to_countersign",
        "SELECT on elsewhere.planted for stranger_to_countersign",
    ),
    plant(
        "owners",
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.planted (); ALTER TABLE elsewhere.planted OWNER TO countersign_app",
        "elsewhere.planted, owned by countersign_app",
    ),
    plant(
        "rights_of_roles",
        "REVOKE SELECT ON users FROM countersign_app",
        "SELECT on users for countersign_app, missing",
    ),
    plant(
        "rights_of_roles",
        "REVOKE UPDATE (version) ON approval_requests FROM countersign_sweeper",
        "UPDATE (version) on approval_requests for countersign_sweeper, missing",
    ),
    plant(
        "rights_of_roles",
        "REVOKE EXECUTE ON FUNCTION uuid7_floor(timestamptz) FROM countersign_sweeper",
        "EXECUTE on ROUTINE uuid7_floor(timestamp with time zone) for countersign_sweeper, missing",
    ),
    plant(
        "rights_of_roles",
        "REVOKE USAGE ON SCHEMA lookup FROM countersign_app",
        "USAGE on SCHEMA lookup for countersign_app, missing",
    ),
    plant(
        "rights_of_roles",
        "GRANT DELETE ON outbox TO countersign_sweeper",
        "DELETE on outbox for countersign_sweeper",
    ),
    // It has the columns, and must have them again when it loses the table.
    plant(
        "rights_of_roles",
        "GRANT SELECT ON approval_requests TO countersign_auditor",
        "SELECT on approval_requests for countersign_auditor",
    ),
    plant(
        "rights_of_roles",
        "GRANT SELECT (action_nonce) ON approval_requests TO countersign_auditor",
        "SELECT (action_nonce) on approval_requests for countersign_auditor",
    ),
    plant(
        "rights_of_roles",
        "GRANT EXECUTE ON FUNCTION uuid7_floor(timestamptz) TO countersign_lookup",
        "EXECUTE on ROUTINE uuid7_floor(timestamp with time zone) for countersign_lookup",
    ),
    plant(
        "rights_of_roles",
        "GRANT USAGE ON SCHEMA lookup TO countersign_auditor",
        "USAGE on SCHEMA lookup for countersign_auditor",
    ),
];
