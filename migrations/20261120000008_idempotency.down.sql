SET LOCAL ROLE countersign_lookup;
DROP FUNCTION lookup.operator_idempotency(text, text);
SET LOCAL ROLE countersign_owner;
REVOKE SELECT ON idempotency_keys FROM countersign_lookup;
DROP POLICY lookup_read ON idempotency_keys;
DROP INDEX idempotency_keys_of_the_operator;
COMMENT ON COLUMN idempotency_keys.idempotency_key IS NULL;
ALTER TABLE idempotency_keys ALTER COLUMN response_body TYPE jsonb USING response_body::jsonb;
RESET ROLE;
