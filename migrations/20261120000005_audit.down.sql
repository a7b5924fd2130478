SET LOCAL ROLE countersign_owner;
DROP FUNCTION make_audit_partitions(timestamptz, integer);
DROP FUNCTION uuid7_floor(timestamptz);
DROP TABLE audit_pending;
DROP TABLE audit_request_ids;
DROP TABLE audit_events;
RESET ROLE;
