-- Postgres lets PUBLIC run every new function. What the two owners make from now on begins with no rights but theirs, so
-- that a forgotten REVOKE gives nobody anything.
SET LOCAL ROLE countersign_owner;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON ROUTINES FROM PUBLIC;
SET LOCAL ROLE countersign_lookup;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON ROUTINES FROM PUBLIC;
RESET ROLE;
