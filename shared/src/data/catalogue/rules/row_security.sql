-- Partitions too: somebody could be given rights on one by mistake.
SELECT c.oid::regclass::text AS "object!",
       format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;', c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
  AND c.relkind IN ('r', 'p')
  AND c.oid IS DISTINCT FROM to_regclass('public._sqlx_migrations')
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY 1
