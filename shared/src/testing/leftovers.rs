//! What a test has left in its database: nothing there may have the form of a credential of the product, or be one that
//! the tests know.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

/// The forms of keys, tokens, link secrets and webhook secrets, as a regular expression of Postgres. `scripts/stack/needles.py` knows
/// the same.
const FORMS: &str = "(?<![0-9A-Za-z])(cs_(dev|staging|production)_[0-9A-Za-z]{22}_[0-9A-Za-z]{33}\
                     |cst_[0-9A-Za-z_-]{43}|csl_[0-9A-Za-z_-]{64}|whsec_[0-9A-Za-z+/]{32,})";

/// Looks through every row of every table, bytes too, as the superuser.
///
/// What is found is named by its table and shown with `***` in the place of the credential.
pub(super) async fn credentials(server: &PgConnectOptions, database: &str, known: &[&str]) -> Vec<String> {
    let mut connection = server
        .clone()
        .database(database)
        .connect()
        .await
        .expect("the test's database answers");
    // Whatever the test still has open might hold a lock that the search would wait for; the database goes anyway.
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(&mut connection)
    .await
    .expect("connections are ended");
    sqlx::query("SET lock_timeout = '10s'")
        .execute(&mut connection)
        .await
        .expect("a setting");
    let found = match search(&mut connection).await {
        Some(search) => sqlx::query_scalar(AssertSqlSafe(search))
            .bind(pattern(known))
            .fetch_all(&mut connection)
            .await
            .expect("every table can be read"),
        None => Vec::new(),
    };
    connection.close().await.expect("closed");
    found
}

/// One query over all tables, or none when there is no table. Its parameter is what to look for.
async fn search(connection: &mut PgConnection) -> Option<String> {
    // Bytes read as they are, but for those that are no letter, none of which is part of a credential. A row shows them in
    // hexadecimal too, where nothing would be masked.
    sqlx::query_scalar(
        r"SELECT string_agg(
              format('SELECT %L || regexp_replace(regexp_replace(seen, $1, ''***'', ''g''), ''\\x[0-9a-f]+'', ''***'', ''g'')
                      FROM (SELECT concat_ws(E''\t'', row_of::text%s) AS seen FROM ONLY %I.%I AS row_of) AS rows
                      WHERE seen ~ $1',
                     nspname || '.' || relname || ': ', bytes, nspname, relname),
              ' UNION ALL ')
          FROM (
              SELECT nspname, relname,
                     coalesce(string_agg(format(', encode(row_of.%I, ''escape'')', attname), '')
                              FILTER (WHERE atttypid = 'bytea'::regtype), '') AS bytes
              FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
                   JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
              WHERE relkind IN ('r', 'm') AND nspname NOT IN ('pg_catalog', 'information_schema')
                    AND nspname NOT LIKE 'pg\_toast%' AND nspname NOT LIKE 'pg\_temp%'
              GROUP BY nspname, relname
          ) AS tables",
    )
    .fetch_one(connection)
    .await
    .expect("the catalogue answers")
}

/// The forms, and the secrets that have none, as they are.
fn pattern(known: &[&str]) -> String {
    let mut wanted = vec![FORMS.to_owned()];
    wanted.extend(known.iter().map(|secret| regex_escape(secret)));
    wanted.join("|")
}

fn regex_escape(text: &str) -> String {
    // A backslash before anything but a letter or a digit makes it itself.
    text.chars()
        .flat_map(|letter| (!letter.is_alphanumeric()).then_some('\\').into_iter().chain([letter]))
        .collect()
}
