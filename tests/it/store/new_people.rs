//! People made many at once, and what is known of them afterwards.

use std::collections::HashMap;

use nocobase_dingtalk::nocobase::{
    AddedPeople, CustomColumns, FirstRights, NewPeople, NewPerson, NewPersonLink, RecordKind, SyncedPerson,
    record_hash,
};
use serde_json::Value;

use super::directory::a_sync_source;
use super::*;

const SYNC_SOURCE: &str = "ding-tree";
const TIMES: &str = "'2026-01-01 00:00:00', '2026-01-01 00:00:00'";

pub(super) fn the_departments() -> HashMap<String, i64> {
    HashMap::from([("101".to_owned(), 11), ("102".to_owned(), 12)])
}

/// As DingTalk knows somebody of this id.
pub(super) fn a_record(uid: &str) -> Value {
    json!({
        "dataType": "user", "uid": uid, "unionId": format!("union {uid}"), "nickname": format!("Nick {uid}"),
        "phone": format!("139{uid:0>8}"), "email": format!("{uid}@example.com"), "jobTitle": "Clerk",
        "departments": [{"uid": "101", "isOwner": true, "isMain": false}, {"uid": "102", "isOwner": false, "isMain": true}],
    })
}

fn a_person(record: Value, columns: &CustomColumns) -> NewPerson {
    let subject = record["unionId"].as_str().map(str::to_owned);
    NewPerson {
        person: SyncedPerson::of(record, columns, &the_departments()).unwrap(),
        link: subject.map(|subject| NewPersonLink {
            subject,
            meta: a_note(),
        }),
    }
}

fn people(uids: impl IntoIterator<Item = u32>) -> Vec<NewPerson> {
    let records = uids.into_iter().map(|uid| a_record(&uid.to_string()));
    records
        .map(|record| a_person(record, &CustomColumns::default()))
        .collect()
}

async fn add(store: &Store, people: &[NewPerson]) -> Result<AddedPeople, StoreError> {
    let rights = FirstRights::default();
    let how = NewPeople {
        source: SYNC_SOURCE,
        authenticator: Some(AUTHENTICATOR),
        rights: &rights,
    };
    store
        .add_people(&how, people, now())
        .await
        .map(|added| added.expect("source and authenticator are there"))
}

async fn furnish(database: &database::TestDatabase) {
    database.with_directory().await;
    an_authenticator(&database.store, AUTHENTICATOR).await;
    a_sync_source(&database.store, SYNC_SOURCE).await;
}

#[tokio::test]
async fn new_people_get_all_that_a_sign_up_and_nocobases_engine_would_give_them() {
    on_every_database(|database| async move {
        let store = &database.store;
        furnish(&database).await;
        database
            .run("ALTER TABLE `@users` ADD COLUMN `jobTitle` VARCHAR(255)")
            .await;
        let (columns, _) = store.users().custom_columns(&["jobTitle"]).await.unwrap();
        let mut bare = a_record("2");
        for field in ["phone", "email", "departments", "unionId", "jobTitle"] {
            bare.as_object_mut().unwrap().remove(field);
        }
        let new = [
            a_person(a_record("1"), &columns),
            a_person(bare.clone(), &columns),
        ];

        let added = add(store, &new).await.unwrap();

        assert_eq!(added.known, Vec::<String>::new());
        let [(first_uid, first), (second_uid, second)] = &added.added[..] else {
            panic!("{added:?}");
        };
        assert_eq!((first_uid.as_str(), second_uid.as_str()), ("1", "2"));
        let user = store.users().find(*first).await.unwrap().unwrap();
        assert_eq!(
            (
                user.nickname.as_deref(),
                user.phone.as_deref(),
                user.email.as_deref()
            ),
            (Some("Nick 1"), Some("13900000001"), Some("1@example.com"))
        );
        assert_eq!((user.system_settings, user.created_at), (json!({}), Some(now())));
        let user = store.users().find(*second).await.unwrap().unwrap();
        assert_eq!(
            (user.nickname.as_deref(), user.phone, user.email),
            (Some("Nick 2"), None, None)
        );
        let of = |select: &str, user: &UserId| format!("SELECT {select} = {user}", user = user.0);
        assert_eq!(
            database
                .text(&of("`jobTitle` FROM `@users` WHERE `id`", first))
                .await
                .as_deref(),
            Some("Clerk")
        );
        assert_eq!(
            database
                .number(&of("`mainDepartmentId` FROM `@users` WHERE `id`", first))
                .await,
            12
        );
        assert_eq!(
            database
                .number(&of(
                    "`departmentId` FROM `@departmentsUsers` WHERE `isOwner` AND `userId`",
                    first
                ))
                .await,
            11
        );
        assert_eq!(
            database
                .number(&of("COUNT(*) FROM `@departmentsUsers` WHERE `userId`", first))
                .await,
            2
        );
        assert_eq!(
            database
                .number(&of("COUNT(*) FROM `@departmentsUsers` WHERE `userId`", second))
                .await,
            0
        );
        let sorts = format!(
            "SELECT COUNT(DISTINCT `sort`) FROM `@users` WHERE `id` IN ({}, {}) AND `sort` > 1",
            first.0, second.0
        );
        assert_eq!(database.number(&sorts).await, 2);
        for user in [*first, *second] {
            let roles = store.roles().of(user).await.unwrap();
            assert_eq!(
                roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(),
                ["member"]
            );
        }
        what_is_noted_of(&database, *first, *second, &bare).await;
    })
    .await;
}

