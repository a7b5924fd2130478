-- Indexes, because every unique, primary key or exclusion constraint is one, and some are no constraint.
SELECT i.indexrelid::regclass::text AS "object!",
       format('%s; and make it again with tenant_id as its first column.',
              CASE WHEN k.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass)
                   ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, k.conname) END) AS "remedy!"
FROM pg_index i
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_class named ON named.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE (i.indisunique OR i.indisexclusion)
  AND c.relkind IN ('r', 'p')
  -- A tenant's own id and slug are the operator's namespace.
  AND (n.nspname, c.relname, named.relname) NOT IN (
      ('public', '_sqlx_migrations', '_sqlx_migrations_pkey'), ('public', 'tenants', 'tenants_pkey'),
      ('public', 'tenants', 'tenant_slug_is_unique'))
  AND NOT EXISTS (
      -- Only what is compared counts, not what an index merely carries along.
      SELECT FROM pg_attribute a
      WHERE a.attrelid = i.indrelid
        AND a.attname = 'tenant_id'
        AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
ORDER BY 1
