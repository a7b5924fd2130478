//! The file that `seed` leaves for people and that `demo` reads: shell exports, for their owner's eyes only.

use std::{collections::HashMap, fs, io::Write as _, path::Path};

use crate::exit::Failure;

/// Variables and values, in the order in which they are written.
pub(crate) type Entries = Vec<(String, String)>;

/// Reads the `export NAME=value` lines of a file.
///
/// # Errors
/// The file is there and cannot be read. A file that is not there has no entries.
pub(crate) fn read(path: &Path) -> Result<Entries, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Entries::new()),
        Err(error) => Err(Failure::failed(format!("{} cannot be read: {error}", path.display()))),
    }
}

fn parse(text: &str) -> Entries {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// The directory is missing or cannot be written.
pub(crate) fn write(path: &Path, entries: &Entries) -> Result<(), Failure> {
    let refused = |error: std::io::Error| Failure::failed(format!("{} cannot be written: {error}", path.display()));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    let written = create_private(beside)
        .and_then(|mut file| {
            writeln!(
                file,
                "# API keys of a development database, made by `countersign seed`. Use: source <this file>"
            )?;
            // Ids and keys are letters, digits, `-` and `_`: nothing a shell would read differently.
            entries
                .iter()
                .try_for_each(|(name, value)| writeln!(file, "export {name}={value}"))?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(beside);
        refused(error)
    })
}

/// A new file with mode 0600 from its first moment, not from after it was written.
fn create_private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Looks variables up: in the process environment, then in the file.
pub(crate) struct Lookup(HashMap<String, String>);

impl Lookup {
    pub(crate) fn new(entries: Entries) -> Self {
        Self(entries.into_iter().collect())
    }

    /// A value that is set to something.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        std::env::var(name)
            .ok()
            .or_else(|| self.0.get(name).cloned())
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_back_and_is_for_its_owner_only() {
        let path = std::env::temp_dir().join(format!("countersign-key-file-{}", std::process::id()));
        let entries = vec![
            ("ACME_TENANT".to_owned(), "1".to_owned()),
            ("ACME_ADMIN_KEY".to_owned(), "cs_x".to_owned()),
        ];
        write(&path, &Entries::new()).expect("written");
        write(&path, &entries).expect("replaced");
        let (found, permissions) = (read(&path), fs::metadata(&path).map(|metadata| metadata.permissions()));
        let _ = fs::remove_file(&path);
        assert_eq!(found.expect("readable"), entries);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&permissions.expect("a file")) & 0o777,
            0o600
        );
    }

    #[test]
    fn no_file_has_no_entries() {
        assert_eq!(read(Path::new("/nonexistent/keys.env")).expect("none"), Entries::new());
        assert!(write(Path::new("/nonexistent/keys.env"), &Entries::new()).is_err());
    }

    #[test]
    fn other_lines_are_passed_over() {
        assert_eq!(
            parse("# a\n\nexport A=1\nB=2\n  export C = 3 \n"),
            [("A".into(), "1".into()), ("C".into(), "3".into())]
        );
    }
}
