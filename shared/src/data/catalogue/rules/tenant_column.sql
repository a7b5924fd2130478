SELECT c.oid::regclass::text AS "object!",
       format('ALTER TABLE %1$s ALTER COLUMN tenant_id TYPE uuid USING tenant_id::uuid, ALTER COLUMN tenant_id SET NOT NULL; (without such a column: add one, or DROP TABLE %1$s;)',
              c.oid::regclass) AS "remedy!"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'lookup')
  AND c.relkind IN ('r', 'p')
  -- The tenants themselves, and the record of migrations, which no tenant has a part in.
  AND c.relname NOT IN ('tenants', '_sqlx_migrations')
  AND NOT EXISTS (
      SELECT FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.atttypid = 'uuid'::regtype AND a.attnotnull)
ORDER BY 1
