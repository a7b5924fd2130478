-- Referential checks see past row-level security, so a key without the tenant would tell whether another's row exists.
SELECT format('%s on %s', quote_ident(k.conname), k.conrelid::regclass) AS "object!",
       format('ALTER TABLE %s DROP CONSTRAINT %I; and add it again with tenant_id first on both sides: FOREIGN KEY (tenant_id, …) REFERENCES %s (tenant_id, …);',
              k.conrelid::regclass, k.conname, k.confrelid::regclass) AS "remedy!"
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
  AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e')
WHERE k.contype = 'f'
  -- A partition's copy is told with its parent's.
  AND k.conparentid = 0
  AND NOT EXISTS (
      SELECT FROM unnest(k.conkey, k.confkey) pair (child_number, parent_number)
      JOIN pg_attribute child ON child.attrelid = k.conrelid AND child.attnum = pair.child_number
      JOIN pg_attribute referenced ON referenced.attrelid = k.confrelid AND referenced.attnum = pair.parent_number
      WHERE child.attname = 'tenant_id'
        AND referenced.attname = CASE WHEN k.confrelid = to_regclass('public.tenants') THEN 'id' ELSE 'tenant_id' END)
ORDER BY 1
