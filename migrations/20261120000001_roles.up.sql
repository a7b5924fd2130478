-- The database roles, and which of them may do what in general. Roles belong to the whole cluster, and tests make many
-- databases on one cluster side by side, so they are made idempotently under an advisory lock.
--
--   countersign_owner     NOLOGIN; owns every table
--   countersign_lookup    NOLOGIN; owns the few SECURITY DEFINER functions that look across tenants
--   countersign_migrator  runs migrations; a member of the two above
--   countersign_app       the functions tenant, audit, approval and health
--   countersign_sweeper   the outbox function; explicit policies for the rows it handles across tenants
--   countersign_auditor   reads, inside one tenant
--
-- They are made without LOGIN; the deployment gives the ones that connect a password (docs/deploying.md).
SELECT pg_advisory_xact_lock(hashtextextended('countersign.roles', 0));

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'countersign_owner', 'countersign_lookup', 'countersign_migrator',
        'countersign_app', 'countersign_sweeper', 'countersign_auditor']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB', wanted);
        END IF;
    END LOOP;
    -- Whoever runs this must be able to act as the two owners. From Postgres 16 on, having made a role makes one its
    -- administrator and not yet somebody who may become it.
    FOREACH wanted IN ARRAY ARRAY['countersign_owner', 'countersign_lookup'] LOOP
        IF current_setting('server_version_num')::integer >= 160000 THEN
            IF NOT pg_has_role(current_user, wanted, 'SET') THEN
                EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT TRUE, SET TRUE', wanted);
            END IF;
        ELSIF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
    -- A temporary object could stand in for a real one in somebody's search path.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

-- Nobody makes objects in public but the owner; the definer functions live apart, in a schema of their own.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO countersign_owner;
GRANT USAGE ON SCHEMA public TO countersign_lookup, countersign_app, countersign_sweeper, countersign_auditor;
CREATE SCHEMA lookup AUTHORIZATION countersign_lookup;
GRANT USAGE ON SCHEMA lookup TO countersign_app, countersign_sweeper;

-- Readiness compares the applied migrations with the ones the binary was built with.
GRANT SELECT ON _sqlx_migrations TO countersign_app;
