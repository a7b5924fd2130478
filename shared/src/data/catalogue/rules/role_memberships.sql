-- Who may act as whom. Superusers may in any case, and are not ours.
SELECT format('%I in %I', member.rolname, granted.rolname) AS "object!",
       format('REVOKE %I FROM %I;', granted.rolname, member.rolname) AS "remedy!"
FROM pg_auth_members m
JOIN pg_roles member ON member.oid = m.member
JOIN pg_roles granted ON granted.oid = m.roleid
WHERE NOT member.rolsuper
  AND (
      -- Into ours: the migrator alone. From Postgres 16 on, who made a role administers it without having its rights.
      granted.rolname LIKE 'countersign\_%' AND member.rolname <> 'countersign_migrator'
          AND (to_jsonb(m) ->> 'inherit_option' IS DISTINCT FROM 'false' OR to_jsonb(m) ->> 'set_option' IS DISTINCT FROM 'false')
      -- Out of ours: into nothing. The migrator administers what it made (Postgres 16), the sweep's watermark needs the
      -- start of other transactions, and rds_iam is how a role logs in at AWS.
      OR member.rolname LIKE 'countersign\_%'
          AND NOT (member.rolname = 'countersign_migrator' AND granted.rolname LIKE 'countersign\_%')
          AND NOT (member.rolname = 'countersign_sweeper' AND granted.rolname = 'pg_read_all_stats')
          AND granted.rolname <> 'rds_iam')
ORDER BY 1
