SELECT c.oid::regclass::text AS "object!", format('ALTER TABLE %s SET LOGGED;', c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 'p'
ORDER BY 1
