//! The documents that must agree with the code: the reference's tables and the OpenAPI description.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::DateTime;
use nocobase_dingtalk::audit::to_csv;
use nocobase_dingtalk::directory::{DirectoryStatus, ReceiveMode};
use nocobase_dingtalk::error_code::Code;
use nocobase_dingtalk::http::{ACTIONS, Access, Action, Metrics, Served, Takes};
use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// A source without its tests, whose settings and codes are made up.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The string literals of a source that are whole upper-case words: names of variables, or codes.
fn upper_case_literals(source: &str) -> BTreeSet<String> {
    let is_name = |text: &&str| {
        text.len() > 2
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    without_tests(source)
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

/// The rows of the tables of `docs/reference.md` whose header row begins with `header`, cells trimmed.
fn rows(header: &str) -> Vec<Vec<String>> {
    let reference = read("docs/reference.md");
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in reference.lines().map(str::trim) {
        if !line.starts_with('|') {
            is_inside = false;
        } else if line.starts_with(&format!("| {header} |")) {
            is_inside = true;
        } else if is_inside && !line.starts_with("| ---") {
            let cells = line.trim_matches('|').split('|');
            rows.push(cells.map(|cell| cell.trim().to_owned()).collect());
        }
    }
    assert!(
        !rows.is_empty(),
        "docs/reference.md has no table that begins with {header}"
    );
    rows
}

/// What stands between the first pair of backticks.
fn code(cell: &str) -> String {
    cell.split('`').nth(1).unwrap_or_default().to_owned()
}

fn first_column(header: &str) -> BTreeSet<String> {
    let rows = rows(header);
    let names: BTreeSet<_> = rows.iter().map(|row| code(&row[0])).collect();
    assert_eq!(
        names.len(),
        rows.len(),
        "a {header} has two rows, or a row names none"
    );
    names
}

fn openapi() -> Value {
    serde_json::from_str(&read("docs/openapi.json")).unwrap()
}

/// One row of the route table in `src/http/mod.rs`: name, methods, who, and whether it is answered beside NocoBase.
fn actions() -> Vec<[String; 4]> {
    let row = |action: &Action| {
        let takes = match action.takes {
            Takes::Get => "GET",
            Takes::GetOrPost => "GET, POST",
            Takes::Post => "POST",
        };
        let access = match action.access {
            Access::Public => "anyone",
            Access::SignedIn => "signed in",
            Access::Administrator => "administrator",
        };
        let beside = match action.served {
            Served::Always => "yes",
            Served::Alone => "no",
            Served::Bridge => "only",
        };
        [action.name, takes, access, beside].map(str::to_owned)
    };
    ACTIONS.iter().map(row).collect()
}

/// The addresses outside the table of actions.
fn routes() -> BTreeSet<String> {
    let source = read("src/http/mod.rs");
    let literals = source
        .split(".route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    // Put together from the API's path, the manifest and the languages.
    let others = [
        "/api/__health_check",
        "/api/dingtalk-events/{source}",
        "/{package}.tgz",
        "/docs/{guide}",
    ];
    literals.chain(others.map(str::to_owned)).collect()
}

fn codes() -> BTreeSet<String> {
    Code::ALL.iter().map(|code| code.name().to_owned()).collect()
}

#[test]
fn the_settings_tables_name_every_variable_that_is_read_and_no_other() {
    let files = [
        "src/config.rs",
        "src/config/database.rs",
        "src/config/secret.rs",
        "src/config/sources.rs",
        "src/config/surroundings.rs",
        "src/config/values.rs",
    ];
    let read_there: BTreeSet<_> = files
        .into_iter()
        .flat_map(|file| upper_case_literals(&read(file)))
        // A value of DB_TIMEZONE.
        .filter(|name| name != "UTC")
        .collect();

    assert_eq!(first_column("variable"), read_there);
}

#[test]
fn the_table_of_flags_is_that_of_plugin_pack() {
    let source = read("src/main.rs");
    let flags = source
        .split("    Pack {")
        .nth(1)
        .unwrap()
        .split("    },")
        .next()
        .unwrap();
    let fields = flags
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['/', '#']));
    let names: BTreeSet<String> = fields
        .filter_map(|line| line.split_once(": "))
        .map(|(name, _)| format!("--{}", name.replace('_', "-")))
        .collect();

    let documented = first_column("flag");
    let documented = documented.iter().filter_map(|cell| cell.split(' ').next());
    assert_eq!(documented.map(str::to_owned).collect::<BTreeSet<_>>(), names);
}

#[test]
fn the_table_of_codes_is_complete() {
    assert_eq!(first_column("code"), codes());
}

#[test]
fn the_sign_in_page_says_the_sentences_of_the_catalogue() {
    let button: Value = serde_json::from_str(&read("client-schema/sign-in-button.json")).unwrap();
    for (name, sentence) in button["errors"].as_object().unwrap() {
        assert_eq!(Code::named(name).map(Code::key), sentence.as_str(), "{name}");
    }
}

#[test]
fn the_table_of_actions_is_the_route_table() {
    let documented: Vec<[String; 4]> = rows("action")
        .iter()
        .map(|row| [code(&row[0]), row[1].clone(), row[2].clone(), row[3].clone()])
        .collect();

    assert_eq!(documented, actions());
}

#[test]
fn the_table_of_other_addresses_is_complete() {
    assert_eq!(first_column("path"), routes());
}

#[test]
fn openapi_describes_every_address_with_its_method() {
    let description = openapi();
    let described: BTreeMap<String, Vec<String>> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, item)| (path.clone(), item.as_object().unwrap().keys().cloned().collect()))
        .collect();

    let method = |takes: &str| vec![if takes == "POST" { "post" } else { "get" }.to_owned()];
    let of_actions = actions()
        .into_iter()
        .map(|[name, takes, ..]| (format!("/api/{name}"), method(&takes)));
    let of_routes = routes().into_iter().map(|path| {
        let takes = if path.contains("dingtalk-events") {
            "POST"
        } else {
            "GET"
        };
        (path, method(takes))
    });
    assert_eq!(described, of_actions.chain(of_routes).collect());
}

