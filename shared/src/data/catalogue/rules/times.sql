-- Without a zone it would mean what the session's setting says.
SELECT format('%s.%I', a.attrelid::regclass, a.attname) AS "object!",
       format('ALTER TABLE %s ALTER COLUMN %I TYPE timestamptz USING %I AT TIME ZONE ''UTC'';',
              a.attrelid::regclass, a.attname, a.attname) AS "remedy!"
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND a.atttypid IN ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype)
ORDER BY 1