/// Links, records and where these lead.
async fn what_is_noted_of(database: &database::TestDatabase, first: UserId, second: UserId, bare: &Value) {
    let store = &database.store;
    let linked = store
        .links()
        .find_user(AUTHENTICATOR, "union 1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((linked.user.id, linked.meta), (first, a_note()));
    assert_eq!(
        store.links().of_user_at(AUTHENTICATOR, second).await.unwrap(),
        None
    );
    let records = store
        .sync_records()
        .all(SYNC_SOURCE, RecordKind::Person)
        .await
        .unwrap();
    let known: Vec<_> = records
        .iter()
        .map(|record| (record.uid.as_str(), record.resource, record.exists, record.hash))
        .collect();
    assert_eq!(
        known,
        [
            ("1", Some(first.0), true, record_hash(&a_record("1"))),
            ("2", Some(second.0), true, record_hash(bare))
        ]
    );
    // As the engine, which drops departments by these rows.
    assert_eq!(
        database
            .number("SELECT COUNT(*) FROM `@userDataSyncRecordsResources` WHERE `resource` = 'departments'")
            .await,
        2
    );
    let bodies = store
        .sync_records()
        .bodies(SYNC_SOURCE, RecordKind::Person, &["2".to_owned()])
        .await
        .unwrap();
    assert_eq!(
        bodies.into_iter().collect::<Vec<_>>(),
        [("2".to_owned(), bare.clone())]
    );
}

#[tokio::test]
async fn a_number_that_somebody_has_fails_the_whole_batch_and_nothing_of_it_stays() {
    on_every_database(|database| async move {
        let store = &database.store;
        furnish(&database).await;
        sign_up(store, "somebody", Some("13900000003")).await;

        let error = add(store, &people(1..6)).await.unwrap_err();
        let halves = add(store, &people([1, 2, 4, 5])).await.unwrap();

        assert!(
            matches!(error, StoreError::Duplicate { field: "phone" }),
            "{error:?}"
        );
        assert_eq!(halves.added.len(), 4);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@userDataSyncRecords`")
                .await,
            4
        );
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 6);
    })
    .await;
}

#[tokio::test]
async fn people_whom_two_runs_write_at_once_stay_one_user_each() {
    on_every_database(|database| async move {
        furnish(&database).await;
        let other = database.another_store().await;
        let runs = (0..8).map(|index| {
            let store = if index % 2 == 0 {
                database.store.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move { add(&store, &people(1..40)).await.unwrap() })
        });
        let mut made = Vec::new();
        for run in runs.collect::<Vec<_>>() {
            let added = run.await.unwrap();
            assert_eq!(added.added.len() + added.known.len(), 39);
            made.extend(added.added);
        }

        assert_eq!(made.len(), 39);
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 40);
        assert_eq!(
            database
                .number("SELECT COUNT(DISTINCT `sort`) FROM `@users`")
                .await,
            40
        );
        for (uid, user) in made {
            let linked = database
                .store
                .links()
                .find_user(AUTHENTICATOR, &format!("union {uid}"))
                .await
                .unwrap();
            assert_eq!(
                linked.map(|linked| linked.user.nickname),
                Some(Some(format!("Nick {uid}"))),
                "{user}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn people_who_sign_in_while_they_are_written_stay_one_user_each() {
    on_every_database(|database| async move {
        furnish(&database).await;
        let store = &database.store;
        store.ensure_subject_index().await.unwrap();
        let signing_in = (1..20).map(|uid| {
            let store = store.clone();
            tokio::spawn(async move { sign_up(&store, &format!("union {uid}"), None).await.id })
        });
        let signing_in: Vec<_> = signing_in.collect();

        let mut added = add(store, &people(1..20)).await;
        for user in signing_in {
            user.await.unwrap();
        }
        if added.is_err() {
            added = add(store, &people(1..20)).await;
        }

        let added = added.unwrap();
        assert_eq!(added.added.len() + added.known.len(), 19);
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 20);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                .await,
            19
        );
    })
    .await;
}

#[tokio::test]
async fn whose_user_was_deleted_is_made_anew() {
    on_every_database(|database| async move {
        let store = &database.store;
        furnish(&database).await;
        let first = add(store, &people([1, 2])).await.unwrap();
        let UserId(gone) = first.added[0].1;
        database
            .run(&format!("DELETE FROM `@users` WHERE `id` = {gone}"))
            .await;
        let records = store
            .sync_records()
            .all(SYNC_SOURCE, RecordKind::Person)
            .await
            .unwrap();
        assert_eq!(
            records.iter().map(|record| record.exists).collect::<Vec<_>>(),
            [false, true]
        );

        let again = add(store, &people([1, 2])).await.unwrap();

        assert_eq!(again.known, ["2"]);
        assert_eq!(again.added.len(), 1);
        assert_ne!(again.added[0].1, UserId(gone));
        let linked = store
            .links()
            .find_user(AUTHENTICATOR, "union 1")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(linked.user.id, again.added[0].1);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@userDataSyncRecords`")
                .await,
            2
        );
    })
    .await;
}

