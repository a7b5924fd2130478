-- Their functions are PUBLIC's, and stand among ours.
SELECT format('%I in schema %I', e.extname, n.nspname) AS "object!",
       format('CREATE SCHEMA IF NOT EXISTS extensions; ALTER EXTENSION %I SET SCHEMA extensions;', e.extname) AS "remedy!"
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE n.nspname IN ('public', 'lookup')
ORDER BY 1
