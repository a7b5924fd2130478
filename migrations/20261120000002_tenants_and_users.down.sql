SET LOCAL ROLE countersign_lookup;
DROP FUNCTION lookup.tenants_page(uuid, integer);
SET LOCAL ROLE countersign_owner;
DROP TABLE delegations;
DROP TABLE user_settings;
DROP TABLE users;
DROP TABLE tenants;
RESET ROLE;
