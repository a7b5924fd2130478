//! One view of the process environment and `.env`, which changes neither.
//!
//! Putting `.env` into the process environment would be unsound beside other threads, and would hand its secrets to every
//! child process.

use std::{
    collections::HashMap,
    env, fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::reader::ConfigError;

const FILE_NAME: &str = ".env";

/// The process environment, and behind it the `.env` file of the working directory or of the nearest directory above it.
#[derive(Clone)]
pub struct Environment {
    from_file: Arc<HashMap<String, String>>,
    mistakes: Arc<[ConfigError]>,
}

impl Environment {
    /// Reads `.env`, if there is one. The process environment itself is read at each [`get`](Self::get).
    #[must_use]
    pub fn load() -> Self {
        let nearest = env::current_dir().ok().and_then(|directory| nearest_file(&directory));
        nearest.map_or_else(|| Self::parse(""), |path| Self::from_file(&path))
    }

    fn from_file(path: &Path) -> Self {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) => {
                let mistake = ConfigError::new(FILE_NAME, format!("a readable UTF-8 file ({})", error.kind()));
                Self {
                    from_file: Arc::default(),
                    mistakes: Arc::new([mistake]),
                }
            }
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let mut from_file = HashMap::new();
        let mut mistakes = Vec::new();
        for (index, entry) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
            match entry {
                // The first of two entries counts, as it does for other readers of the format.
                Ok((name, value)) => {
                    from_file.entry(name).or_insert(value);
                }
                // dotenvy's own message quotes the line, and the line may hold a secret.
                Err(_) => mistakes.push(ConfigError::new(
                    FILE_NAME,
                    format!("NAME=value at entry {}", index + 1),
                )),
            }
        }
        Self {
            from_file: Arc::new(from_file),
            mistakes: mistakes.into(),
        }
    }

    /// The value of a variable; `None` when it is set in neither place. Set in both, the process environment wins, also
    /// with an empty value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.get_behind(name, |name| {
            env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    pub(super) fn get_behind(&self, name: &str, process: impl Fn(&str) -> Option<String>) -> Option<String> {
        process(name).or_else(|| self.from_file.get(name).cloned())
    }

    /// What could not be read of `.env`.
    #[must_use]
    pub fn mistakes(&self) -> &[ConfigError] {
        &self.mistakes
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("from_file", &self.from_file.len())
            .finish_non_exhaustive()
    }
}

/// The file of the directory, or of the nearest one above it.
fn nearest_file(directory: &Path) -> Option<PathBuf> {
    directory
        .ancestors()
        .map(|above| above.join(FILE_NAME))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_at_or_above_the_directory_is_read() {
        let top = env::temp_dir().join(format!("countersign-environment-{}", std::process::id()));
        let below = top.join("a/b");
        fs::create_dir_all(&below).expect("directories");
        // A directory of that name is none.
        fs::create_dir_all(below.join(FILE_NAME)).expect("a directory");
        fs::write(top.join(FILE_NAME), "A=top\n").expect("written");
        assert_eq!(nearest_file(&below), Some(top.join(FILE_NAME)));
        fs::write(top.join("a").join(FILE_NAME), "A=nearer\n").expect("written");
        let nearest = nearest_file(&below).expect("found");
        let environment = Environment::from_file(&nearest);
        assert_eq!(environment.get_behind("A", |_| None).as_deref(), Some("nearer"));

        fs::write(&nearest, b"A=hunter2\xff\n").expect("written");
        let environment = Environment::from_file(&nearest);
        fs::remove_dir_all(&top).expect("removed");
        let mistakes: Vec<String> = environment.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(mistakes, [".env: expected a readable UTF-8 file (invalid data)"]);
        assert_eq!(environment.get_behind("A", |_| None), None);
        let gone = Environment::from_file(&nearest);
        assert_eq!(gone.mistakes().len(), 1, "a file that went meanwhile is named");
    }

    #[test]
    fn the_process_environment_wins_over_the_file() {
        let environment = Environment::parse("A=file\nB=file\nC=file\n");
        let process = |name: &str| match name {
            "A" => Some("process".to_owned()),
            "B" => Some(String::new()),
            _ => None,
        };
        assert_eq!(environment.get_behind("A", process).as_deref(), Some("process"));
        assert_eq!(environment.get_behind("B", process).as_deref(), Some(""));
        assert_eq!(environment.get_behind("C", process).as_deref(), Some("file"));
        assert_eq!(environment.get_behind("D", process), None);
    }

    #[test]
    fn get_reads_the_process_environment() {
        let environment = Environment::parse("PATH=file\n");
        assert_eq!(environment.get("PATH"), env::var("PATH").ok());
    }

    #[test]
    fn comments_quotes_a_byte_order_mark_and_repeated_names_are_understood() {
        let environment = Environment::parse("\u{feff}A=1 # one\n# B=2\nC=\"a b\"\nexport D='x'\nA=2\n");
        let nothing = |_: &str| None;
        assert_eq!(environment.get_behind("A", nothing).as_deref(), Some("1"));
        assert_eq!(environment.get_behind("B", nothing), None);
        assert_eq!(environment.get_behind("C", nothing).as_deref(), Some("a b"));
        assert_eq!(environment.get_behind("D", nothing).as_deref(), Some("x"));
        assert!(environment.mistakes().is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_by_its_place_only() {
        let environment = Environment::parse("A=1\nhunter2 hunter2\nB=2\n");
        let mistakes: Vec<String> = environment.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(mistakes, [".env: expected NAME=value at entry 2"]);
        assert!(!format!("{environment:?}").contains("hunter2"));
        assert_eq!(environment.get_behind("B", |_| None).as_deref(), Some("2"));
    }
}
