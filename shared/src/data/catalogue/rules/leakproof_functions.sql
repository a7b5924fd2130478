-- Only a superuser can mark one so, and those of Postgres itself are looked at by its makers.
SELECT p.oid::regprocedure::text AS "object!", format('ALTER FUNCTION %s NOT LEAKPROOF;', p.oid::regprocedure) AS "remedy!"
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
WHERE p.proleakproof
  AND p.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_proc'::regclass AND deptype = 'e')
ORDER BY 1
