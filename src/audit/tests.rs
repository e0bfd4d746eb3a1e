use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn an_entry(time: &str, reference: &str) -> Entry {
    Entry {
        authenticator: "dingtalk".into(),
        ..Entry::new(at(time), reference, Event::SignIn, Ok(()))
    }
}

fn open(folder: &TempDir, instance: &str) -> Audit {
    Audit::open(folder.path(), instance, 90, at("2026-11-21T00:00:00Z")).unwrap()
}

/// What an administrator sees, as references.
async fn references(audit: &Audit, filter: Filter) -> Vec<String> {
    let found = audit.search(&filter, 1, 100).await.unwrap();
    assert_eq!(found.count, found.entries.len() as u64);
    found.entries.into_iter().map(|entry| entry.reference).collect()
}

fn files(folder: &TempDir) -> BTreeSet<String> {
    fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn an_entry_is_one_json_line_in_the_file_of_its_day() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    let entry = Entry {
        matched: Some(Matched::SignUp),
        user_id: Some(7),
        actor_id: Some(1),
        address: Some("192.0.2.7".parse().unwrap()),
        dingtalk_request_id: Some("REQ-1".into()),
        detail: Some("token_rejected".into()),
        ..an_entry("2026-11-21T01:02:03.004567Z", "r1")
    };

    audit.record(&entry).await.unwrap();

    let text = fs::read_to_string(folder.path().join("audit-2026-11-21-a.jsonl")).unwrap();
    let line: Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(
        line,
        json!({ "time": "2026-11-21T01:02:03.004Z", "reference": "r1", "authenticator": "dingtalk",
                "event": "signIn", "result": "OK", "matched": "signUp", "userId": 7, "actorId": 1,
                "address": "192.0.2.7", "dingtalkRequestId": "REQ-1", "detail": "token_rejected" })
    );
}

#[tokio::test]
async fn what_is_absent_takes_no_room() {
    let line = serde_json::to_value(an_entry("2026-11-21T01:00:00Z", "r1")).unwrap();

    let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["authenticator", "event", "reference", "result", "time"]);
}

