//! The files that must agree with each other: locales, schemas, manifest, and the texts the sources ask for.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use nocobase_dingtalk::authenticator::PeopleRules;
use nocobase_dingtalk::error_code::Code;
use nocobase_dingtalk::plugin::Language;
use nocobase_dingtalk::product::PLUGIN_NAME;
use serde_json::Value;

use self::source::{looked_up, spoken, translated_keys, without_tests};

mod source;

/// Where texts may be asked for.
const SOURCES: [&str; 5] = [
    "src",
    "console",
    "client-schema",
    "nocobase-plugin",
    "plugin.json",
];
/// Where every string of words is a text shown to people.
const SPEAKING: [&str; 2] = ["src/doctor", "src/error_code.rs"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn json(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(repository(path)).unwrap()).unwrap()
}

/// The text files under a path, by their path in the repository.
pub fn read_all(path: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut pending = vec![repository(path)];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(repository("")).unwrap().display().to_string();
            files.insert(name, text);
        }
    }
    files
}

fn locale(language: Language) -> BTreeMap<String, String> {
    let path = repository(&format!("locales/{language}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The keys of the reference language.
fn keys() -> BTreeSet<String> {
    locale(Language::EnUs).into_keys().collect()
}

/// Every string in a JSON value.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The names in `{{name}}`, in order of the alphabet.
fn placeholders(text: &str) -> Vec<&str> {
    let inside = text.split("{{").skip(1).filter_map(|rest| rest.split_once("}}"));
    let mut names: Vec<_> = inside.map(|(name, _)| name.trim()).collect();
    names.sort_unstable();
    names
}

#[test]
fn locale_files_are_exactly_the_languages() {
    let found: BTreeSet<_> = read_all("locales").into_keys().collect();

    let expected = Language::ALL.map(|language| format!("locales/{language}.json"));
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn every_language_has_the_same_keys_and_no_empty_text() {
    let keys = keys();

    for language in Language::ALL {
        let texts = locale(language);
        let found: BTreeSet<_> = texts.keys().cloned().collect();
        let differences: Vec<_> = found.symmetric_difference(&keys).collect();
        assert!(
            differences.is_empty(),
            "{language} and English differ in {differences:#?}"
        );
        let blank: Vec<_> = texts.iter().filter(|(_, text)| text.trim().is_empty()).collect();
        assert!(blank.is_empty(), "{language}: {blank:?}");
    }
}

#[test]
fn the_english_text_is_its_key() {
    for (key, text) in locale(Language::EnUs) {
        assert_eq!(key, text);
    }
}

#[test]
fn locale_files_are_sorted_and_name_no_key_twice() {
    for language in Language::ALL {
        let text = fs::read_to_string(repository(&format!("locales/{language}.json"))).unwrap();
        let sorted = serde_json::to_string_pretty(&locale(language)).unwrap();
        assert_eq!(text.trim_end(), sorted, "{language}");
    }
}

#[test]
fn translations_have_the_placeholders_of_their_key() {
    for language in Language::ALL {
        for (key, text) in locale(language) {
            assert_eq!(placeholders(&text), placeholders(&key), "{language}: {key}");
        }
    }
}

#[test]
fn every_refusal_ends_as_a_sentence_does_since_a_reference_follows() {
    let refusals: BTreeSet<&str> = Code::ALL.iter().map(|code| code.key()).collect();
    assert!(refusals.len() > 30, "only {} refusals are found", refusals.len());

    for language in Language::ALL {
        let texts = locale(language);
        let open: Vec<_> = refusals
            .iter()
            .map(|key| &texts[*key])
            .filter(|text| !text.ends_with(['.', '。', '।']))
            .collect();
        assert!(open.is_empty(), "{language}: {open:#?}");
    }
}

/// What a guide in that language quotes in English.
const KEPT_IN_ENGLISH: [(Language, &str); 2] = [
    (
        Language::HiIn,
        "Sign up automatically when the user does not exist",
    ),
    (
        Language::IdId,
        "Sign up automatically when the user does not exist",
    ),
];

#[test]
fn sentences_are_translated() {
    for language in Language::ALL.into_iter().skip(1) {
        let texts = locale(language);
        let is_sentence = |key: &str| key.split(' ').count() > 3;
        let same: Vec<_> = texts
            .iter()
            .filter(|(key, text)| key == text && is_sentence(key))
            .filter(|(key, _)| !KEPT_IN_ENGLISH.contains(&(language, key.as_str())))
            .collect();
        assert!(same.is_empty(), "{language} has in English {same:#?}");
    }
}

#[test]
fn every_key_is_used() {
    let texts = SOURCES.into_iter().flat_map(read_all);
    let sources: String = texts
        .map(|(_, text)| without_tests(&text).replace('\\', "") + "\n")
        .collect();

    let is_used = |key: &str| {
        ['"', '\'', '`']
            .iter()
            .any(|quote| sources.contains(&format!("{quote}{key}{quote}")))
    };
    let unused: Vec<_> = keys().into_iter().filter(|key| !is_used(key)).collect();
    assert!(unused.is_empty(), "nobody asks for {unused:#?}");
}

#[test]
fn every_used_key_exists() {
    let mut used = BTreeSet::new();
    for path in ["console", "nocobase-plugin"] {
        for text in read_all(path).values() {
            used.extend(translated_keys(text));
        }
    }
    for name in ["authenticator-form", "directory-source-form"] {
        let form = json(&format!("client-schema/{name}.json"));
        used.extend(strings(&form).into_iter().flat_map(translated_keys));
    }
    used.extend(
        strings(&json("client-schema/sign-in-button.json"))
            .into_iter()
            .map(str::to_owned),
    );
    let manifest = json("plugin.json");
    used.extend(["displayName", "description"].map(|field| manifest[field].as_str().unwrap().to_owned()));
    for path in SPEAKING {
        for text in read_all(path).values() {
            used.extend(spoken(without_tests(text)));
        }
    }
    for text in read_all("src/http").values() {
        used.extend(looked_up(without_tests(text)));
    }

    let missing: Vec<_> = used.difference(&keys()).cloned().collect();
    assert!(missing.is_empty(), "no language has {missing:#?}");
}

#[test]
fn plugin_json_agrees_with_the_crate() {
    let manifest = json("plugin.json");

    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["name"], PLUGIN_NAME);
    assert_eq!(manifest["license"], "Apache-2.0");
}

/// The paths under `options` that a form schema writes to, as Formily reads it: void nodes add no segment.
fn fields(schema: &Value, prefix: &str) -> BTreeSet<String> {
    let Some(properties) = schema["properties"].as_object() else {
        return BTreeSet::new();
    };
    let written = properties.iter().flat_map(|(name, node)| {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match node["type"].as_str() {
            Some("void") => fields(node, prefix),
            Some("object") => fields(node, &path),
            _ => BTreeSet::from([path]),
        }
    });
    written.collect()
}

#[test]
fn the_form_writes_exactly_the_options_that_exist() {
    let fields = fields(&json("client-schema/authenticator-form.json"), "");

    let options = [
        "public.autoSignup",
        "public.qrCode",
        "clientId",
        "clientSecret",
        "subject",
        "autoLogin",
        "autoLoginType",
        "corpId",
        "agentId",
        "callbackOrigin",
        "exclusiveLogin",
        "bindAdministrators",
        "membershipAtRenewal",
    ];
    let options = options.into_iter().chain(PeopleRules::FIELDS);
    assert_eq!(fields, options.map(str::to_owned).collect());
}

#[test]
fn the_form_of_a_source_writes_exactly_its_options_and_masks_its_secrets() {
    let form = json("client-schema/directory-source-form.json");

    let options = [
        "authenticator",
        "clientId",
        "clientSecret",
        "uniqueField",
        "receiveMode",
        "token",
        "encodingAesKey",
        "schedule",
        "scheduleAt",
        "allowDepartments",
        "denyDepartments",
        "syncNickname",
        "syncPhone",
        "syncEmail",
        "titleColumn",
        "jobNumberColumn",
        "avatarColumn",
        "workPlaceColumn",
        "mainDepartment",
        "keepDepartments",
        "leavers",
        "graceDays",
        "preview",
    ];
    assert_eq!(fields(&form, ""), options.map(str::to_owned).into());
    for (group, secret) in [
        ("app", "clientSecret"),
        ("receiving", "token"),
        ("receiving", "encodingAesKey"),
    ] {
        let field = &form["properties"][group]["properties"][secret];
        assert_eq!(field["x-component-props"]["password"], true, "{secret}");
        assert!(field.get("default").is_none(), "{secret}");
    }
}

#[test]
fn the_bridge_knows_the_rules_by_the_names_of_the_options() {
    let source = fs::read_to_string(repository("nocobase-plugin/server/people-rules.js")).unwrap();

    let names = PeopleRules::FIELDS.map(|name| format!("'{name}'")).join(", ");
    assert!(source.contains(&format!("const RULES = [{names}];")));
}

#[test]
fn the_form_shows_the_four_fields_of_the_guides_and_folds_the_rest_away() {
    let form = json("client-schema/authenticator-form.json");

    let mut shown: Vec<_> = form["properties"].as_object().unwrap().iter().collect();
    shown.sort_by_key(|(_, field)| field["x-index"].as_u64());

    let names: Vec<_> = shown.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["public", "clientId", "clientSecret", "redirectUrl", "advanced"]
    );
    assert_eq!(form["properties"]["advanced"]["x-component"], "DingTalkAdvanced");
}

#[test]
fn the_form_publishes_no_secret_and_masks_it() {
    let form = json("client-schema/authenticator-form.json");

    // NocoBase hands `options.public` to anonymous visitors.
    let published: Vec<_> = fields(&form, "")
        .into_iter()
        .filter(|path| path == "public" || path.starts_with("public."))
        .collect();
    assert_eq!(published, ["public.autoSignup", "public.qrCode"]);
    assert_eq!(
        form["properties"]["clientSecret"]["x-component-props"]["password"],
        true
    );
    assert!(form["properties"]["clientSecret"].get("default").is_none());
    assert!(
        form.get("name").is_none(),
        "a named root adds a segment to every path"
    );
}
