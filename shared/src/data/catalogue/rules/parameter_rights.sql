-- One of them, session_replication_role, switches triggers and foreign keys off.
SELECT format('%s on %s for %s', acl.privilege_type, p.parname, coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "object!",
       format('REVOKE %s ON PARAMETER %s FROM %s;', acl.privilege_type, p.parname, coalesce(quote_ident(r.rolname), 'PUBLIC')) AS "remedy!"
FROM pg_parameter_acl p
CROSS JOIN LATERAL aclexplode(p.paracl) acl
LEFT JOIN pg_roles r ON r.oid = acl.grantee
WHERE acl.grantee = 0 OR r.rolname LIKE 'countersign\_%'
ORDER BY 1
