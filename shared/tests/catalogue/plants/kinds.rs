//! Kinds: what holds or moves rows and is no table with policies.

use super::{Plant, by_hand, plant};

pub(super) const PLANTS: &[Plant] = &[
    plant("views", "CREATE VIEW planted AS SELECT id FROM users", "planted"),
    plant(
        "views",
        "CREATE VIEW planted WITH (security_invoker = false) AS SELECT id FROM users",
        "planted",
    ),
    plant(
        "relation_kinds",
        "CREATE MATERIALIZED VIEW planted AS SELECT id FROM users",
        "planted",
    ),
    plant("relation_kinds", "CREATE SEQUENCE planted", "planted"),
    plant(
        "rewrite_rules",
        "CREATE RULE planted AS ON DELETE TO users DO INSTEAD NOTHING",
        "planted on users",
    ),
    plant(
        "unlogged_tables",
        "CREATE UNLOGGED TABLE planted (tenant_id uuid NOT NULL)",
        "planted",
    ),
    // The one extension that every server has, and which cannot be moved back by its statement.
    by_hand(
        "extensions",
        "UPDATE pg_extension SET extnamespace = 'public'::regnamespace WHERE extname = 'plpgsql'",
        "plpgsql in schema public",
    ),
    plant(
        "times",
        "ALTER TABLE users ADD COLUMN planted timestamp",
        "users.planted",
    ),
    plant(
        "views",
        "CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.planted AS SELECT id FROM users",
        "elsewhere.planted",
    ),
    plant(
        "relation_kinds",
        "CREATE SCHEMA elsewhere; CREATE MATERIALIZED VIEW elsewhere.planted AS SELECT id FROM users",
        "elsewhere.planted",
    ),
    plant(
        "publications",
        "CREATE PUBLICATION planted FOR ALL TABLES",
        "planted, of all tables",
    ),
    plant(
        "publications",
        "CREATE PUBLICATION planted FOR TABLE users",
        "planted, of users",
    ),
    plant(
        "publications",
        "CREATE PUBLICATION planted FOR TABLES IN SCHEMA public",
        "planted, of schema public",
    ),
];
