//! Each database role logs in, to the same database, as who it should be.

use std::{str::FromStr as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{ConnectOptions as _, PgConnection, error::DatabaseError, postgres::PgConnectOptions};

use super::{
    looking::{Connected, bounded, too_late},
    report::Check,
};
use crate::place::place;

/// Long enough for a server that is far away, too short to wait for one that is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// A role that something of the product logs in as.
pub(super) struct Login {
    /// The check's name.
    pub(super) name: &'static str,
    pub(super) role: &'static str,
    /// The variable its URL is in, with the source `env`.
    pub(super) variable: &'static str,
}

pub(super) static MIGRATOR: Login = Login {
    name: "migrator",
    role: "countersign_migrator",
    variable: "ADMIN_DATABASE_URL",
};
pub(super) static APP: Login = Login {
    name: "app",
    role: "countersign_app",
    variable: "DATABASE_URL",
};
pub(super) static SWEEPER: Login = Login {
    name: "sweeper",
    role: "countersign_sweeper",
    variable: "SWEEPER_DATABASE_URL",
};

/// Each of them, for what any role may ask.
pub(super) static ANY: [&Login; 3] = [&MIGRATOR, &APP, &SWEEPER];

/// Logs in and looks who it is.
pub(super) async fn log_in(
    login: &'static Login,
    url: Option<&SecretString>,
    same_as: Option<&Connected>,
    checks: &mut Vec<Check>,
) -> Option<Connected> {
    let Some(url) = url else {
        checks.push(Check::not_looked_at(login.name, "its URL is not there", "the secrets"));
        return None;
    };
    // sqlx's message may quote the URL, and with it the password.
    let Ok(options) = PgConnectOptions::from_str(url.expose_secret()) else {
        checks.push(Check::failed(
            login.name,
            format!("{} is not a Postgres URL", login.variable),
            format!(
                "set {} to postgres://{}:<password>@<host>/<database>",
                login.variable, login.role
            ),
        ));
        return None;
    };
    let options = options.application_name("countersign doctor");
    let connected = match tokio::time::timeout(PATIENCE, options.connect()).await {
        Ok(connected) => connected,
        Err(_) => Err(too_late()),
    };
    let outcome = match connected {
        Ok(connection) => identify(login, connection, same_as).await,
        Err(error) => Err(refused(login, &options, &error)),
    };
    match outcome {
        Ok(connected) => {
            checks.push(Check::ok(login.name, format!("logs in to {}", place(&options))));
            Some(connected)
        }
        Err(check) => {
            checks.push(check);
            None
        }
    }
}

async fn identify(
    login: &'static Login,
    mut connection: PgConnection,
    same_as: Option<&Connected>,
) -> Result<Connected, Check> {
    let (role, database) = bounded(&mut connection, who)
        .await
        .map_err(|error| Check::unanswered(login.name, &error))?;
    // Who migrates may be called otherwise where a cloud hands out the role; the rules over the catalogue know its rights.
    if role != login.role && login.role != MIGRATOR.role {
        return Err(Check::failed(
            login.name,
            format!(
                "{} logs in as {}, whose rights are not those of {}",
                login.variable, role, login.role
            ),
            format!("put the URL of the role {} into {}", login.role, login.variable),
        ));
    }
    if let Some(other) = same_as.filter(|other| other.database != database) {
        let other = other.login.variable;
        return Err(Check::failed(
            login.name,
            format!("{} leads to another database than {other}", login.variable),
            format!("put host, port and database of {other} into {}", login.variable),
        ));
    }
    Ok(Connected {
        login,
        connection,
        database,
    })
}

/// The role that logged in, and which database of which server it sees.
async fn who(connection: &mut PgConnection) -> Result<(String, String), sqlx::Error> {
    let who = sqlx::query!(
        r#"SELECT current_user::text AS "role!",
                  format('%s since %s', current_database(), pg_postmaster_start_time()) AS "database!""#
    )
    .fetch_one(connection)
    .await?;
    Ok((who.role, who.database))
}

fn refused(login: &Login, options: &PgConnectOptions, error: &sqlx::Error) -> Check {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let remedy = match code.as_deref() {
        Some("28P01" | "28000") if options.get_username() != login.role && login.role != MIGRATOR.role => {
            format!("put the URL of the role {} into {}", login.role, login.variable)
        }
        Some("28P01" | "28000") => format!(
            "as a superuser `ALTER ROLE {} LOGIN PASSWORD '…';`, and put the same password into {}",
            options.get_username(),
            login.variable
        ),
        Some("3D000") => format!(
            "as a superuser `CREATE DATABASE {} OWNER {};`, then `countersign migrate up`",
            options.get_database().unwrap_or("countersign"),
            MIGRATOR.role
        ),
        Some("42501") => format!(
            "as a superuser `GRANT CONNECT ON DATABASE {} TO {};`",
            options.get_database().unwrap_or("countersign"),
            options.get_username()
        ),
        Some("53300") => "raise max_connections, or lower DATABASE_MAX_CONNECTIONS".to_owned(),
        _ => format!(
            "start Postgres at {}:{}, or correct the host in {}",
            options.get_host(),
            options.get_port(),
            login.variable
        ),
    };
    let said = error
        .as_database_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned());
    Check::failed(
        login.name,
        format!("{} does not take us: {said}", place(options)),
        remedy,
    )
}
