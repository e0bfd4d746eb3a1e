//! Where settings come from: flags before the environment before the env file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::ConfigError;
use super::env_file::{self, Assignment};

/// A flag that was given on the command line, under the name of its variable.
pub type Setting = (&'static str, String);

/// Every setting that was given, with what relative paths refer to.
#[derive(Default)]
pub struct Sources {
    values: HashMap<String, String>,
    from_file: HashMap<String, Assignment>,
    file: PathBuf,
}

impl Sources {
    /// Gathers flags, the process environment and the named env file. No other file is read.
    pub fn gather(
        flags: Vec<Setting>,
        environment: impl Iterator<Item = (String, String)>,
        env_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Self::default();
        if let Some(path) = env_file {
            let bytes = std::fs::read(path).map_err(|source| ConfigError::EnvFile {
                path: path.to_owned(),
                source,
            })?;
            sources.from_file = env_file::parse(&bytes);
            path.clone_into(&mut sources.file);
        }
        sources.values.extend(environment);
        sources
            .values
            .extend(flags.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(sources)
    }

    /// Settings out of thin air.
    pub fn of_pairs(pairs: &[(&str, &str)]) -> Self {
        let values = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }

    /// Sets a value, as a flag would.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Forgets a value that the environment gave.
    pub fn unset(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// A setting; an empty one is as good as none, also where it hides one of the file, as in NocoBase.
    pub fn text(&self, name: &str) -> Option<&str> {
        let of_file = || self.from_file.get(name).map(|assignment| &assignment.value);
        let given = self.values.get(name).or_else(of_file);
        given.map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The named env file.
    pub fn env_file(&self) -> Option<&Path> {
        Some(self.file.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// The error with the line of the env file, where the setting comes from there.
    pub fn located(&self, error: ConfigError) -> ConfigError {
        let name = error.variable().filter(|name| !self.values.contains_key(*name));
        match name.and_then(|name| self.from_file.get(name)) {
            Some(assignment) => ConfigError::EnvFileLine {
                path: self.file.clone(),
                line: assignment.line,
                error: Box::new(error),
            },
            None => error,
        }
    }

    /// A setting of any type that reads itself.
    pub fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        self.text(name)
            .map(|text| {
                text.trim()
                    .parse()
                    .map_err(|_| ConfigError::Invalid { name, expected })
            })
            .transpose()
    }

    /// An http or https address.
    pub fn url(&self, name: &'static str) -> Result<Option<Url>, ConfigError> {
        let expected = "it is an http or https address";
        let url: Option<Url> = self.parsed(name, expected)?;
        if url
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host())
        {
            return Err(ConfigError::Invalid { name, expected });
        }
        Ok(url)
    }

    /// A yes or no of NocoBase's, which knows no other yes.
    pub fn is_true(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text == "true")
    }

    /// A yes or no of our own.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        match self.text(name) {
            None => Ok(None),
            Some("true" | "1" | "yes" | "on") => Ok(Some(true)),
            Some("false" | "0" | "no" | "off") => Ok(Some(false)),
            Some(_) => Err(ConfigError::Invalid {
                name,
                expected: "it is true or false",
            }),
        }
    }

    /// A path; a relative one in the env file refers to the file's folder.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name)?;
        Some(if self.values.contains_key(name) {
            PathBuf::from(text)
        } else {
            self.beside_file(text)
        })
    }

    /// A path as the env file means it.
    pub fn beside_file(&self, path: impl AsRef<Path>) -> PathBuf {
        self.file
            .parent()
            .map_or_else(|| path.as_ref().to_owned(), |folder| folder.join(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(
            &file,
            "A=file\nB=file\nC='file # no comment'\nSTORAGE_PATH=storage\n",
        )
        .unwrap();
        let environment = [
            ("A".to_owned(), "environment".to_owned()),
            ("B".to_owned(), "environment".to_owned()),
        ];

        let sources = Sources::gather(
            vec![("A", "flag".to_owned())],
            environment.into_iter(),
            Some(&file),
        )
        .unwrap();

        assert_eq!(sources.text("A"), Some("flag"));
        assert_eq!(sources.text("B"), Some("environment"));
        assert_eq!(sources.text("C"), Some("file # no comment"));
        assert_eq!(sources.path("STORAGE_PATH"), Some(folder.path().join("storage")));
    }

    #[test]
    fn of_environment_and_file_the_same_counts_as_in_nocobase() {
        let corpus = include_str!("../../tests/corpus/env_files/expected.json");
        let corpus: serde_json::Value = serde_json::from_str(corpus).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        let pairs = |values: &serde_json::Value| -> Vec<(String, String)> {
            serde_json::from_value::<HashMap<String, String>>(values.clone())
                .unwrap()
                .into_iter()
                .collect()
        };

        let cases = corpus["precedence"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            std::fs::write(&file, case["text"].as_str().unwrap()).unwrap();
            let environment = pairs(&case["environment"]).into_iter();
            let sources = Sources::gather(Vec::new(), environment, Some(&file)).unwrap();

            for (name, value) in pairs(&case["expected"]) {
                let expected = Some(value.as_str()).filter(|value| !value.is_empty());
                assert_eq!(sources.text(&name), expected, "{case}");
            }
        }
    }

    #[test]
    fn an_env_file_that_is_not_there_is_named() {
        let missing = Path::new("/nonexistent/.env");

        let error = Sources::gather(Vec::new(), std::iter::empty(), Some(missing))
            .err()
            .unwrap();

        assert!(error.to_string().contains("/nonexistent/.env"), "{error}");
    }
}
