-- Of any table: which of them hold a tenant's rows may change, and a publication does not change with them.
SELECT format('%I, of all tables', p.pubname) AS "object!", format('DROP PUBLICATION %I;', p.pubname) AS "remedy!"
FROM pg_publication p
WHERE p.puballtables
UNION ALL
SELECT format('%I, of %s', p.pubname, r.prrelid::regclass),
       format('ALTER PUBLICATION %I DROP TABLE %s;', p.pubname, r.prrelid::regclass)
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
UNION ALL
SELECT format('%I, of schema %I', p.pubname, n.nspname),
       format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA %I;', p.pubname, n.nspname)
FROM pg_publication_namespace s JOIN pg_publication p ON p.oid = s.pnpubid JOIN pg_namespace n ON n.oid = s.pnnspid
ORDER BY 1