#[test]
fn openapi_names_every_code_and_our_version() {
    let description = openapi();
    let named: BTreeSet<String> = description["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();

    assert_eq!(named, codes());
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn openapi_refers_only_to_what_it_defines() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields
                .iter()
                .for_each(|(key, value)| match (key.as_str(), value) {
                    ("$ref", Value::String(target)) => {
                        found.insert(target.clone());
                    }
                    _ => references(value, found),
                }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let description = openapi();
    let mut found = BTreeSet::new();
    references(&description, &mut found);

    let dangling: Vec<_> = found
        .iter()
        .filter(|target| description.pointer(target.trim_start_matches('#')).is_none())
        .collect();
    assert!(dangling.is_empty(), "{dangling:?}");
}

/// The rows of the table of metrics in `docs/operations.md`: name, type, labels, meaning.
fn documented_metrics() -> Vec<[String; 4]> {
    let operations = read("docs/operations.md");
    let rows = operations
        .lines()
        .filter(|line| line.starts_with("| `nocobase_dingtalk_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, meaning] = <[&str; 4]>::try_from(cells).unwrap();
        [
            code(name),
            kind.to_owned(),
            labels.replace('`', ""),
            meaning.to_owned(),
        ]
    })
    .collect()
}

/// What `/metrics` says when everything has been counted once.
fn metrics_text() -> String {
    let metrics = Metrics::new().unwrap();
    let moment = std::time::Duration::from_millis(1);
    metrics.answered("auth:signIn", 200, moment);
    metrics.refused(Code::Internal);
    metrics.signed_in(Ok(()));
    metrics.flow_started();
    metrics.flow_returned();
    metrics.flow_finished();
    metrics.limited("start");
    metrics.password_checked(moment);
    metrics.dingtalk_called("ding1", "profile", "ok", moment);
    metrics.queue_length(1);
    metrics.statement_ran(false, moment);
    metrics.event_arrived("stream", "stored");
    let status = DirectoryStatus {
        last_event: Some(DateTime::UNIX_EPOCH),
        last_success: Some(DateTime::UNIX_EPOCH),
        receive_mode: Some(ReceiveMode::Stream),
        ..DirectoryStatus::default()
    };
    metrics.source_is("company", &status, 0);
    String::from_utf8(metrics.text()).unwrap()
}

#[test]
fn every_metric_is_explained_as_it_explains_itself() {
    let text = metrics_text();
    let said: Vec<[String; 4]> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "))
        .map(|line| {
            let (name, help) = line.split_once(' ').unwrap();
            let kind = text
                .lines()
                .find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            let sample = text.lines().find(|line| line.starts_with(name)).unwrap();
            let labels = sample.split(['{', '}']).nth(1).unwrap_or_default().split(',');
            let labels: Vec<&str> = labels
                .filter_map(|label| label.split('=').next())
                .filter(|label| !label.is_empty() && *label != "le")
                .collect();
            [name, kind.unwrap(), &labels.join(", "), help].map(str::to_owned)
        })
        .collect();

    let mut documented = documented_metrics();
    documented.sort();
    // Behind the sentence of the program, the table may say more.
    for (row, metric) in documented.iter_mut().zip(&said) {
        if row[3].starts_with(&metric[3]) {
            row[3].clone_from(&metric[3]);
        }
    }
    assert_eq!(documented, said);
    let in_source = read("src/http/ops/metrics.rs");
    let of_sources = read("src/http/ops/directory_gauges.rs");
    let counted = in_source.matches(".clone()),").count() + of_sources.matches("\"directory_").count();
    assert_eq!(counted, said.len());
}

#[test]
fn the_example_alerts_speak_of_metrics_codes_and_labels_that_exist() {
    let alerts = read("deploy/alerts.yml");
    let metrics = metrics_text();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut seen = 0;
    for (at, prefix) in alerts.match_indices("nocobase_dingtalk_") {
        let name: String = alerts[at..].chars().take_while(|c| is_name(*c)).collect();
        assert!(
            metrics
                .lines()
                .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))),
            "{name} does not exist"
        );
        let selector = alerts[at + name.len()..].strip_prefix('{');
        for matcher in selector
            .map_or("", |rest| rest.split('}').next().unwrap())
            .split(',')
        {
            let label: String = matcher.chars().take_while(|c| is_name(*c)).collect();
            let sample = metrics.lines().find(|line| line.starts_with(&name)).unwrap();
            assert!(sample.contains(&label), "{name} has no label {label}");
        }
        seen += prefix.len().min(1);
    }
    assert!(seen > 10, "only {seen} metrics are named");
    let named = upper_case_literals(&alerts.replace('|', "\"\""));
    let unknown: Vec<_> = named.difference(&codes()).cloned().collect();
    assert!(!named.is_empty() && unknown.is_empty(), "{unknown:?}");
}

