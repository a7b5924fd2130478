//! Settings that may have mistakes in them, so that others can be looked for before all of them are reported.

use super::{Config, ConfigError, ConfigErrors, Environment, TelemetryConfig, sections};

/// Settings as they were read, and what is wrong with them. Only [`finish`](Self::finish) makes settings of it that
/// anything may be done with.
#[derive(Debug, Clone)]
pub struct Draft {
    config: Config,
    mistakes: Vec<ConfigError>,
}

impl Draft {
    /// Reads the process environment and the nearest `.env`, as [`Config::from_env`] does.
    #[must_use]
    pub fn from_env() -> Self {
        let environment = Environment::load();
        let mut draft = Self::from_lookup(&|name| environment.get(name));
        draft.mistakes.splice(0..0, environment.mistakes().iter().cloned());
        draft
    }

    /// Reads through `lookup`, as [`Config::from_lookup`] does.
    #[must_use]
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let (config, mistakes) = Config::read(lookup);
        Self { config, mistakes }
    }

    /// What to log, at its default when that is one of the mistakes.
    #[must_use]
    pub fn telemetry(&self) -> &TelemetryConfig {
        &self.config.telemetry
    }

    /// The settings, with the default where a variable is wrong: for finding further mistakes and for nothing else. `None`
    /// when not even the place of the secrets is known, and what is missing there would be guessed.
    #[must_use]
    pub fn for_finding_mistakes(&self) -> Option<&Config> {
        let knows_the_place = self
            .mistakes
            .iter()
            .all(|mistake| !sections::PLACE_OF_SECRETS.contains(&mistake.variable()));
        knows_the_place.then_some(&self.config)
    }

    /// What is wrong so far.
    #[must_use]
    pub fn mistakes(&self) -> &[ConfigError] {
        &self.mistakes
    }

    /// The settings.
    ///
    /// # Errors
    /// Everything that is wrong, together.
    pub fn finish(self) -> Result<Config, ConfigErrors> {
        if self.mistakes.is_empty() {
            Ok(self.config)
        } else {
            Err(ConfigErrors::new(self.mistakes))
        }
    }
}

impl From<Config> for Draft {
    fn from(config: Config) -> Self {
        Self {
            config,
            mistakes: Vec::new(),
        }
    }
}