#[test]
fn labels_are_the_names_in_the_file() {
    for event in [
        Event::SignIn,
        Event::PasswordSignIn,
        Event::Unlink,
        Event::SettingsChange,
        Event::PluginChange,
        Event::PasswordChange,
        Event::SignOut,
        Event::Access,
    ] {
        assert_eq!(serde_json::to_value(event).unwrap(), event.label());
    }
    for matched in [Matched::Subject, Matched::Phone, Matched::SignUp] {
        assert_eq!(serde_json::to_value(matched).unwrap(), matched.label());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("storage/audit");
    let audit = Audit::open(&folder, "a", 90, at("2026-11-21T00:00:00Z")).unwrap();
    audit
        .record(&an_entry("2026-11-22T01:00:00Z", "r1"))
        .await
        .unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn no_entry_goes_into_a_file_that_was_moved_or_deleted() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("audit");
    let audit = Audit::open(&folder, "a", 90, at("2026-11-21T00:00:00Z")).unwrap();
    let file = folder.join("audit-2026-11-21-a.jsonl");
    let away: [&dyn Fn(); 4] = [
        &|| (),
        &|| fs::remove_file(&file).unwrap(),
        &|| fs::rename(&file, parent.path().join("moved")).unwrap(),
        &|| fs::remove_dir_all(&folder).unwrap(),
    ];
    for (number, go) in away.into_iter().enumerate() {
        go();
        let reference = number.to_string();

        audit
            .record(&an_entry("2026-11-21T01:00:00Z", &reference))
            .await
            .unwrap();

        let written = fs::read_to_string(&file).unwrap();
        assert!(
            written.contains(&format!(r#""reference":"{reference}""#)),
            "{written}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn no_entry_goes_through_a_link() {
    let folder = TempDir::new().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "").unwrap();
    let link = folder.path().join("audit-2026-11-22-a.jsonl");
    std::os::unix::fs::symlink(&target, link).unwrap();
    let audit = open(&folder, "a");

    let error = audit
        .record(&an_entry("2026-11-22T01:00:00Z", "r"))
        .await
        .unwrap_err();

    assert!(matches!(error, AuditError::Write { .. }), "{error:?}");
    assert_eq!(fs::read(&target).unwrap(), b"");
}

#[tokio::test]
async fn an_entry_that_is_not_written_has_its_reason_told() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    // The file of the next day is a folder.
    fs::create_dir(folder.path().join("audit-2026-11-22-a.jsonl")).unwrap();

    let error = audit
        .record(&an_entry("2026-11-22T01:00:00Z", "r"))
        .await
        .unwrap_err();

    let told = crate::causes::with_causes(&error);
    assert!(
        told.contains("irectory") && told.contains(folder.path().to_str().unwrap()),
        "{told}"
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();

    let error = Audit::open(&file.join("audit"), "a", 90, at("2026-11-21T00:00:00Z")).unwrap_err();

    assert!(
        matches!(&error, AuditError::Folder { folder, .. } if *folder == file.join("audit")),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_newest_entry_comes_first_over_days_and_instances() {
    let folder = TempDir::new().unwrap();
    let (a, b) = (open(&folder, "a"), open(&folder, "b"));
    for (audit, time, reference) in [
        (&a, "2026-11-20T23:59:59.999Z", "1"),
        (&b, "2026-11-21T00:00:00Z", "2"),
        (&a, "2026-11-21T08:00:00Z", "3"),
        (&b, "2026-11-21T09:00:00Z", "4"),
        (&a, "2026-11-21T10:00:00Z", "5"),
        (&a, "2026-11-21T10:00:00Z", "6"),
    ] {
        audit.record(&an_entry(time, reference)).await.unwrap();
    }

    assert_eq!(
        references(&b, Filter::default()).await,
        ["6", "5", "4", "3", "2", "1"]
    );
    assert_eq!(
        files(&folder).into_iter().collect::<Vec<_>>(),
        [
            "audit-2026-11-20-a.jsonl",
            "audit-2026-11-21-a.jsonl",
            "audit-2026-11-21-b.jsonl"
        ]
    );
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    let other = open(&folder, "b");
    let mut expected = Vec::new();
    for n in 0..50 {
        // Three days, and two instances that take turns.
        let (day, audit) = (19 + n / 20, if n % 2 == 0 { &audit } else { &other });
        let entry = an_entry(&format!("2026-11-{day}T10:{n:02}:00Z"), &n.to_string());
        audit.record(&entry).await.unwrap();
        expected.insert(0, n.to_string());
    }

    for page_size in [1, 3, 7, 20, 49, 50, 51, 1000] {
        let mut seen = Vec::new();
        for page in 1..=60 {
            let found = audit.search(&Filter::default(), page, page_size).await.unwrap();
            assert_eq!(found.count, 50);
            assert!(found.entries.len() as u64 <= page_size);
            seen.extend(found.entries.into_iter().map(|entry| entry.reference));
        }
        let expected_here: &[String] = if page_size == 1 {
            &expected[..50]
        } else {
            &expected
        };
        assert_eq!(seen, expected_here, "page size {page_size}");
    }
}

#[tokio::test]
async fn a_page_out_of_range_is_empty_and_page_zero_is_the_first() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    audit
        .record(&an_entry("2026-11-21T01:00:00Z", "r1"))
        .await
        .unwrap();

    for (page, page_size, shown) in [(0, 0, 1), (0, 10, 1), (2, 10, 0), (u64::MAX, u64::MAX, 0)] {
        let found = audit.search(&Filter::default(), page, page_size).await.unwrap();
        assert_eq!(
            (found.entries.len(), found.count),
            (shown, 1),
            "{page} {page_size}"
        );
    }
}

#[tokio::test]
async fn every_part_of_a_filter_counts() {
    type Narrow = fn(&mut Filter);

    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    let entries = [
        an_entry("2026-11-20T10:00:00Z", "1"),
        Entry {
            authenticator: "other".into(),
            ..an_entry("2026-11-20T11:00:00Z", "2")
        },
        Entry {
            result: "NO_MATCHING_USER".into(),
            ..an_entry("2026-11-21T12:00:00Z", "3")
        },
        Entry {
            user_id: Some(7),
            ..an_entry("2026-11-22T13:00:00Z", "4")
        },
    ];
    for entry in &entries {
        audit.record(entry).await.unwrap();
    }
    let cases: [(Narrow, &[&str]); 13] = [
        (|filter| filter.authenticator = Some("other".into()), &["2"]),
        (|filter| filter.authenticator = Some("OTHER".into()), &[]),
        (
            |filter| filter.ended = Some(Ended::With("NO_MATCHING_USER".into())),
            &["3"],
        ),
        (|filter| filter.ended = Some(Ended::Refused), &["3"]),
        (|filter| filter.event = Some(Event::Unlink), &[]),
        (|filter| filter.event = Some(Event::SignIn), &["4", "3", "2", "1"]),
        (|filter| filter.users = Some(BTreeSet::from([6, 7])), &["4"]),
        (|filter| filter.users = Some(BTreeSet::new()), &[]),
        (|filter| filter.reference = Some("1".into()), &["1"]),
        (
            |filter| filter.from = Some(at("2026-11-20T11:00:00Z")),
            &["4", "3", "2"],
        ),
        (|filter| filter.to = Some(at("2026-11-21T12:00:00Z")), &["2", "1"]),
        (
            |filter| {
                filter.from = Some(at("2026-11-21T00:00:00Z"));
                filter.to = Some(at("2026-11-22T00:00:00Z"));
            },
            &["3"],
        ),
        (
            |filter| {
                filter.users = Some(BTreeSet::from([7]));
                filter.ended = Some(Ended::With("X".into()));
            },
            &[],
        ),
    ];

    for (narrow, expected) in cases {
        let mut filter = Filter::default();
        narrow(&mut filter);
        let shown = format!("{filter:?}");
        assert_eq!(references(&audit, filter).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn half_a_line_costs_no_other_entry() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    audit
        .record(&an_entry("2026-11-21T01:00:00Z", "1"))
        .await
        .unwrap();
    let path = folder.path().join("audit-2026-11-21-a.jsonl");
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(br#"{"time":"2026-11-21T02:00:00.000Z","refer"#);
    fs::write(&path, text).unwrap();

    assert_eq!(references(&audit, Filter::default()).await, ["1"]);
    drop(audit);
    let audit = open(&folder, "a");
    audit
        .record(&an_entry("2026-11-21T03:00:00Z", "3"))
        .await
        .unwrap();

    assert_eq!(references(&audit, Filter::default()).await, ["3", "1"]);
}

#[tokio::test]
async fn lines_that_are_no_entries_are_passed_over() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(300_000));
    let lines = ["", "null", "{}", "[1]", "\u{0}\u{0}", &long].join("\n");
    fs::write(folder.path().join("audit-2026-11-21-old.jsonl"), lines + "\n").unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    fs::create_dir(folder.path().join("audit-2026-11-21-dir.jsonl")).unwrap();
    audit
        .record(&an_entry("2026-11-21T01:00:00Z", "1"))
        .await
        .unwrap();

    assert_eq!(references(&audit, Filter::default()).await, ["1"]);
}

#[tokio::test]
async fn an_entry_of_a_later_version_is_still_read() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    let line = json!({ "time": "2026-11-21T01:00:00.000Z", "reference": "1", "authenticator": "a",
                       "event": "teleport", "result": "OK", "matched": "aura", "color": "blue" });
    fs::write(
        folder.path().join("audit-2026-11-21-new.jsonl"),
        format!("{line}\n"),
    )
    .unwrap();

    let found = audit.search(&Filter::default(), 1, 10).await.unwrap();

    assert_eq!(
        (found.entries[0].event, found.entries[0].matched),
        (Event::Other, Some(Matched::Other))
    );
}

#[tokio::test]
async fn days_beyond_their_retention_are_removed_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    for name in [
        "audit-2026-08-22-a.jsonl",
        "audit-2026-08-23-a.jsonl",
        "audit-2020-01-01-gone.jsonl",
        "audit-2020-01-01.jsonl",
        "other.jsonl",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }

    let audit = open(&folder, "a");

    let kept = [
        "audit-2020-01-01.jsonl",
        "audit-2026-08-23-a.jsonl",
        "audit-2026-11-21-a.jsonl",
        "other.jsonl",
    ];
    assert_eq!(files(&folder).into_iter().collect::<Vec<_>>(), kept);
    audit.prune(at("2026-11-22T00:00:00Z")).await.unwrap();
    assert!(!files(&folder).contains("audit-2026-08-23-a.jsonl"));
}

#[tokio::test]
async fn a_retention_of_zero_keeps_everything() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("audit-1999-01-01-a.jsonl"), "").unwrap();

    Audit::open(folder.path(), "a", 0, at("2026-11-21T00:00:00Z")).unwrap();

    assert!(files(&folder).contains("audit-1999-01-01-a.jsonl"));
}

#[tokio::test]
async fn entries_recorded_at_once_stay_whole() {
    let folder = TempDir::new().unwrap();
    // Two of one name, as when an operator starts the same instance twice.
    let writers = [open(&folder, "a"), open(&folder, "a"), open(&folder, "b")];

    let tasks: Vec<_> = (0..300)
        .map(|n| {
            let audit = writers[n % 3].clone();
            tokio::spawn(async move {
                audit
                    .record(&an_entry("2026-11-21T01:00:00Z", &n.to_string()))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }

    let found = writers[0].search(&Filter::default(), 1, 1000).await.unwrap();
    let seen: BTreeSet<_> = found
        .entries
        .iter()
        .map(|entry| entry.reference.clone())
        .collect();
    assert_eq!((found.count, seen.len()), (300, 300));
}

#[tokio::test]
async fn an_entry_is_written_also_when_its_caller_goes_away() {
    let folder = TempDir::new().unwrap();
    let audit = open(&folder, "a");
    let entry = an_entry("2026-11-21T01:00:00Z", "1");
    let mut gone = Box::pin(audit.record(&entry));
    let _ = futures_util::poll!(&mut gone);

    drop(gone);

    let written = async {
        while references(&audit, Filter::default()).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written)
        .await
        .unwrap();
}
