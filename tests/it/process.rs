//! The program itself, as whoever runs it meets it.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::app::TestApp;

/// Without the settings of the shell that the tests were started from.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nocobase-dingtalk"));
    command.args(arguments).env_clear();
    command
}

/// A server that was started with this output, once it listens.
struct Serving {
    process: Child,
    errors: BufReader<ChildStderr>,
    address: String,
}

impl Serving {
    fn start(storage: &Path, output: impl Into<Stdio>) -> Self {
        let storage = storage.to_str().unwrap();
        let mut process = program(&["serve", "--listen", "127.0.0.1:0", "--storage", storage])
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(
                errors.read_line(&mut line).unwrap(),
                0,
                "it ended before it listened"
            );
            if let Some((_, address)) = line.split_once("listening on ") {
                break address.trim().to_owned();
            }
        };
        Self {
            process,
            errors,
            address,
        }
    }

    fn is_well(&self) -> bool {
        let asked = program(&["health", "--ready", "--listen", &self.address])
            .output()
            .unwrap();
        asked.status.success()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_server_whose_output_is_closed_goes_on_and_its_first_password_is_not_lost() {
    let outputs: [fn() -> Stdio; 2] = [|| full().into(), closed];
    for output in outputs {
        let folder = TempDir::new().unwrap();
        let storage = folder.path().to_str().unwrap().to_owned();
        let serving = Serving::start(folder.path(), output());

        assert!(serving.is_well());
        let show = || {
            program(&["first-password", "--storage", &storage])
                .output()
                .unwrap()
        };
        let shown = show();
        assert!(shown.status.success(), "{shown:?}");
        let password = String::from_utf8(shown.stdout).unwrap().trim().to_owned();
        assert!(password.len() >= 12, "{password}");

        let signed_in = sign_in(&serving.address, &password);
        assert!(signed_in, "what is shown signs in");
        let shown = show();
        assert_eq!(shown.status.code(), Some(1));
        assert!(!String::from_utf8(shown.stdout).unwrap().contains(&password));
    }
}

fn sign_in(address: &str, password: &str) -> bool {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let body = json!({ "account": "nocobase", "password": password });
    let address = format!("http://{address}/api/auth:signIn");
    runtime.block_on(async move {
        let answer = nocobase_dingtalk::tls::client_builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(address)
            .json(&body)
            .send()
            .await
            .unwrap();
        answer.status() == 200
    })
}

#[test]
fn findings_that_nobody_reads_are_no_success() {
    let outputs: [fn() -> Stdio; 2] = [|| full().into(), closed];
    for output in outputs {
        let folder = TempDir::new().unwrap();
        let storage = folder.path().to_str().unwrap();
        drop(Serving::start(folder.path(), Stdio::null()));
        // A new sidecar has nothing that is an error; a table that is gone is one.
        let examined = |arguments: &[&str]| {
            program(arguments)
                .stdout(output())
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .code()
        };
        let doctor = ["doctor", "--storage", storage];

        assert_eq!(examined(&doctor), Some(2), "the findings could not be written");
        assert_eq!(examined(&["first-password", "--storage", storage]), Some(2));

        fs::write(folder.path().join("nocobase-dingtalk.sqlite"), "no database").unwrap();
        assert_ne!(examined(&doctor), Some(0));
    }
}

/// Every file and folder with all that could change.
fn everything(folder: &Path) -> BTreeMap<String, (u32, u32, i64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        let facts = fs::symlink_metadata(&path).unwrap();
        let bytes = if facts.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        let times = facts.mtime() * 1_000_000_000 + facts.mtime_nsec();
        found.insert(
            path.display().to_string(),
            (facts.mode(), facts.uid(), times, bytes),
        );
    }
    found
}

fn assert_finds_a_database(report: &[u8]) {
    let report: Value = serde_json::from_slice(report).unwrap();
    let mut findings = report["findings"].as_array().unwrap().iter();
    let database = findings.find(|finding| finding["check"] == "database").unwrap();
    assert_eq!(database["status"], "ok", "{report}");
}

#[test]
fn the_doctor_leaves_no_trace_where_a_sidecar_ran_and_where_none_did() {
    let folder = TempDir::new().unwrap();
    let storage = folder.path().join("data");
    let serving = Serving::start(&storage, Stdio::null());
    serving.signal("-TERM");
    let (_, said) = end_of(serving);
    let before = everything(folder.path());
    assert!(
        !before.keys().any(|path| path.ends_with("-wal")),
        "at rest there is one file: {said}"
    );
    let doctor = |storage: &Path| {
        let arguments = ["doctor", "--json", "--storage", storage.to_str().unwrap()];
        program(&arguments).output().unwrap()
    };

    let there = doctor(&storage);
    let nowhere = doctor(&folder.path().join("nowhere"));

    assert!(everything(folder.path()) == before, "the doctor wrote");
    assert_finds_a_database(&there.stdout);
    assert_eq!(nowhere.status.code(), Some(2));
    let told = String::from_utf8(nowhere.stderr).unwrap();
    assert!(told.contains("there is no database"), "{told}");
}

