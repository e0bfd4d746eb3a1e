//! What the plugin says of itself, from `plugin.json`: the source of its `package.json` and of the plugin list.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::language::Language;
use super::locales::Locales;

/// The plugin's own description; name and description are keys of the locales.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    name: String,
    version: String,
    display_name: String,
    description: String,
    keywords: Vec<String>,
    homepage: String,
    license: String,
    peer_dependencies: BTreeMap<String, String>,
    /// What else `package.json` knows (author, repository) goes there as it stands.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Manifest {
    /// The manifest that is built into the binary.
    #[expect(
        clippy::expect_used,
        reason = "the file is fixed at build time and a test parses it"
    )]
    pub fn embedded() -> &'static Self {
        static EMBEDDED: LazyLock<Manifest> = LazyLock::new(|| {
            serde_json::from_str(include_str!("../../plugin.json")).expect("plugin.json has the known fields")
        });
        &EMBEDDED
    }

    /// The package's name, which is the plugin's name and its i18n namespace too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that package and sidecar share.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The categories of the plugin manager's page.
    pub fn keywords(&self) -> &[String] {
        &self.keywords
    }

    /// The title on the plugin manager's page.
    pub fn display_name(&self, language: Language) -> &str {
        Locales::embedded().text(language, &self.display_name)
    }

    /// The sentence under the title.
    pub fn description(&self, language: Language) -> &str {
        Locales::embedded().text(language, &self.description)
    }

    /// Where a NocoBase with its pages under `public_path` serves the guide that the package carries.
    fn homepage(&self, language: Language, public_path: &str) -> String {
        self.homepage
            .replace("{{PUBLIC_PATH}}", public_path)
            .replace("<lang>", language.code())
    }

    /// The plugin's `package.json`: NocoBase reads `displayName.<lang>` first, then `displayName`.
    pub fn package_json(&self, public_path: &str) -> Value {
        let mut package = self.rest.clone();
        package.insert("name".to_owned(), json!(self.name));
        package.insert("version".to_owned(), json!(self.version));
        package.insert("main".to_owned(), json!("./dist/server/index.js"));
        package.insert("keywords".to_owned(), json!(self.keywords));
        package.insert("license".to_owned(), json!(self.license));
        package.insert("peerDependencies".to_owned(), json!(self.peer_dependencies));
        for language in Language::ALL {
            let suffix = if language == Language::default() {
                String::new()
            } else {
                format!(".{language}")
            };
            package.insert(format!("displayName{suffix}"), json!(self.display_name(language)));
            package.insert(format!("description{suffix}"), json!(self.description(language)));
            package.insert(
                format!("homepage{suffix}"),
                json!(self.homepage(language, public_path)),
            );
        }
        Value::Object(package)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_carries_the_names_others_rely_on() {
        let manifest = Manifest::embedded();

        assert_eq!(manifest.name(), crate::product::PLUGIN_NAME);
        assert_eq!(manifest.version(), env!("CARGO_PKG_VERSION"));
        assert_eq!(manifest.keywords(), ["Authentication"]);
    }

    #[test]
    fn package_json_speaks_every_language() {
        let package = Manifest::embedded().package_json("/nocobase/");

        assert_eq!(package["displayName"], "Authentication: DingTalk");
        assert_eq!(
            package["displayName.hi-IN"],
            Manifest::embedded().display_name(Language::HiIn)
        );
        assert_eq!(package["main"], "./dist/server/index.js");
        for language in Language::ALL.into_iter().skip(1) {
            let homepage = package[format!("homepage.{language}")].as_str().unwrap();
            assert!(homepage.starts_with("/nocobase/static/plugins/") && homepage.contains(language.code()));
        }
    }
}
