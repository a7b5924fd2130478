//! Where a database is, for messages.

use sqlx::postgres::PgConnectOptions;

/// The server, for messages: never the password.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!(
        "Postgres at {}:{} (database {database}, role {})",
        options.get_host(),
        options.get_port(),
        options.get_username()
    )
}