#[test]
fn the_doctor_looks_at_a_sidecar_that_runs_and_at_one_that_was_killed() {
    let folder = TempDir::new().unwrap();
    let serving = Serving::start(folder.path(), Stdio::null());
    let examined = || {
        let before = everything(folder.path());
        let arguments = ["doctor", "--json", "--storage", folder.path().to_str().unwrap()];
        let answer = program(&arguments).output().unwrap();
        assert_finds_a_database(&answer.stdout);
        // What SQLite itself shares between its processes is not ours.
        let lasting = |found: BTreeMap<String, _>| -> Vec<_> {
            found
                .into_iter()
                .filter(|(path, _)| !path.ends_with("-shm"))
                .collect()
        };
        assert!(
            lasting(everything(folder.path())) == lasting(before),
            "the doctor wrote"
        );
    };

    examined();
    drop(serving);
    examined();
}

#[test]
fn the_doctor_begins_with_its_verdict_and_folds_what_is_in_order() {
    let folder = TempDir::new().unwrap();
    let _serving = Serving::start(folder.path(), Stdio::null());
    let said = |language: &str, more: &[&str]| {
        let arguments = ["doctor", "--storage", folder.path().to_str().unwrap()];
        let answer = program(&[arguments.as_slice(), more].concat())
            .env("LANG", language)
            .output()
            .unwrap();
        String::from_utf8(answer.stdout).unwrap()
    };

    let short = said("C", &[]);
    let long = said("C", &["--verbose"]);
    let german = said("de_DE.UTF-8", &[]);

    assert!(short.starts_with("Nothing to mend. To look at: "), "{short}");
    assert!(
        short.contains("\nWarning: No DingTalk sign-in method has been added.\n"),
        "{short}"
    );
    assert!(!short.contains("\nIn order: The database"), "{short}");
    let last = short.lines().last().unwrap();
    assert!(
        last.starts_with("In order: ") && last.ends_with(" (--verbose)"),
        "{last}"
    );
    assert!(long.contains("\nIn order: The database"), "{long}");
    assert!(
        german.starts_with("Nichts zu beheben. ") && german.contains("\nWarnung: "),
        "{german}"
    );
}

#[test]
fn the_doctor_says_which_way_of_running_it_examined() {
    let folder = TempDir::new().unwrap();
    let _serving = Serving::start(folder.path(), Stdio::null());
    let storage = folder.path().to_str().unwrap();

    let examined = program(&["doctor", "--storage", storage, "--verbose"])
        .output()
        .unwrap();

    let said = String::from_utf8(examined.stdout).unwrap();
    let second = said.lines().nth(1).unwrap();
    assert!(
        second.starts_with("Examined: the sidecar that runs alone") && second.contains(storage),
        "{said}"
    );
    assert!(second.ends_with("give --env-file."), "{said}");
    let rest = said.replace(second, "");
    assert!(!rest.contains("NocoBase"), "{said}");
}

#[test]
fn the_doctor_examines_a_folder_that_takes_no_changes() {
    let folder = TempDir::new().unwrap();
    let storage = folder.path().join("data");
    let serving = Serving::start(&storage, Stdio::null());
    serving.signal("-TERM");
    end_of(serving);
    let paths: Vec<_> = everything(folder.path()).into_keys().collect();
    let allow = |mode: u32| {
        for path in &paths {
            let is_folder = Path::new(path).is_dir();
            let mode = if is_folder { mode } else { mode & 0o600 };
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o500);
    let before = everything(folder.path());

    let answer = program(&["doctor", "--json", "--storage", storage.to_str().unwrap()])
        .current_dir(folder.path())
        .output()
        .unwrap();

    let is_untouched = everything(folder.path()) == before;
    allow(0o700);
    assert!(is_untouched, "the doctor wrote");
    assert_finds_a_database(&answer.stdout);
    assert_eq!(answer.status.code(), Some(0));
}

#[test]
fn an_env_file_without_a_database_is_no_reason_to_run_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join(".env");
    fs::write(&file, "APP_KEY=a secret of at least thirty-two characters\n").unwrap();

    for command in ["serve", "doctor"] {
        let refused = program(&[command, "--env-file", file.to_str().unwrap()])
            .current_dir(folder.path())
            .output()
            .unwrap();

        let told = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{told}");
        assert!(
            told.contains("DB_DIALECT is not set in the env file")
                && told.contains(file.to_str().unwrap())
                && told.contains("to run alone"),
            "{told}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{command} wrote");
    }
}

#[test]
fn a_sign_in_method_that_is_not_there_is_not_well() {
    let folder = TempDir::new().unwrap();
    let _serving = Serving::start(folder.path(), Stdio::null());
    let storage = folder.path().to_str().unwrap();

    let examined = program(&["doctor", "--storage", storage, "--authenticator", "typo"])
        .output()
        .unwrap();

    assert_eq!(examined.status.code(), Some(1));
    let said = String::from_utf8(examined.stdout).unwrap();
    assert!(
        said.starts_with("To mend: 1.\n")
            && said.contains("\nProblem: There is no DingTalk sign-in method typo.\n"),
        "{said}"
    );
}

