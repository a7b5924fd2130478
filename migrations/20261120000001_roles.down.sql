-- The roles stay: other databases of this cluster may use them.
REVOKE SELECT ON _sqlx_migrations FROM countersign_app;
DROP SCHEMA lookup;
DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database()); END $$;
REVOKE ALL ON SCHEMA public FROM countersign_owner, countersign_lookup, countersign_app, countersign_sweeper, countersign_auditor;
GRANT USAGE ON SCHEMA public TO PUBLIC;
