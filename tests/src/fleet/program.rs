//! The programs that were built, where cargo puts them.

use std::path::PathBuf;

/// A program that serves a function, and what is set for it.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) executable: PathBuf,
    pub(super) settings: Vec<(String, String)>,
}

impl Program {
    /// The program of this name from the same build as the test that runs.
    #[must_use]
    pub fn built(name: &str) -> Self {
        let test = std::env::current_exe().expect("the test has a path");
        // target/<profile>/deps/<test>
        let folder = test.parent().and_then(|deps| deps.parent()).expect("cargo's layout");
        let executable = folder.join(name);
        assert!(
            executable.exists(),
            "{} is not built; build it with `cargo build --workspace --bins`",
            executable.display()
        );
        Self {
            executable,
            settings: Vec::new(),
        }
    }

    /// The name of the program.
    pub(super) fn name(&self) -> String {
        let name = self.executable.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// With a setting of its own.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With settings that others have too; its own win.
    pub(super) fn with(mut self, settings: &[(String, String)]) -> Self {
        let own = std::mem::take(&mut self.settings);
        self.settings = settings.to_vec();
        self.settings
            .retain(|(name, _)| own.iter().all(|(known, _)| known != name));
        self.settings.extend(own);
        self
    }
}
