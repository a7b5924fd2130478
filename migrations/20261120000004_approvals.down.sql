SET LOCAL ROLE countersign_owner;
DROP FUNCTION settle_approval(uuid, uuid, text, text, timestamptz);
DROP TABLE approval_votes;
DROP TABLE approval_requests;
DROP FUNCTION guard_approval();
DROP FUNCTION guard_new_approval();
DROP FUNCTION guard_vote();
RESET ROLE;
