SET LOCAL ROLE countersign_lookup;
DROP FUNCTION lookup.outbox_backlog();
SET LOCAL ROLE countersign_owner;
DROP TABLE idempotency_keys;
DROP TABLE processed_events;
DROP TABLE outbox_deliveries;
DROP TABLE outbox;
RESET ROLE;
