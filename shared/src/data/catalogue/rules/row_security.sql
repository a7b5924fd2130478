-- Partitions too: somebody could be given rights on one by mistake.
SELECT c.oid::regclass::text AS "object!",
       format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;', c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'lookup')
  AND c.relkind IN ('r', 'p')
  AND c.relname <> '_sqlx_migrations'
  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY 1