#[tokio::test]
async fn a_hundred_people_cost_no_more_statements_than_one() {
    on_every_database(|database| async move {
        furnish(&database).await;
        let before = database.statements();
        add(&database.store, &people([1])).await.unwrap();
        let one = database.statements() - before;
        let before = database.statements();

        add(&database.store, &people(2..102)).await.unwrap();

        let hundred = database.statements() - before;
        assert_eq!((one, hundred), (STATEMENTS, STATEMENTS), "{:?}", database.kind);
    })
    .await;
}

/// Two locks, who is there by record and by link, the default role, the newest user and the newest record; users, roles,
/// records, where they lead, departments and links, and the keys of users and records.
const STATEMENTS: usize = 15;

#[tokio::test]
async fn without_source_or_role_nobody_is_made() {
    on_every_database(|database| async move {
        let store = &database.store;
        furnish(&database).await;
        let plain = FirstRights::default();
        let gone = NewPeople {
            source: "gone",
            authenticator: None,
            rights: &plain,
        };
        let unlinked = NewPeople {
            source: SYNC_SOURCE,
            authenticator: Some("gone"),
            rights: &plain,
        };
        let root = FirstRights {
            default_role: Some("root".to_owned()),
            may_administrate: true,
            ..FirstRights::default()
        };
        let to_root = NewPeople {
            source: SYNC_SOURCE,
            authenticator: None,
            rights: &root,
        };
        database
            .run(&format!(
                "INSERT INTO `@roles` (`name`, `title`, `snippets`, `createdAt`, `updatedAt`) \
 VALUES ('sales', 'Sales', '[]', {TIMES})"
            ))
            .await;
        let sales = FirstRights {
            default_role: Some("sales".to_owned()),
            roles: vec!["member".to_owned(), "admin".to_owned()],
            ..FirstRights::default()
        };
        let to_sales = NewPeople {
            source: SYNC_SOURCE,
            authenticator: None,
            rights: &sales,
        };

        assert_eq!(store.add_people(&gone, &people([1]), now()).await.unwrap(), None);
        assert_eq!(
            store.add_people(&unlinked, &people([1]), now()).await.unwrap(),
            None
        );
        let refused = store.add_people(&to_root, &people([1]), now()).await.unwrap_err();
        assert!(
            matches!(&refused, StoreError::RoleUnusable { role } if role == "root"),
            "{refused:?}"
        );
        let made = store
            .add_people(&to_sales, &people([1]), now())
            .await
            .unwrap()
            .unwrap();
        let roles = store.roles().of(made.added[0].1).await.unwrap();
        assert_eq!(
            roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(),
            ["member", "sales"]
        );
        database.run("UPDATE `@roles` SET `default` = FALSE").await;
        let refused = add(store, &people([2])).await.unwrap_err();
        assert!(matches!(refused, StoreError::NoDefaultRole), "{refused:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 2);
    })
    .await;
}

#[tokio::test]
async fn records_are_tied_anew_and_forgotten() {
    on_every_database(|database| async move {
        let store = &database.store;
        furnish(&database).await;
        let records = store.sync_records();
        let (first, second) = (
            json!({"uid": "101", "title": "Old"}),
            json!({"uid": "101", "title": "New"}),
        );
        records
            .tie(SYNC_SOURCE, RecordKind::Department, ("101", &first, 11), now())
            .await
            .unwrap();
        records
            .tie(SYNC_SOURCE, RecordKind::Department, ("101", &second, 12), now())
            .await
            .unwrap();
        records
            .tie("other", RecordKind::Department, ("101", &first, 13), now())
            .await
            .unwrap();

        let all = records.all(SYNC_SOURCE, RecordKind::Department).await.unwrap();

        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].resource, all[0].exists, all[0].hash),
            (Some(12), false, record_hash(&second))
        );
        let last = database
            .text(
                "SELECT CAST(`lastMetaData` AS CHAR(99)) \
 FROM `@userDataSyncRecords` WHERE `sourceName` = 'ding-tree'",
            )
            .await;
        assert_eq!(serde_json::from_str::<Value>(&last.unwrap()).unwrap(), first);
        records
            .forget(SYNC_SOURCE, RecordKind::Department, &["101".to_owned()])
            .await
            .unwrap();
        assert!(
            records
                .all(SYNC_SOURCE, RecordKind::Department)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            records.all("other", RecordKind::Department).await.unwrap().len(),
            1
        );
        assert!(
            records
                .all(SYNC_SOURCE, RecordKind::Person)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}
