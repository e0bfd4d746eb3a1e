//! What is made of an env file: which settings count, and how one that cannot be used is named.

use nocobase_dingtalk::config::{Config, Mode, Sources};

/// Loads an env file, with these lines before it in the environment.
fn load_file(bytes: &[u8], environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    std::fs::write(&file, bytes).unwrap();
    let storage = folder.path().display().to_string();
    let pairs = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let sources = Sources::gather(vec![("SIDECAR_STORAGE", storage)], pairs, Some(&file)).unwrap();
    Config::load(&sources).map_err(|error| {
        let mut texts = vec![error.to_string()];
        let mut error: &dyn std::error::Error = &error;
        while let Some(cause) = error.source() {
            texts.push(cause.to_string());
            error = cause;
        }
        let text = texts.join(": ");
        assert!(text.contains(&*file.to_string_lossy()) || !text.contains("line"));
        text.replace(&*file.to_string_lossy(), ".env")
    })
}

fn of_create_nocobase_app(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/env_files/files");
    std::fs::read(format!("{folder}/create-nocobase-app-{name}.env")).unwrap()
}

#[test]
fn what_create_nocobase_app_writes_is_taken_as_it_is() {
    for dialect in ["postgres", "mysql", "mariadb"] {
        let filled = load_file(&of_create_nocobase_app(&format!("{dialect}-filled")), &[]).unwrap();
        let untouched = of_create_nocobase_app(dialect);
        let missing = load_file(&untouched, &[]).unwrap_err();
        let named = [("DB_DATABASE", "d"), ("DB_USER", "u")];
        let completed = load_file(&untouched, &named).unwrap();

        assert_eq!(filled.first_administrator.nickname, "Super Admin");
        assert_eq!(filled.nocobase_url.unwrap().as_str(), "http://127.0.0.1:13000/");
        assert!(
            missing.starts_with("the env file .env, line 14: DB_DATABASE is not set"),
            "{missing}"
        );
        assert_eq!(completed.mode, Mode::BesideNocoBase);
    }
    for (name, reason) in [
        ("kingbase", "line 11: DB_DIALECT cannot be used"),
        ("test", "line 10: DB_DIALECT cannot be used"),
        ("e2e", "line 24: DB_DIALECT cannot be used"),
    ] {
        let text = load_file(&of_create_nocobase_app(name), &[]).unwrap_err();
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn what_cannot_be_used_is_named_by_line_when_the_env_file_has_it() {
    let filled = of_create_nocobase_app("postgres-filled");
    let with = |line: &str, environment: &[(&str, &str)]| {
        load_file(&[&filled, line.as_bytes()].concat(), environment).unwrap_err()
    };

    let of_file = with("DB_PORT=canary\n", &[]);
    let of_environment = with("", &[("DB_PORT", "canary")]);
    let hidden = with("DB_PORT=5432\n", &[("DB_PORT", "canary")]);
    let secret = with("APP_KEY=test-jwt-secret", &[]);

    assert!(
        of_file.starts_with("the env file .env, line 23: DB_PORT cannot be used: it is a port number"),
        "{of_file}"
    );
    for text in [&of_environment, &hidden] {
        assert_eq!(text, "DB_PORT cannot be used: it is a port number");
    }
    assert!(!of_file.contains("canary"), "{of_file}");
    assert!(
        secret.starts_with("the env file .env, line 23: the session secret"),
        "{secret}"
    );
    assert!(!secret.contains("test-jwt-secret"), "{secret}");
}

#[test]
fn a_setting_that_this_way_of_running_does_not_use_does_not_stop_it() {
    let alone = [
        ("APP_PORT", "tcp://10.0.0.1:80"),
        ("DB_PORT", "tcp://10.0.0.1:5432"),
        ("DB_TIMEZONE", "Nowhere/Atlantis"),
        ("SIDECAR_DB_POOL", "many"),
        ("APP_AES_SECRET_KEY", "short"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let storage = [("SIDECAR_STORAGE", folder.path().to_str().unwrap())];
    Config::load(&Sources::of_pairs(&[alone.as_slice(), &storage].concat())).unwrap();

    let beside = of_create_nocobase_app("postgres-filled");
    let given = load_file(
        &beside,
        &[
            ("APP_PORT", "tcp://10.0.0.1:80"),
            ("NOCOBASE_URL", "http://nocobase"),
        ],
    );
    let unknown = load_file(&beside, &[("APP_PORT", "tcp://10.0.0.1:80")]);

    assert_eq!(given.unwrap().nocobase_url.unwrap().as_str(), "http://nocobase/");
    assert_eq!(unknown.unwrap().nocobase_url, None);
}
