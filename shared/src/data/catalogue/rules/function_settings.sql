SELECT p.oid::regprocedure::text AS "object!",
       format('ALTER ROUTINE %1$s RESET ALL; ALTER ROUTINE %1$s SET search_path = pg_catalog, public, pg_temp;',
              p.oid::regprocedure) AS "remedy!"
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
WHERE NOT EXISTS (
      SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  -- Exactly one setting, a search path: one that sets a tenant, or row_security, would carry the caller elsewhere.
  AND (coalesce(cardinality(p.proconfig), 0) <> 1 OR p.proconfig[1] NOT LIKE 'search\_path=pg\_catalog%')
ORDER BY 1
