//! A database per test, copied from a migrated template.

use std::str::FromStr as _;

use sha2::{Digest as _, Sha256};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use super::{leftovers, stack::OPERATOR};
use crate::data::MIGRATOR;

/// Roles that connect, all with the same password: the cluster belongs to the tests alone.
const LOGINS: [&str; 4] = [
    "countersign_migrator",
    "countersign_app",
    "countersign_sweeper",
    "countersign_auditor",
];
const PASSWORD: &str = "countersign-tests";

/// One test's own database; dropped with it. A credential that the test has left in it fails the test.
pub struct TestDatabase {
    name: String,
    server: PgConnectOptions,
    owned: bool,
}

impl TestDatabase {
    /// The password of every role in [`url`](Self::url); one that a test makes itself needs it too.
    pub const ROLE_PASSWORD: &str = PASSWORD;

    /// Copies the template, making it first if this cluster has none for these migrations.
    pub async fn create() -> Self {
        let copy = Self::create_from(|template| format!("TEMPLATE {template}")).await;
        let mut connection = copy.server.connect().await.expect("the test Postgres answers");
        // A copy has everything that is in its template, but neither the rights on the database itself nor its settings.
        let as_migrated = format!(
            "REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC;
             ALTER DATABASE {name} SET client_connection_check_interval = '1s'",
            name = copy.name
        );
        run(&mut connection, as_migrated).await;
        connection.close().await.expect("closed");
        copy
    }

    /// An empty database, not even migrated.
    pub async fn create_empty() -> Self {
        Self::create_from(|_| String::new()).await
    }

    async fn create_from(origin: impl FnOnce(&str) -> String) -> Self {
        let server = server();
        let mut connection = server.connect().await.expect("the test Postgres answers");
        // Also for an empty database: making the template makes the roles.
        let template = template(&server, &mut connection).await;
        let name = format!("test_{}", Uuid::from_u128(u128::from_be_bytes(rand_bytes())).simple());
        let origin = origin(&template);
        run(
            &mut connection,
            format!("CREATE DATABASE {name} OWNER countersign_migrator {origin}"),
        )
        .await;
        connection.close().await.expect("closed");
        Self {
            name,
            server,
            owned: true,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same database, not dropped with this value.
    pub(super) fn borrowed(&self) -> Self {
        Self {
            name: self.name.clone(),
            server: self.server.clone(),
            owned: false,
        }
    }

    /// The URL for a role that may connect.
    #[must_use]
    pub fn url(&self, role: &str) -> String {
        let (host, port) = (self.server.get_host(), self.server.get_port());
        format!("postgres://{role}:{PASSWORD}@{host}:{port}/{}", self.name)
    }

    /// A pool as the superuser, who sees past row-level security.
    #[must_use]
    pub fn superuser(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(self.server.clone().database(&self.name))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !self.owned {
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        // A thread with a runtime of its own, since the test's is already inside a block_on.
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(end(&server, &name))
        })
        .join();
        // A second panic would abort, and hide the first.
        if std::thread::panicking() {
            return;
        }
        let left = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(
            left.is_empty(),
            "the test left credentials in its database:\n{}",
            left.join("\n")
        );
    }
}

/// Drops a database, and says which credentials stood in it.
async fn end(server: &PgConnectOptions, name: &str) -> Vec<String> {
    // A test that stopped its server on purpose leaves its database behind; the next `make test` starts afresh.
    let Ok(mut connection) = server.connect().await else {
        return Vec::new();
    };
    let exists = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .expect("the catalogue answers");
    let left = if exists {
        leftovers::credentials(server, name, &[OPERATOR, PASSWORD]).await
    } else {
        Vec::new()
    };
    run(&mut connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    left
}

fn server() -> PgConnectOptions {
    let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL is set: run the tests with `make test`");
    PgConnectOptions::from_str(&url).expect("TEST_DATABASE_URL is a Postgres URL")
}

fn rand_bytes() -> [u8; 16] {
    crate::context::Random::from_os().bytes()
}

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .expect("the statement runs");
}

/// The name of the migrated template, one per numbering and content of `migrations/`.
async fn template(server: &PgConnectOptions, connection: &mut PgConnection) -> String {
    let mut content = Sha256::new();
    for migration in MIGRATOR.iter() {
        content.update(migration.version.to_be_bytes());
        content.update(&migration.checksum);
    }
    let name = format!("countersign_template_{}", &hex::encode(content.finalize())[..16]);
    // Test processes start side by side; one of them makes the template. A session lock, because CREATE DATABASE cannot
    // run in a transaction.
    run(
        connection,
        "SELECT pg_advisory_lock(hashtextextended('countersign.template', 0))".to_owned(),
    )
    .await;
    let ready: Option<bool> = sqlx::query_scalar("SELECT datistemplate FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut *connection)
        .await
        .expect("the catalogue answers");
    if ready != Some(true) {
        if ready.is_some() {
            run(connection, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        make_template(server, connection, &name).await;
    }
    run(
        connection,
        "SELECT pg_advisory_unlock(hashtextextended('countersign.template', 0))".to_owned(),
    )
    .await;
    name
}

async fn make_template(server: &PgConnectOptions, connection: &mut PgConnection, name: &str) {
    for role in LOGINS {
        run(
            connection,
            format!(
                "DO $$ BEGIN
                     IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF;
                 END $$;
                 ALTER ROLE {role} LOGIN PASSWORD '{PASSWORD}'"
            ),
        )
        .await;
    }
    run(connection, "ALTER ROLE countersign_migrator CREATEROLE".to_owned()).await;
    run(connection, format!("CREATE DATABASE {name} OWNER countersign_migrator")).await;
    migrate(&server.clone().password(PASSWORD).database(name)).await;
    run(connection, format!("ALTER DATABASE {name} IS_TEMPLATE true")).await;
}

/// Brings a database to its newest schema as the migrator itself, so that the tests show that its rights are enough.
///
/// # Panics
/// The migrator cannot connect with this password, or may not do what the migrations do.
pub async fn migrate(database: &PgConnectOptions) {
    let mut migrator = database
        .clone()
        .username("countersign_migrator")
        .connect()
        .await
        .expect("the migrator connects");
    MIGRATOR
        .run_direct(None, &mut migrator, false)
        .await
        .expect("the migrations run");
    migrator.close().await.expect("closed");
}
