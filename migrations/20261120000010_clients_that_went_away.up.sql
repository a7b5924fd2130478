-- A function that gives a statement up closes its connection, but the server would only notice when it has the answer: a slow
-- server would be given more and more of what nobody waits for. So it looks every second whether the client is still there.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET client_connection_check_interval = %L', current_database(), '1s');
EXCEPTION
    -- Not every system can look, and not every migrator owns its database; `countersign doctor` tells.
    WHEN invalid_parameter_value OR insufficient_privilege THEN
        RAISE WARNING 'client_connection_check_interval was not set: %', SQLERRM;
END
$$;
