//! Where settings come from: flags before the environment before the env file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

use super::ConfigError;

/// A flag that was given on the command line, under the name of its variable.
pub type Setting = (&'static str, String);

/// Every setting that was given, with what relative paths refer to.
#[derive(Default)]
pub struct Sources {
    values: HashMap<String, String>,
    from_file: HashMap<String, String>,
    file_folder: PathBuf,
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
            let text = std::fs::read(path).map_err(|source| ConfigError::EnvFile {
                path: path.to_owned(),
                source,
            })?;
            for line in dotenvy::from_read_iter(text.as_slice()) {
                let (name, value) = line.map_err(|_| ConfigError::EnvFileSyntax {
                    path: path.to_owned(),
                })?;
                sources.from_file.insert(name, value);
            }
            sources.file_folder = path.parent().map(Path::to_owned).unwrap_or_default();
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

    /// A setting; an empty one is as good as none.
    pub fn text(&self, name: &str) -> Option<&str> {
        let given = self.values.get(name).or_else(|| self.from_file.get(name));
        given.map(String::as_str).filter(|value| !value.is_empty())
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

    /// A yes or no.
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
        self.file_folder.join(path)
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
    fn a_broken_env_file_is_named_and_its_content_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        std::fs::write(&file, "APP_KEY='canary\n").unwrap();

        let text = Sources::gather(Vec::new(), std::iter::empty(), Some(&file))
            .err()
            .unwrap()
            .to_string();

        assert!(text.contains(".env") && !text.contains("canary"), "{text}");
    }
}
