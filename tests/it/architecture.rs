//! Who may use whom: the table of `docs/architecture.md`, held against the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What every module may use: values that are handed in, the choice that every client needs, what a phone number is, how
/// files and failures are.
const LEAVES: [&str; 6] = ["causes", "clock", "entropy", "files", "phone", "tls"];

/// A module, and which of the others it may use beside the leaves.
const MAY_USE: [(&str, &[&str]); 12] = [
    (
        "http",
        &[
            "audit", "config", "dingtalk", "doctor", "nocobase", "plugin", "session", "sign_in",
        ],
    ),
    (
        "sign_in",
        &["audit", "dingtalk", "nocobase", "remembered", "session"],
    ),
    ("doctor", &["dingtalk", "nocobase", "plugin", "session"]),
    ("session", &["nocobase", "remembered"]),
    ("dingtalk", &[]),
    ("nocobase", &[]),
    ("audit", &[]),
    ("plugin", &[]),
    ("simulator", &[]),
    // Settings have the types of what they set.
    ("config", &["dingtalk", "nocobase", "sign_in"]),
    ("remembered", &[]),
    ("clock", &[]),
];
/// Put everything together, and may use everything.
const ROOTS: [&str; 10] = [
    "app",
    "commands",
    "failure",
    "health",
    "log_lines",
    "main",
    "managed",
    "lib",
    "output",
    "signals",
];

/// A crate, and the modules it lives in.
const LIVES_IN: [(&str, &[&str]); 15] = [
    ("actix_web", &["http", "simulator"]),
    // The doctor's one question to NocoBase itself goes through a client of tls.
    ("reqwest", &["dingtalk", "tls"]),
    ("rustls", &["tls"]),
    ("sea_orm", &["nocobase"]),
    // Only there to give sea-orm its TLS stack.
    ("sqlx", &[]),
    ("jsonwebtoken", &["session"]),
    ("hmac", &["session"]),
    ("scrypt", &["session"]),
    ("rlibphonenumber", &["phone"]),
    ("chacha20poly1305", &["sign_in"]),
    ("hkdf", &["sign_in"]),
    ("tar", &["plugin"]),
    ("flate2", &["plugin"]),
    ("clap", &["main"]),
    ("env_logger", &["log_lines"]),
];

/// The sources by module, without comments and tests.
fn sources() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut pending = vec![root.clone()];
    while let Some(path) = pending.pop() {
        let inside = path.strip_prefix(&root).unwrap().to_owned();
        if path.is_dir() {
            if !inside.ends_with("tests") {
                pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            continue;
        }
        let is_test = inside.ends_with("tests.rs") || inside.ends_with("testing.rs");
        if is_test || path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text
            .split("#[cfg(test)]")
            .next()
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        modules.entry(module).or_default().push((inside, code.join("\n")));
    }
    modules
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The first names behind every `prefix`: those of `crate::a::b` and of `crate::{a, b::c}` alike.
fn names_behind<'a>(code: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(is_word) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(rest.split(|c| !is_word(c)).next().unwrap());
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (index, character) in list.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    names.insert(list[start..index].trim().split(|c| !is_word(c)).next().unwrap());
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.insert(list[start..index].trim().split(|c| !is_word(c)).next().unwrap());
                    start = index + 1;
                }
                _ => {}
            }
        }
    }
    names.remove("");
    names
}

/// Whether a path of this crate is written anywhere.
fn mentions(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = &code[..at];
        // `sea_orm::sqlx::…` is sea-orm's; `crate::http` would be ours.
        !before.ends_with(is_word) && !before.ends_with("::")
    })
}

#[test]
fn modules_use_only_those_below_them() {
    let sources = sources();
    let modules: BTreeSet<&str> = sources.keys().map(String::as_str).collect();
    let mut broken = Vec::new();

    for (module, files) in &sources {
        if ROOTS.contains(&module.as_str()) || LEAVES.contains(&module.as_str()) {
            continue;
        }
        let allowed = MAY_USE.iter().find(|(name, _)| name == module);
        let allowed = allowed
            .unwrap_or_else(|| panic!("{module} is not in the table"))
            .1;
        for (path, code) in files {
            for used in names_behind(code, "crate::") {
                let is_module = modules.contains(used) && used != module;
                if is_module && !allowed.contains(&used) && !LEAVES.contains(&used) {
                    broken.push(format!("{} uses {used}", path.display()));
                }
            }
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_simulator_shares_nothing_with_what_it_tests() {
    for (path, code) in &sources()["simulator"] {
        let used = names_behind(code, "crate::");

        assert!(
            used.iter().all(|name| *name == "simulator"),
            "{} uses {used:?}",
            path.display()
        );
    }
}

#[test]
fn leaves_use_nothing_of_ours() {
    let sources = sources();
    for leaf in LEAVES {
        for (path, code) in &sources[leaf] {
            assert!(!code.contains("crate::"), "{}", path.display());
        }
    }
}

#[test]
fn crates_stay_in_their_modules() {
    let mut broken = Vec::new();

    for (module, files) in &sources() {
        for (path, code) in files {
            for (name, homes) in LIVES_IN {
                if mentions(code, name) && !homes.contains(&module.as_str()) {
                    broken.push(format!("{} uses {name}", path.display()));
                }
            }
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_crate_of_the_table_is_used_where_it_lives() {
    let sources = sources();
    for (name, homes) in LIVES_IN {
        for home in homes {
            let is_used = sources[*home].iter().any(|(_, code)| mentions(code, name));
            assert!(is_used, "{home} does not use {name}: the table is out of date");
        }
    }
}

#[test]
fn names_are_found_in_every_form_of_a_path() {
    let code =
        "use crate::a::B;\nuse crate::{b, c::{D, e}, f::G};\nlet x = crate::h::i();\nmycrate::no::z();";

    let found: Vec<&str> = names_behind(code, "crate::").into_iter().collect();

    assert_eq!(found, ["a", "b", "c", "f", "h"]);
    assert!(mentions("use sqlx::x;", "sqlx") && !mentions("use sea_orm::sqlx::x;", "sqlx"));
}
