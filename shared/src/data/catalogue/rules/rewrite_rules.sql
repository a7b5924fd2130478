SELECT format('%s on %s', quote_ident(w.rulename), w.ev_class::regclass) AS "object!",
       format('DROP RULE %I ON %s;', w.rulename, w.ev_class::regclass) AS "remedy!"
FROM pg_rewrite w
JOIN pg_class c ON c.oid = w.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
-- A view is a rule for SELECT; those have a rule of their own.
WHERE w.ev_type <> '1'
ORDER BY 1
