-- Tables, partitioned or not, and views. A materialized view keeps rows without policies, a foreign table is another
-- server's, and a sequence counts for all tenants together, so that each could read off it what the others do.
SELECT c.oid::regclass::text AS "object!",
       format('DROP %s %s;', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'SEQUENCE' END,
              c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
WHERE c.relkind IN ('m', 'f', 'S')
ORDER BY 1
