//! A tool call on the command line: what several commands ask about.

use std::{fs, io::Read as _};

use clap::Args;
use serde_json::{Map, Value, json};
use shared::http::parse_strict;

use crate::exit::Failure;

/// The call of a tool.
#[derive(Args)]
pub(crate) struct Call {
    /// The tool that is to be called
    #[arg(long)]
    tool: String,
    /// The arguments of the call: a JSON object, @FILE that holds one, or - for standard input; default {}
    #[arg(long, value_name = "JSON|@FILE|-")]
    arguments: Option<String>,
    /// The server that offers the tool
    #[arg(long)]
    server: Option<String>,
    /// The environment of the call; default the key's, and no other is allowed
    #[arg(long)]
    environment: Option<String>,
}

impl Call {
    /// The call as the API takes it.
    ///
    /// # Errors
    /// The arguments cannot be read, or are no JSON object.
    pub(crate) fn read(&self) -> Result<Value, Failure> {
        let arguments = match &self.arguments {
            Some(given) => read_arguments(given)?,
            None => json!({}),
        };
        let mut call = Map::from_iter([
            ("tool".to_owned(), json!(self.tool)),
            ("arguments".to_owned(), arguments),
        ]);
        put(&mut call, "server", self.server.as_ref());
        put(&mut call, "environment", self.environment.as_ref());
        Ok(call.into())
    }
}

/// Adds what was given; the defaults are the server's.
pub(crate) fn put(object: &mut Map<String, Value>, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), json!(value));
    }
}

/// The arguments from the command line, a file or standard input.
fn read_arguments(given: &str) -> Result<Value, Failure> {
    let unreadable = |error: std::io::Error| Failure::usage(format!("the arguments cannot be read: {error}"));
    let text = match (given, given.strip_prefix('@')) {
        ("-", _) => {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).map_err(unreadable)?;
            text
        }
        (_, Some(path)) => fs::read(path).map_err(unreadable)?,
        (text, None) => text.as_bytes().to_vec(),
    };
    // An ordinary parser would keep the last of two equal keys, and the approver would see only that one.
    let value = parse_strict(&text).map_err(|error| Failure::usage(format!("the arguments are not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Failure::usage(
            "the arguments must be a JSON object, such as {\"path\":\"/srv\"}",
        ));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn only_what_was_given_is_sent() {
        let mut call = Call {
            tool: "t".to_owned(),
            arguments: None,
            server: None,
            environment: None,
        };
        assert_eq!(call.read().expect("a call"), json!({"tool": "t", "arguments": {}}));
        call.arguments = Some(r#"{"a":1}"#.to_owned());
        call.server = Some("s".to_owned());
        call.environment = Some("dev".to_owned());
        let expected = json!({"tool": "t", "arguments": {"a": 1}, "server": "s", "environment": "dev"});
        assert_eq!(call.read().expect("a call"), expected);
    }

    #[test]
    fn arguments_are_one_unambiguous_object() {
        assert_eq!(read_arguments(r#"{"a":[1]}"#).expect("an object"), json!({"a": [1]}));
        for wrong in [
            "",
            "[]",
            "1",
            "{",
            r#"{"a":1,"a":2}"#,
            r#"{"a":9007199254740993}"#,
            "@/nonexistent",
        ] {
            assert_eq!(read_arguments(wrong).expect_err(wrong).exit, Exit::Usage);
        }
    }

    #[test]
    fn arguments_come_from_a_file_too() {
        let path = std::env::temp_dir().join(format!("countersign-arguments-{}", std::process::id()));
        fs::write(&path, r#"{"from":"file"}"#).expect("written");
        let read = read_arguments(&format!("@{}", path.display()));
        let _ = fs::remove_file(&path);
        assert_eq!(read.expect("an object"), json!({"from": "file"}));
    }
}
