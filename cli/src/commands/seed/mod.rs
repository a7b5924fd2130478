//! `countersign seed`: two tenants with everybody a story needs, for development and demonstrations.

mod cast;
mod create;
mod store;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};
use shared::{
    config::Config,
    context::{AppContext, Duty},
};
use uuid::Uuid;

use super::block_on;
use crate::{
    exit::{Exit, Failure, with_exit_codes},
    key_file::{self, Entries},
    output::Output,
};

/// Make two tenants to develop and demonstrate with, and print their keys once
///
/// Makes `acme` and `globex`, each with an admin, two approvers, an auditor and the agent `dev-agent`. A tenant that is
/// there already is left as it is. Connects as the functions do (`DATABASE_URL`, `REDIS_URL`), and refuses a production
/// environment.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign seed
  countersign seed --keys-file .local/dev/keys.env && source .local/dev/keys.env"))]
pub(crate) struct Seed {
    /// Also write the keys there, as shell exports that only you can read
    #[arg(long, value_name = "PATH")]
    keys_file: Option<PathBuf>,
}

/// A tenant after seeding; without keys when it was there before.
struct Seeded {
    slug: &'static str,
    id: Uuid,
    keys: Option<Entries>,
}

/// Makes what is missing, prints the new keys, and writes them down where that was asked for.
///
/// # Errors
/// The environment is production, a setting is wrong, the database is away or not migrated, or the file cannot be written.
pub(crate) fn run(command: &Seed, output: Output) -> Result<Exit, Failure> {
    let config = Config::from_env().map_err(|errors| Failure::usage(errors.to_string()))?;
    if config.server.environment.is_production() {
        return Err(Failure::usage(
            "seed makes tenants for development and never runs where ENVIRONMENT is production",
        ));
    }
    let seeded = block_on(seed(config))?;

    let written = match &command.keys_file {
        Some(path) => key_file::read(path)?,
        None => Entries::new(),
    };
    for tenant in &seeded {
        report(tenant, command, &written, output)?;
    }
    if let Some(path) = &command.keys_file
        && seeded.iter().any(|tenant| tenant.keys.is_some())
    {
        key_file::write(path, &merged(&seeded, &written))?;
        output.line(format_args!("\nThe keys are also in {}.", path.display()))?;
    }
    let tenants: Vec<Value> = seeded.iter().map(Seeded::value).collect();
    output.value(&json!({ "tenants": tenants, "keys_file": command.keys_file }))?;
    Ok(Exit::Done)
}

async fn seed(config: Config) -> Result<Vec<Seeded>, Failure> {
    let ctx = AppContext::start(config.into(), Duty::Tenants)
        .await
        .map_err(|error| Failure::usage(error.to_string()))?;
    let known = store::list_tenants(ctx.db.without_tenant()).await?;
    let mut seeded = Vec::new();
    for plan in cast::TENANTS {
        seeded.push(match known.get(plan.slug) {
            Some(id) => Seeded {
                slug: plan.slug,
                id: *id,
                keys: None,
            },
            None => create::tenant(&ctx, plan).await?,
        });
    }
    Ok(seeded)
}

/// Says what became of one tenant.
fn report(tenant: &Seeded, command: &Seed, written: &Entries, output: Output) -> Result<(), Failure> {
    let Seeded { slug, id, keys } = tenant;
    if let Some(keys) = keys {
        output.line(format_args!("\n# {slug}: new; its keys are shown only now"))?;
        for (name, value) in keys {
            output.line(format_args!("export {name}={value}"))?;
        }
        return Ok(());
    }
    output.line(format_args!("\n# {slug} ({id}): already there and left as it is"))?;
    let is_written = written.contains(&(variable(slug, "TENANT"), id.to_string()));
    match &command.keys_file {
        Some(path) if is_written => output.line(format_args!("# its keys are in {}", path.display()))?,
        _ => output.line(
            "# its keys were printed when it was made and are kept nowhere else; with the admin's, `countersign key create`\n\
             # makes new ones; without it, begin with an empty database",
        )?,
    }
    Ok(())
}

/// What the file holds afterwards: the new keys, and those it had of the tenants that were there. Whatever else it held
/// belongs to a database that is gone.
fn merged(seeded: &[Seeded], written: &Entries) -> Entries {
    seeded
        .iter()
        .flat_map(|tenant| match &tenant.keys {
            Some(keys) => keys.clone(),
            None if written.contains(&(variable(tenant.slug, "TENANT"), tenant.id.to_string())) => {
                let prefix = variable(tenant.slug, "");
                written
                    .iter()
                    .filter(|(name, _)| name.starts_with(&prefix))
                    .cloned()
                    .collect()
            }
            None => Entries::new(),
        })
        .collect()
}

/// `ACME_ADMIN_KEY`
fn variable(slug: &str, suffix: &str) -> String {
    format!("{}_{suffix}", slug.to_ascii_uppercase())
}

impl Seeded {
    fn value(&self) -> Value {
        let keys: Option<Map<String, Value>> = self
            .keys
            .as_ref()
            .map(|keys| keys.iter().map(|(name, value)| (name.clone(), json!(value))).collect());
        json!({"slug": self.slug, "id": self.id, "created": self.keys.is_some(), "variables": keys})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(all: &[(&str, &str)]) -> Entries {
        all.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_file_keeps_the_keys_of_tenants_that_stay_and_forgets_those_of_another_database() {
        let (stays, gone) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let new = entries(&[("GLOBEX_TENANT", "9"), ("GLOBEX_ADMIN_KEY", "cs_new")]);
        let seeded = |acme| {
            [
                Seeded {
                    slug: "acme",
                    id: acme,
                    keys: None,
                },
                Seeded {
                    slug: "globex",
                    id: Uuid::nil(),
                    keys: Some(new.clone()),
                },
            ]
        };
        let written = entries(&[
            ("ACME_TENANT", &stays.to_string()),
            ("ACME_ADMIN_KEY", "cs_a"),
            ("GLOBEX_ADMIN_KEY", "cs_old"),
        ]);
        assert_eq!(
            merged(&seeded(stays), &written),
            [written[..2].to_vec(), new.clone()].concat()
        );
        assert_eq!(merged(&seeded(gone), &written), new);
    }
}
