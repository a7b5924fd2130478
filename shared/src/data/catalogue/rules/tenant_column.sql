SELECT c.oid::regclass::text AS "object!",
       CASE WHEN a.attname IS NULL
            THEN format('ALTER TABLE %1$s ADD COLUMN tenant_id uuid NOT NULL; (where there are rows, only once each has its tenant), or DROP TABLE %1$s;',
                        c.oid::regclass)
            ELSE format('ALTER TABLE %s ALTER COLUMN tenant_id TYPE uuid USING tenant_id::uuid, ALTER COLUMN tenant_id SET NOT NULL;',
                        c.oid::regclass)
       END AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
  AND c.relkind IN ('r', 'p')
  -- The tenants themselves, and the record of migrations, which no tenant has a part in.
  AND c.oid IS DISTINCT FROM to_regclass('public.tenants')
  AND c.oid IS DISTINCT FROM to_regclass('public._sqlx_migrations')
  AND NOT coalesce(a.atttypid = 'uuid'::regtype AND a.attnotnull, false)
ORDER BY 1
