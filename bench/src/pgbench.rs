//! pgbench playing heard statements again: the speed of light for a client of this server.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use regex::{Captures, Regex};

use crate::wire::Statement;

/// How the parameters of one play differ from those that were heard.
///
/// Every other UUID that stands alone or alone in an array is one that the product drew, and is drawn anew; what stands inside
/// longer texts is played as it was heard.
pub struct Variation {
    /// What was heard, and an SQL expression of type `uuid` for what is played instead.
    pub ids: Vec<(String, String)>,
}

impl Variation {
    fn instead_of(&self, heard: &str) -> String {
        self.ids
            .iter()
            .find(|(id, _)| id == heard)
            .map_or_else(|| numbered(heard), |(_, instead)| instead.clone())
    }
}

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// The number of the play, in a script: unique in the run, and rising in each client. Its digits in hexadecimal are the end of
/// every UUID that is drawn.
pub const NUMBER: &str = ":number";

/// One run of pgbench.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Connections at once.
    pub clients: usize,
    /// Plays by each.
    pub plays: usize,
    /// The first play's number. A client's plays follow each other, then come those of the next.
    pub first: usize,
}

/// A UUID that ends in the play's number and starts as this one does.
#[must_use]
pub fn numbered(like: &str) -> String {
    format!(
        "('{}-8000-' || lpad(to_hex({NUMBER}::bigint), 12, '0'))::uuid",
        &like[..18]
    )
}

/// What `pgbench --protocol=prepared` plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    text: String,
    /// The parameters that are played as they were heard: parameters there too, since a server plans for a constant otherwise.
    heard: Vec<(String, String)>,
}

/// The script that plays these statements.
///
/// Statements that were sent together are sent one by one, since pgbench prepares them singly.
#[must_use]
pub fn script(statements: &[Statement], variation: &Variation) -> Script {
    let mut heard = Vec::new();
    let mut script = "\\set played :played + 1\n\\set number :first + :client_id * :plays + :played\n".to_owned();
    for statement in statements {
        for part in statement.text.split("; ") {
            let _ = writeln!(script, "{};", play(part, &statement.parameters, variation, &mut heard));
        }
    }
    Script { text: script, heard }
}

fn play(text: &str, parameters: &[Option<String>], variation: &Variation, heard: &mut Vec<(String, String)>) -> String {
    let text = one_line(text);
    let place = Regex::new(&format!(r"\$(\d+)|'({UUID})'")).expect("a pattern");
    place
        .replace_all(&text, |found: &Captures<'_>| {
            if let Some(id) = found.get(2) {
                return format!("({})::text", variation.instead_of(id.as_str()));
            }
            let at: usize = found[1].parse().expect("a number");
            let followed_by = &text[found.get(0).expect("a match").end()..];
            argument(parameters[at - 1].as_deref(), followed_by, variation, heard)
        })
        .into_owned()
}

/// Without comments, which end with a line, and on one line.
fn one_line(text: &str) -> String {
    text.lines()
        .map(|line| line.split("--").next().unwrap_or_default().trim())
        .collect::<Vec<_>>()
        .join(" ")
}

fn argument(
    parameter: Option<&str>,
    followed_by: &str,
    variation: &Variation,
    heard: &mut Vec<(String, String)>,
) -> String {
    let Some(parameter) = parameter else {
        return "NULL".to_owned();
    };
    let shape = Regex::new(&format!(r"^(\{{?)(user:|)({UUID})(\}}?)$")).expect("a pattern");
    let Some(found) = shape.captures(parameter) else {
        let name = format!("heard_{}", heard.len());
        heard.push((name.clone(), parameter.to_owned()));
        return format!(":{name}");
    };
    let instead = variation.instead_of(&found[3]);
    match (&found[1], &found[2]) {
        ("", "") => format!("({instead})"),
        ("", _) => format!("('user' || chr(58) || ({instead})::text)"),
        (_, "") if followed_by.starts_with("::text") => format!("ARRAY[({instead})::text]"),
        (_, "") => format!("ARRAY[{instead}]"),
        // A colon inside quotes would begin the name of a variable.
        (_, _) => format!("ARRAY['user' || chr(58) || ({instead})::text]"),
    }
}

