-- Idempotency: the first success of a request, kept as it was answered.
SET LOCAL ROLE countersign_owner;

-- Text, because jsonb rewrites numbers, and a replay is to read like the first answer.
ALTER TABLE idempotency_keys ALTER COLUMN response_body TYPE json USING response_body::json;
COMMENT ON COLUMN idempotency_keys.idempotency_key IS
    'A hash of the client''s key, which also salts body_hash: a body is as hard to guess from here as the key.';

-- The operator makes tenants, so before there is one to look in.
CREATE INDEX idempotency_keys_of_the_operator ON idempotency_keys (route, idempotency_key) WHERE principal = 'operator';
CREATE POLICY lookup_read ON idempotency_keys FOR SELECT TO countersign_lookup USING (principal = 'operator');
GRANT SELECT ON idempotency_keys TO countersign_lookup;

SET LOCAL ROLE countersign_lookup;
CREATE FUNCTION lookup.operator_idempotency(in_route text, in_key text)
RETURNS TABLE (body_hash bytea, response_status smallint, response_body json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT k.body_hash, k.response_status, k.response_body
    FROM public.idempotency_keys k
    WHERE k.principal = 'operator' AND k.route = in_route AND k.idempotency_key = in_key
      AND k.expires_at > clock_timestamp()
$$;
REVOKE ALL ON FUNCTION lookup.operator_idempotency(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup.operator_idempotency(text, text) TO countersign_app;
RESET ROLE;
