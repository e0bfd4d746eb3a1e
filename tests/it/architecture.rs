//! Who may use whom: the table of `docs/architecture.md`, held against the sources; and what types are called.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A row of the tables: modules, what they may use (none: everything), and the crates that live there.
struct Rule {
    modules: Vec<String>,
    may_use: Option<Vec<String>>,
    crates: Vec<String>,
    is_leaf: bool,
}

/// What stands between backticks.
fn names_in(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The tables of `docs/architecture.md`.
fn rules() -> Vec<Rule> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let text = fs::read_to_string(path).unwrap();
    let mut rules = Vec::new();
    let mut is_leaf = None;
    for line in text.lines() {
        if line.starts_with("| module | may use |") || line.starts_with("| leaf | may use |") {
            is_leaf = Some(line.starts_with("| leaf"));
        } else if !line.starts_with('|') {
            is_leaf = None;
        } else if let Some(is_leaf) = is_leaf.filter(|_| !line.starts_with("| ---")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            rules.push(Rule {
                modules: names_in(cells[0]),
                may_use: (cells[1] != "everything").then(|| names_in(cells[1])),
                crates: names_in(cells[2]),
                is_leaf,
            });
        }
    }
    rules
}

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
    let (sources, rules) = (sources(), rules());
    let modules: BTreeSet<&str> = sources.keys().map(String::as_str).collect();
    let leaves: BTreeSet<&str> = rules
        .iter()
        .filter(|rule| rule.is_leaf)
        .flat_map(|rule| rule.modules.iter().map(String::as_str))
        .collect();
    let mut broken = Vec::new();

    for (module, files) in &sources {
        let rule = rules.iter().find(|rule| rule.modules.contains(module));
        let rule = rule.unwrap_or_else(|| panic!("{module} is not in the table"));
        let Some(may_use) = &rule.may_use else {
            continue;
        };
        for (path, code) in files {
            for used in names_behind(code, "crate::") {
                let is_module = modules.contains(used) && used != module;
                let is_leaf = leaves.contains(used) && !rule.is_leaf;
                if is_module && !is_leaf && !may_use.iter().any(|name| name == used) {
                    broken.push(format!("{} uses {used}", path.display()));
                }
            }
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_table_names_no_module_that_is_gone_and_none_twice() {
    let sources = sources();
    let mut seen = BTreeSet::new();
    for name in rules().into_iter().flat_map(|rule| rule.modules) {
        assert!(sources.contains_key(&name), "there is no {name}");
        assert!(seen.insert(name.clone()), "{name} stands there twice");
    }
}

#[test]
fn crates_stay_in_their_modules() {
    let (sources, rules) = (sources(), rules());
    let mut broken = Vec::new();

    for name in rules.iter().flat_map(|rule| &rule.crates) {
        let homes: BTreeSet<&String> = rules
            .iter()
            .filter(|rule| rule.crates.contains(name))
            .flat_map(|rule| &rule.modules)
            .collect();
        for (module, files) in &sources {
            for (path, code) in files {
                if mentions(code, name) && !homes.contains(module) {
                    broken.push(format!("{} uses {name}", path.display()));
                }
            }
        }
        for home in homes {
            let is_used = sources[home].iter().any(|(_, code)| mentions(code, name));
            assert!(is_used, "{home} does not use {name}: the table is out of date");
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn names_are_found_in_every_form_of_a_path() {
    let code =
        "use crate::a::B;\nuse crate::{b, c::{D, e}, f::G};\nlet x = crate::h::i();\nmycrate::no::z();";

    let found: Vec<&str> = names_behind(code, "crate::").into_iter().collect();

    assert_eq!(found, ["a", "b", "c", "f", "h"]);
    assert!(mentions("use sqlx::x;", "sqlx") && !mentions("use sea_orm::sqlx::x;", "sqlx"));
}

/// The types that a source defines, its tests left out.
fn types_in(code: &str) -> impl Iterator<Item = &str> {
    code.lines().filter_map(|line| {
        // A type of an implementation stands deeper and is the trait's; one of a function is nobody else's.
        if line.starts_with(' ') {
            return None;
        }
        let line = line
            .strip_prefix("pub ")
            .or_else(|| {
                line.split_once(") ")
                    .filter(|(head, _)| head.starts_with("pub("))
                    .map(|(_, rest)| rest)
            })
            .unwrap_or(line);
        let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
        let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
        rest.split(|c| !is_word(c)).next()
    })
}

#[test]
fn no_type_name_means_two_things() {
    let sources = sources();
    let mut homes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, code) in sources.values().flatten() {
        for name in types_in(code) {
            homes.entry(name).or_default().push(path.display().to_string());
        }
    }
    assert!(homes.len() > 200, "only {} types were read", homes.len());

    homes.retain(|_, homes| homes.len() > 1);

    assert!(homes.is_empty(), "{homes:#?}");
}

#[test]
fn types_are_found_however_far_they_are_seen() {
    let code = "struct A;\npub enum B {}\npub(in crate::nocobase) struct C<'a> {\n    type Err = X;\npub(super) type D = E;";

    assert_eq!(types_in(code).collect::<Vec<_>>(), ["A", "B", "C", "D"]);
}
