-- The state machine of approvals is a trigger, and a foreign key is two on either side.
SELECT format('%s on %s', quote_ident(t.tgname), t.tgrelid::regclass) AS "object!",
       format('ALTER TABLE %s ENABLE TRIGGER %I;', t.tgrelid::regclass, t.tgname) AS "remedy!"
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
WHERE t.tgenabled NOT IN ('O', 'A')
ORDER BY 1
