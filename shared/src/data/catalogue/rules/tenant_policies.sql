-- The roles that act inside one tenant, and what each of their permissive policies must say, to the letter.
WITH expected (relation, role, predicate) AS (
    SELECT c.oid, r.role,
           CASE c.relname
               WHEN 'tenants' THEN '(id = (current_setting(''app.tenant_id''::text))::uuid)'
               WHEN 'user_settings' THEN '((tenant_id = (current_setting(''app.tenant_id''::text))::uuid) AND '
                   || '(user_id = (current_setting(''app.user_id''::text))::uuid))'
               ELSE '(tenant_id = (current_setting(''app.tenant_id''::text))::uuid)'
           END
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'lookup')
    CROSS JOIN (VALUES ('countersign_app'), ('countersign_auditor')) r (role)
    WHERE c.relkind IN ('r', 'p')
)
SELECT format('%s on %s', quote_ident(p.polname), p.polrelid::regclass) AS "object!",
       format('DROP POLICY %I ON %s; CREATE POLICY %I ON %s%s TO %I USING %s%s;',
              p.polname, p.polrelid::regclass, p.polname, p.polrelid::regclass,
              CASE e.role WHEN 'countersign_auditor' THEN ' FOR SELECT' ELSE '' END, e.role, e.predicate,
              CASE e.role WHEN 'countersign_auditor' THEN '' ELSE ' WITH CHECK ' || e.predicate END) AS "remedy!"
FROM pg_policy p
JOIN expected e ON e.relation = p.polrelid
JOIN pg_roles r ON r.rolname = e.role AND r.oid = ANY (p.polroles)
CROSS JOIN LATERAL (
    SELECT pg_get_expr(p.polqual, p.polrelid) AS using_text, pg_get_expr(p.polwithcheck, p.polrelid) AS check_text
) said
WHERE p.polpermissive
  AND NOT (
      -- One role a policy, and an auditor only reads.
      cardinality(p.polroles) = 1
      AND (e.role <> 'countersign_auditor' OR p.polcmd = 'r')
      -- A missing half stands for the other one, but for the half that INSERT and SELECT do not have.
      AND coalesce(said.using_text, said.check_text) = e.predicate
      AND coalesce(said.check_text, said.using_text) = e.predicate)
ORDER BY 1
