SET LOCAL ROLE countersign_owner;
DROP TABLE billing_history;
DROP TABLE memberships;
RESET ROLE;