#[test]
fn every_field_of_the_audit_is_explained() {
    let operations = read("docs/operations.md");
    let table = operations.split("| field | meaning |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names = rows.map(|row| row.split('|').nth(1).unwrap().to_owned());
    let explained: BTreeSet<String> = names
        .flat_map(|cell| {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();

    let header = to_csv(&[]);
    let header = header.trim_start_matches('\u{feff}').trim();
    let fields = header.split(',').map(str::to_owned).collect();
    assert_eq!(explained, fields);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = ["", "docs"].into_iter().flat_map(|folder| {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    for document in documents.filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || target.contains("://") {
                continue;
            }
            assert!(
                document.parent().unwrap().join(path).exists(),
                "{} links to {target}",
                document.display()
            );
        }
    }
}

/// The sources below a folder, with their paths.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The lines of a list, without the text that follows it.
fn list(text: &str) -> String {
    let items = text.lines().skip_while(|line| !line.contains('`'));
    items.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn every_test_and_every_check_of_the_list_of_attacks_exists() {
    let document = read("docs/security.md");
    let all: Vec<_> = ["src", "tests/it", "tests/secrets"]
        .iter()
        .flat_map(|folder| sources(folder))
        .collect();
    let named =
        |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let (cases, of_operators) = document.split_once("\n## Operators\n").unwrap();
    let cases: Vec<(&str, &str)> = cases
        .split("\n### ")
        .skip(1)
        .map(|case| case.split_once(": ").unwrap())
        .collect();
    let numbers: Vec<&str> = cases.iter().map(|(number, _)| *number).collect();
    let known = (1..=43).map(|number| format!("D{number}"));
    let found_later = (1..=25).map(|number| format!("E{number}"));
    assert_eq!(numbers, known.chain(found_later).collect::<Vec<_>>());

    let mut unknown = Vec::new();
    for (number, case) in cases {
        let (_, case) = case.split_once("\nChecked by ").unwrap();
        let (checks, tests) = case.split_once("\n- ").unwrap();
        let (checks, tests) = (named(checks), named(&list(tests)));
        assert!(!checks.is_empty() && !tests.is_empty(), "{number}");
        for check in checks {
            let (file, function) = check.split_once("::").unwrap();
            let is_there = all.iter().any(|(path, text)| {
                *path == format!("src/{file}") && without_tests(text).contains(&format!("fn {function}"))
            });
            if !is_there {
                unknown.push(check);
            }
        }
        unknown.extend(tests.into_iter().filter(|test| !is_a_test(&all, test)));
    }
    let (of_operators, _) = of_operators.split_once("\n## ").unwrap();
    let tests: Vec<String> = of_operators
        .split("\n### ")
        .skip(1)
        .flat_map(|fault| named(&list(fault)))
        .collect();
    assert!(!tests.is_empty(), "the list of operators' faults is gone");
    unknown.extend(tests.into_iter().filter(|test| !is_a_test(&all, test)));
    assert!(unknown.is_empty(), "not in the sources: {unknown:#?}");
}

/// Whether a test of this module and name is in one of the sources.
fn is_a_test(all: &[(String, String)], test: &str) -> bool {
    let (module, function) = test.rsplit_once("::").unwrap_or(("", test));
    let file = format!("{}.rs", module.replace("::", "/"));
    all.iter().any(|(path, text)| {
        let is_its_file = module.is_empty() || path.ends_with(&format!("/{file}"));
        let body = text.split(&format!("fn {function}()")).next().unwrap_or_default();
        is_its_file
            && body.len() < text.len()
            && body
                .trim_end()
                .trim_end_matches("async")
                .trim_end()
                .ends_with("test]")
    })
}

#[test]
fn every_code_of_dingtalk_that_is_acted_on_stands_in_the_protocol() {
    let protocol = read("docs/protocol.md");
    let refusals = read("src/dingtalk/refusal.rs");
    let (_, refusals) = refusals.split_once("let code = code(body)?;").unwrap();
    let (refusals, _) = refusals.split_once("\n}\n").unwrap();
    let answers = read("src/dingtalk/answer.rs");
    let codes: BTreeSet<&str> = [refusals, without_tests(&answers)]
        .into_iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2))
        .filter(|word| is_code(word))
        .collect();

    let missing: Vec<_> = codes.iter().filter(|code| !protocol.contains(**code)).collect();

    assert!(codes.len() > 20, "{codes:?}");
    assert!(missing.is_empty(), "not in docs/protocol.md: {missing:?}");
}

/// Whether a text of the sources is spelt like a code of DingTalk's.
fn is_code(word: &str) -> bool {
    word.parse::<i64>().is_ok()
        || word.contains('.')
            && word
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '.')
        || matches!(
            word,
            "invalidClientIdOrSecret" | "authFailed" | "InvalidAuthentication"
        )
}