/// Plays the script and returns the plays a second, connecting not counted.
///
/// # Panics
/// There is no pgbench, a statement fails, or fewer plays were made than asked for.
#[must_use]
pub fn run(script: &Script, url: &str, run: Run) -> f64 {
    let file = std::env::temp_dir().join(format!("countersign-bench-{}.sql", std::process::id()));
    std::fs::write(&file, &script.text).expect("the script is written");
    let Run { clients, plays, first } = run;
    let output = Command::new(find())
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={clients}"))
        .arg(format!("--transactions={plays}"))
        .args(["--define=played=-1", &format!("--define=plays={plays}")])
        .arg(format!("--define=first={first}"))
        .args(
            script
                .heard
                .iter()
                .map(|(name, value)| format!("--define={name}={value}")),
        )
        .arg(format!("--file={}", file.display()))
        .arg(url)
        .output()
        .expect("pgbench runs");
    let _ = std::fs::remove_file(&file);
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "pgbench: {errors}");
    let made = format!("transactions actually processed: {all}/{all}", all = clients * plays);
    assert!(said.contains(&made), "not every play was made: {said}{errors}");
    said.lines()
        .find_map(|line| line.strip_prefix("tps = "))
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .expect("pgbench says how fast it was")
}

/// On the path, or where Debian puts it.
fn find() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let folders = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .chain(debian.flatten().map(|version| version.path().join("bin")));
    folders
        .map(|folder: PathBuf| folder.join("pgbench"))
        .find(|path: &PathBuf| Path::is_file(path))
        .expect("pgbench is installed; Debian has it in the package postgresql-contrib or postgresql")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "0193aaaa-0000-7000-8000-000000000001";
    const DRAWN: &str = "0193aaaa-0000-7123-9456-000000000002";

    fn played(text: &str, parameters: &[Option<&str>]) -> String {
        let statement = Statement {
            text: text.to_owned(),
            parameters: parameters.iter().map(|text| text.map(str::to_owned)).collect(),
        };
        let variation = Variation {
            ids: vec![(TENANT.to_owned(), "tenant_of_play".to_owned())],
        };
        let Script { text, heard } = script(&[statement], &variation);
        let heard = heard.into_iter().map(|(name, value)| format!("{name} = {value}"));
        text.lines()
            .skip(2)
            .map(str::to_owned)
            .chain(heard)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn known_ids_vary_drawn_ones_are_numbered_and_the_rest_stays() {
        let drawn = "('0193aaaa-0000-7123-8000-' || lpad(to_hex(:number::bigint), 12, '0'))::uuid";
        let table = [
            ("SELECT $1", Some(TENANT), "SELECT (tenant_of_play);".to_owned()),
            ("SELECT $1", Some(DRAWN), format!("SELECT ({drawn});")),
            ("SELECT $1::text", Some(DRAWN), format!("SELECT ({drawn})::text;")),
            ("SELECT $1", Some("it's"), "SELECT :heard_0;\nheard_0 = it's".to_owned()),
            ("SELECT $1", None, "SELECT NULL;".to_owned()),
        ];
        for (text, parameter, expected) in table {
            assert_eq!(played(text, &[parameter]), expected);
        }
        assert_eq!(
            played("SELECT unnest($1::uuid[])", &[Some(&format!("{{{DRAWN}}}"))]),
            format!("SELECT unnest(ARRAY[{drawn}]::uuid[]);")
        );
        assert_eq!(
            played("SELECT $1", &[Some(&format!("user:{TENANT}"))]),
            "SELECT ('user' || chr(58) || (tenant_of_play)::text);"
        );
    }

    #[test]
    fn what_was_sent_together_is_played_one_by_one() {
        assert_eq!(
            played(
                &format!("BEGIN; SELECT set_config('app.tenant_id', '{TENANT}', true)"),
                &[]
            ),
            "BEGIN;\nSELECT set_config('app.tenant_id', (tenant_of_play)::text, true);"
        );
    }
}
