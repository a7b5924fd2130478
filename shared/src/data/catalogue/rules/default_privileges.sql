-- Two ways to be wrong: a default that gives rights away, and the built-in one that lets PUBLIC run what the two owners
-- will make.
SELECT format('%s by default on %s of %I for %s', acl.privilege_type,
              CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'routines' WHEN 'T' THEN 'types' ELSE 'schemas' END,
              maker.rolname, coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "object!",
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE ALL ON %s FROM %s;', maker.rolname, ' IN SCHEMA ' || quote_ident(n.nspname),
              CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END,
              coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "remedy!"
FROM pg_default_acl d
JOIN pg_roles maker ON maker.oid = d.defaclrole
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
CROSS JOIN LATERAL aclexplode(d.defaclacl) acl
LEFT JOIN pg_roles r ON r.oid = acl.grantee
WHERE acl.grantee <> d.defaclrole
  -- A type without a table of its own holds nothing.
  AND d.defaclobjtype <> 'T'
  AND (maker.rolname LIKE 'countersign\_%' OR n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema')
UNION ALL
SELECT format('EXECUTE by default on routines of %I for PUBLIC', maker.rolname),
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE ALL ON ROUTINES FROM PUBLIC;', maker.rolname)
FROM pg_roles maker
WHERE maker.rolname IN ('countersign_owner', 'countersign_lookup')
  AND NOT EXISTS (
      SELECT FROM pg_default_acl d WHERE d.defaclrole = maker.oid AND d.defaclnamespace = 0 AND d.defaclobjtype = 'f')
ORDER BY 1
