-- A view runs as its owner unless it says otherwise.
SELECT c.oid::regclass::text AS "object!",
       format('ALTER VIEW %s SET (security_invoker = true);', c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
WHERE c.relkind = 'v'
  AND NOT EXISTS (
      SELECT FROM pg_options_to_table(c.reloptions) o
      WHERE o.option_name = 'security_invoker' AND o.option_value IN ('true', 'on', 'yes', '1'))
ORDER BY 1
