SELECT c.oid::regclass::text AS "object!", format('ALTER TABLE %s SET LOGGED;', c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'lookup')
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 'p'
ORDER BY 1
