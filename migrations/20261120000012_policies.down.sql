SET LOCAL ROLE countersign_owner;
DROP TRIGGER tenant_begins_with_policies ON tenants;
DROP FUNCTION begin_policies();
DROP TABLE policies;
DROP FUNCTION default_policies();
RESET ROLE;
