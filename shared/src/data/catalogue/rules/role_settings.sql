-- A tenant that is set for a role or a database would turn a forgotten context from an error into that tenant.
SELECT format('%s for %s', split_part(setting, '=', 1), whom.place) AS "object!",
       format('ALTER %s RESET %I;', whom.place, split_part(setting, '=', 1)) AS "remedy!"
FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = s.setrole
LEFT JOIN pg_database d ON d.oid = s.setdatabase
CROSS JOIN unnest(s.setconfig) setting
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.oid IS NULL THEN format('DATABASE %I', d.datname)
                WHEN d.oid IS NULL THEN format('ROLE %I', r.rolname)
                ELSE format('ROLE %I IN DATABASE %I', r.rolname, d.datname) END AS place
) whom
WHERE (d.oid IS NULL OR d.datname = current_database())
  AND (r.oid IS NULL OR r.rolname LIKE 'countersign\_%')
  AND (setting LIKE 'app.%'
       OR split_part(setting, '=', 1) IN (
           'role', 'row_security', 'search_path', 'session_authorization', 'session_replication_role',
           'session_preload_libraries', 'local_preload_libraries'))
ORDER BY 1
