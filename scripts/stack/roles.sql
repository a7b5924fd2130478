-- The product's roles, as an administrator hands them over. Run as a superuser, as often as you like, with the psql
-- variable `password`. The migrations make missing roles too, but cannot know passwords.
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
END
$$;

ALTER ROLE countersign_migrator LOGIN CREATEROLE PASSWORD :'password';
ALTER ROLE countersign_app LOGIN PASSWORD :'password';
ALTER ROLE countersign_sweeper LOGIN PASSWORD :'password';
ALTER ROLE countersign_auditor LOGIN PASSWORD :'password';

-- The migrator gives tables and functions to these two; from Postgres 16 on that needs the admin option.
GRANT countersign_owner, countersign_lookup TO countersign_migrator WITH ADMIN OPTION;
