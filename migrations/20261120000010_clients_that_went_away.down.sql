DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET client_connection_check_interval', current_database());
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE WARNING 'client_connection_check_interval was not reset: %', SQLERRM;
END
$$;
