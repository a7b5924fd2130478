//! `countersign key create`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::http::timestamp;
use uuid::Uuid;

use crate::{
    client::Client,
    exit::{Exit, Failure, with_exit_codes},
    output::Output,
    visible::visible,
};

/// Make API keys
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign key create --role agent --caller-id nightly-backup"))]
pub(crate) struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Create(Create),
}

/// Make an API key, as an admin, and print it once
///
/// The key alone goes to standard output, so that it can be piped to where secrets are kept.
#[derive(Args)]
#[command(after_help = with_exit_codes("\
Examples:
  countersign key create --role agent --caller-id nightly-backup --trust-level 2 > key
  countersign key create --role approver --user-id 019a9f00-0000-7000-8000-000000000001
  countersign key create --role agent --caller-id ci --expires-at 2027-01-01T00:00:00Z --json | jq -r .key"))]
struct Create {
    /// What the key may do; a person's key has that person's role
    #[arg(long, value_parser = ["admin", "approver", "auditor", "agent"])]
    role: String,
    /// The agent's name for itself; only with --role agent
    #[arg(long, required_if_eq("role", "agent"), conflicts_with = "user_id")]
    caller_id: Option<String>,
    /// The person; with every role but agent
    #[arg(long, required_if_eq_any([("role", "admin"), ("role", "approver"), ("role", "auditor")]))]
    user_id: Option<Uuid>,
    /// How far the holder is trusted, 0 to 4; default 1
    #[arg(long)]
    trust_level: Option<i16>,
    /// Where the holder runs; default dev
    #[arg(long, value_parser = ["dev", "staging", "production"])]
    environment: Option<String>,
    /// The person who answers for the agent, and so cannot decide on its requests
    #[arg(long)]
    owner_user_id: Option<Uuid>,
    /// When the key stops working, in RFC 3339
    #[arg(long, value_parser = time)]
    expires_at: Option<String>,
}

fn time(text: &str) -> Result<String, &'static str> {
    timestamp::parse(text)
        .map(timestamp::format)
        .ok_or("expected a time such as 2027-01-01T00:00:00Z")
}

/// Runs the chosen action.
///
/// # Errors
/// The server refused it.
pub(crate) fn run(command: &Key, client: &Client, output: Output) -> Result<Exit, Failure> {
    let Action::Create(create) = &command.action;
    let created = client.post("/api/v1/api-keys", &create.body())?;
    let key = created["key"]
        .as_str()
        .ok_or_else(|| Failure::failed("the answer holds no key"))?;

    output.line(visible(key))?;
    output.value(&created)?;
    let of = created["caller_id"]
        .as_str()
        .or(created["user_id"].as_str())
        .unwrap_or_default();
    let id = created["id"].as_str().unwrap_or_default();
    output.note(format_args!(
        "This is the {} key {} of {}. It is shown only now.",
        create.role,
        visible(id),
        visible(of)
    ));
    Ok(Exit::Done)
}

impl Create {
    /// Only what was given: the defaults are the server's.
    fn body(&self) -> Value {
        let mut body = json!({
            "role": self.role, "caller_id": self.caller_id, "user_id": self.user_id, "trust_level": self.trust_level,
            "environment": self.environment, "owner_user_id": self.owner_user_id, "expires_at": self.expires_at,
        });
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
        body
    }
}