#[test]
fn a_hangup_finishes_what_is_under_way() {
    let folder = TempDir::new().unwrap();
    let serving = Serving::start(folder.path(), Stdio::null());

    serving.signal("-HUP");

    let (code, said) = end_of(serving);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("requests in flight are finished first"), "{said}");
}

/// Waits for its end: its exit code, and what it still had to say.
fn end_of(mut serving: Serving) -> (Option<i32>, String) {
    let mut rest = String::new();
    serving.errors.read_to_string(&mut rest).unwrap();
    (serving.process.wait().unwrap().code(), rest)
}

#[test]
fn with_json_every_line_is_json_also_of_a_start_that_fails() {
    let folder = TempDir::new().unwrap();
    let storage = folder.path().to_str().unwrap();
    let serve = ["serve", "--storage", storage, "--listen"];
    let start = |listen: &str, variables: &[(&str, &str)]| {
        let mut command = program(&[serve.as_slice(), &[listen]].concat());
        command.env("LOG_FORMAT", "json").envs(variables.iter().copied());
        command.output().unwrap()
    };
    let env_file = folder.path().join(".env");
    fs::write(&env_file, "LOG_FORMAT=json\nDB_DIALECT=oracle\n").unwrap();

    let failures = [
        start("nowhere", &[]),
        start("203.0.113.1:1", &[]),
        start("127.0.0.1:0", &[("DB_DIALECT", "oracle")]),
        program(&["serve", "--env-file", env_file.to_str().unwrap()])
            .output()
            .unwrap(),
        program(&["serve", "--log-format", "json", "--env-file", "/nowhere/.env"])
            .output()
            .unwrap(),
    ];

    for failure in failures {
        assert_eq!(failure.status.code(), Some(2));
        let said = String::from_utf8(failure.stderr).unwrap();
        assert!(!said.is_empty());
        for line in said.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
            assert!(line["message"].is_string() && line["time"].is_string(), "{line}");
        }
    }
}

#[test]
fn with_json_the_addresses_are_json_too() {
    let folder = TempDir::new().unwrap();
    let storage = folder.path().to_str().unwrap();
    let mut process = program(&["serve", "--listen", "127.0.0.1:0", "--storage", storage])
        .env("LOG_FORMAT", "json")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let lines: Vec<String> = lines.take(4).map(Result::unwrap).collect();
    process.kill().unwrap();
    process.wait().unwrap();

    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(line["level"], "INFO");
    }
    assert!(
        lines[0].contains("Sign-in page") && lines[3].contains("password"),
        "{lines:?}"
    );
}

#[test]
fn a_database_that_refuses_is_named_with_its_reason() {
    let folder = TempDir::new().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for dialect in ["postgres", "mariadb"] {
        let beside = |arguments: &[&str]| {
            program(arguments)
                .env("SIDECAR_STORAGE", folder.path())
                .env("APP_KEY", "a secret of at least thirty-two characters")
                .env("STORAGE_PATH", "/nonexistent")
                .env("DB_DIALECT", dialect)
                .env("DB_PORT", port.to_string())
                .env("DB_HOST", "127.0.0.1")
                .env("DB_DATABASE", "nocobase")
                .env("DB_USER", "nocobase")
                .output()
                .unwrap()
        };
        let started = beside(&["serve", "--listen", "127.0.0.1:0"]);
        let examined = beside(&["doctor"]);

        let told = String::from_utf8(started.stderr).unwrap();
        assert_eq!(started.status.code(), Some(2), "{told}");
        let reason = format!("127.0.0.1:{port}: Connection refused (os error 111)");
        assert!(told.contains(&reason), "{told}");
        assert_eq!(told.matches("refused").count(), 1, "{told}");
        let found = String::from_utf8(examined.stdout).unwrap();
        assert_eq!(examined.status.code(), Some(1), "{found}");
        let problem = format!("\nProblem: The database cannot be reached: {reason}.\n");
        assert!(
            found.starts_with("To mend: 1.\n") && found.contains(&problem),
            "{found}"
        );
    }
}

#[test]
fn a_sidecar_that_does_not_answer_is_not_well() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let asked = program(&["health", "--listen", &format!("127.0.0.1:{port}")])
        .output()
        .unwrap();

    assert_eq!(asked.status.code(), Some(1));
    assert!(String::from_utf8(asked.stderr).unwrap().contains("refused"));
}

#[tokio::test]
async fn nothing_of_a_running_server_is_open_to_others() {
    let app = TestApp::start().await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    let root = app.folder.path().display().to_string();
    for (path, (mode, ..)) in everything(app.folder.path()) {
        // The test made this one itself.
        if path == root {
            continue;
        }
        assert_eq!(mode & 0o077, 0, "{path} has mode {mode:o}");
    }
}
