-- The roles stay: other databases of this cluster may use them.
REVOKE SELECT ON _sqlx_migrations FROM countersign_app;
DROP SCHEMA lookup;
REVOKE ALL ON SCHEMA public FROM countersign_owner, countersign_lookup, countersign_app, countersign_sweeper, countersign_auditor;
GRANT USAGE ON SCHEMA public TO PUBLIC;
