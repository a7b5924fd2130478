SET LOCAL ROLE countersign_owner;
DROP TABLE decision_links;
RESET ROLE;
