//! Roles: what they are, who is a member of whom, and what is set for them.

use super::{Plant, plant};

pub(super) const PLANTS: &[Plant] = &[
    plant(
        "role_attributes",
        "ALTER ROLE countersign_planted BYPASSRLS",
        "countersign_planted is BYPASSRLS",
    ),
    plant(
        "role_attributes",
        "ALTER ROLE countersign_planted SUPERUSER",
        "countersign_planted is SUPERUSER",
    ),
    plant(
        "role_attributes",
        "ALTER ROLE countersign_planted CREATEROLE",
        "countersign_planted is CREATEROLE",
    ),
    plant(
        "role_memberships",
        "GRANT countersign_owner TO stranger_to_countersign",
        "stranger_to_countersign in countersign_owner",
    ),
    plant(
        "role_memberships",
        "GRANT pg_read_all_data TO countersign_planted",
        "countersign_planted in pg_read_all_data",
    ),
    plant(
        "role_settings",
        "ALTER ROLE countersign_planted SET app.tenant_id = '019a9f00-0000-7000-8000-000000000001'",
        "app.tenant_id for ROLE countersign_planted",
    ),
    plant(
        "role_settings",
        "ALTER ROLE countersign_planted SET row_security = off",
        "row_security for ROLE countersign_planted",
    ),
    plant(
        "parameter_rights",
        "GRANT SET ON PARAMETER session_replication_role TO countersign_planted",
        "SET on session_replication_role for countersign_planted",
    ),
    plant(
        "role_memberships",
        "GRANT countersign_sweeper TO stranger_to_countersign",
        "stranger_to_countersign in countersign_sweeper",
    ),
    plant(
        "role_memberships",
        "GRANT countersign_migrator TO stranger_to_countersign",
        "stranger_to_countersign in countersign_migrator",
    ),
    plant(
        "role_memberships",
        "GRANT countersign_planted TO countersign_app",
        "countersign_app in countersign_planted",
    ),
];
