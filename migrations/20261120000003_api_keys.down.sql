SET LOCAL ROLE countersign_lookup;
DROP FUNCTION lookup.api_key(uuid, uuid);
SET LOCAL ROLE countersign_owner;
DROP TABLE api_key_earlier_secrets;
DROP TABLE api_keys;
RESET ROLE;
