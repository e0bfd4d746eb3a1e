//! The directory that is written where there is no NocoBase, and links of people who are users already.

use std::collections::HashMap;

use nocobase_dingtalk::nocobase::{
    CustomColumns, ExistingPerson, LeaverOutcome, LeaverWay, LinkOutcome, RecordKind, SyncedPerson,
    WantedLink, WriteRefusal,
};
use serde_json::Value;

use super::new_people::a_record;
use super::*;

const SYNC_SOURCE: &str = "ding-tree";

fn a_department(uid: &str, parent: Option<&str>) -> Value {
    let mut record = json!({"dataType": "department", "uid": uid, "title": format!("Dept {uid}")});
    if let Some(parent) = parent {
        record["parentUid"] = parent.into();
    }
    record
}

fn existing(user: UserId, record: Value, departments: &HashMap<String, i64>) -> ExistingPerson {
    ExistingPerson {
        user,
        person: SyncedPerson::of(record, &CustomColumns::default(), departments).unwrap(),
        roles: Vec::new(),
    }
}

#[tokio::test]
async fn alone_departments_are_made_moved_and_removed() {
    on(Kind::Sqlite, |database| async move {
        database.with_directory().await;
        let directory = database.store.own_directory();
        let tree = [
            a_department("1", None),
            a_department("2", Some("1")),
            a_department("3", Some("9")),
        ];

        let written = directory
            .write_departments(SYNC_SOURCE, &tree, now())
            .await
            .unwrap();
        let ids: HashMap<_, _> = written.done.iter().cloned().collect();
        let moved = directory
            .write_departments(SYNC_SOURCE, &[a_department("2", None)], now())
            .await
            .unwrap();

        assert_eq!(written.refused, [("3".to_owned(), WriteRefusal::ParentMissing)]);
        assert_eq!(moved.done, [("2".to_owned(), ids["2"])]);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@departments` WHERE `parentId` IS NULL")
                .await,
            2
        );
        directory
            .write_departments(SYNC_SOURCE, &tree[1..2], now())
            .await
            .unwrap();
        assert_eq!(
            database
                .number(&format!(
                    "SELECT `parentId` FROM `@departments` WHERE `id` = {}",
                    ids["2"]
                ))
                .await,
            ids["1"]
        );
        let all = [("2".to_owned(), ids["2"]), ("1".to_owned(), ids["1"])];
        directory.remove_departments(SYNC_SOURCE, &all).await.unwrap();
        assert_eq!(database.number("SELECT COUNT(*) FROM `@departments`").await, 0);
        assert!(
            database
                .store
                .sync_records()
                .all(SYNC_SOURCE, RecordKind::Department)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn alone_people_are_changed_and_their_departments_made_exact_or_kept() {
    on(Kind::Sqlite, |database| async move {
        let store = &database.store;
        database.with_directory().await;
        an_authenticator(store, AUTHENTICATOR).await;
        let directory = store.own_directory();
        let tree = [a_department("101", None), a_department("102", None)];
        let ids: HashMap<_, _> = directory
            .write_departments(SYNC_SOURCE, &tree, now())
            .await
            .unwrap()
            .done
            .into_iter()
            .collect();
        let user = sign_up(store, "union", None).await.id;
        database
            .run(
                "INSERT INTO `@departments` (`id`, `title`, `createdAt`, `updatedAt`) \
 VALUES (77, 'by hand', '', '')",
            )
            .await;
        let by_hand = format!(
            "INSERT INTO `@departmentsUsers` (`departmentId`, `userId`, `createdAt`, `updatedAt`) \
 VALUES (77, {}, '', '')",
            user.0
        );
        database.run(&by_hand).await;
        let count = |condition: &str| {
            format!(
                "SELECT COUNT(*) FROM `@departmentsUsers` WHERE `userId` = {} AND {condition}",
                user.0
            )
        };

        directory
            .write_people(SYNC_SOURCE, true, &[existing(user, a_record("1"), &ids)], now())
            .await
            .unwrap();
        assert_eq!(database.number(&count("TRUE")).await, 3, "kept");
        let mut fewer = a_record("1");
        fewer["departments"] = json!([{"uid": "102", "isOwner": true, "isMain": true}]);
        fewer.as_object_mut().unwrap().remove("email");
        directory
            .write_people(SYNC_SOURCE, true, &[existing(user, fewer.clone(), &ids)], now())
            .await
            .unwrap();
        assert_eq!(database.number(&count("TRUE")).await, 2, "kept by hand");
        assert_eq!(database.number(&count("`isOwner`")).await, 1);
        let written = directory
            .write_people(
                SYNC_SOURCE,
                false,
                &[
                    existing(user, fewer, &ids),
                    existing(UserId(99), a_record("2"), &ids),
                    existing(ROOT, json!({"uid": "3", "phone": "13900000001"}), &ids),
                ],
                now(),
            )
            .await
            .unwrap();

        assert_eq!(written.done, [("1".to_owned(), user.0)]);
        assert_eq!(
            written.refused,
            [
                ("2".to_owned(), WriteRefusal::UserGone),
                ("3".to_owned(), WriteRefusal::PhoneTaken)
            ]
        );
        assert_eq!(database.number(&count("TRUE")).await, 1, "exact");
        let after = store.users().find(user).await.unwrap().unwrap();
        assert_eq!(
            (after.phone.as_deref(), after.email.as_deref()),
            (Some("13900000001"), Some("1@example.com")),
            "a missing field stays"
        );
        assert_eq!(
            database
                .number(&format!(
                    "SELECT `mainDepartmentId` FROM `@users` WHERE `id` = {}",
                    user.0
                ))
                .await,
            ids["102"]
        );
        assert_eq!(
            store
                .sync_records()
                .all(SYNC_SOURCE, RecordKind::Person)
                .await
                .unwrap()
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn alone_whoever_left_loses_roles_and_sessions_and_may_get_them_back() {
    on(Kind::Sqlite, |database| async move {
        let store = &database.store;
        database.with_directory().await;
        an_authenticator(store, AUTHENTICATOR).await;
        let directory = store.own_directory();
        let user = sign_up(store, "union", None).await.id;
        let ids = HashMap::new();
        directory
            .write_people(SYNC_SOURCE, false, &[existing(user, a_record("1"), &ids)], now())
            .await
            .unwrap();

        let left = directory
            .take_out(SYNC_SOURCE, ("1", user), LeaverWay::RemoveRoles, now())
            .await
            .unwrap();

        assert_eq!(left, LeaverOutcome::RolesRemoved(vec!["member".to_owned()]));
        let after = store.users().find(user).await.unwrap().unwrap();
        assert_eq!(after.password_change_tz, Some(now().timestamp() * 1000));
        assert!(store.roles().of(user).await.unwrap().is_empty());
        let mut back = existing(user, a_record("1"), &ids);
        back.roles = vec!["member".to_owned(), "gone".to_owned()];
        directory
            .write_people(SYNC_SOURCE, false, &[back.clone()], now())
            .await
            .unwrap();
        directory
            .write_people(SYNC_SOURCE, false, &[back], now())
            .await
            .unwrap();
        assert_eq!(store.roles().of(user).await.unwrap().len(), 1);
        for way in [LeaverWay::RemoveRoles, LeaverWay::Delete] {
            let last = directory
                .take_out(SYNC_SOURCE, ("9", ROOT), way, now())
                .await
                .unwrap();
            assert_eq!(last, LeaverOutcome::LastRoot);
        }
        let deleted = directory
            .take_out(SYNC_SOURCE, ("1", user), LeaverWay::Delete, now())
            .await
            .unwrap();
        assert_eq!(deleted, LeaverOutcome::Deleted);
        assert_eq!(
            directory
                .take_out(SYNC_SOURCE, ("1", user), LeaverWay::Delete, now())
                .await
                .unwrap(),
            LeaverOutcome::Gone
        );
        assert!(
            store
                .sync_records()
                .all(SYNC_SOURCE, RecordKind::Person)
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            store.links().find_user(AUTHENTICATOR, "union").await.unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn users_are_linked_where_neither_they_nor_the_subject_are() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        an_authenticator(store, "s_other").await;
        let linked = sign_up(store, "taken", None).await.id;
        let mut linking = store.begin_link("s_other").await.unwrap().unwrap();
        let mut users = Vec::new();
        for _ in 0..3 {
            users.push(linking.create_user(NewUser::default(), now()).await.unwrap());
        }
        linking.commit().await.unwrap();
        database
            .run(&format!(
                "INSERT INTO `@usersAuthenticators` (`authenticator`, `userId`, `uuid`, `nickname`, `avatar`, \
 `createdAt`, `updatedAt`) \
                 VALUES ('{AUTHENTICATOR}', 999, 'dead', '', '', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
            ))
            .await;
        let link = |user, subject: &str| WantedLink {
            user,
            subject: subject.to_owned(),
            meta: a_note(),
            nickname: None,
        };
        let everybody = [linked, users[0], users[1], users[2]];
        let unlinked = store.links().unlinked_of(AUTHENTICATOR, &everybody).await.unwrap();
        assert_eq!(unlinked, users.iter().copied().collect());

        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let wanted = [
            link(users[0], "one"),
            link(users[1], "taken"),
            link(linked, "two"),
            link(linked, "taken"),
            link(users[1], "dead"),
            link(users[2], "one"),
        ];
        let outcomes = linking.link_many(&wanted, now()).await.unwrap();
        linking.commit().await.unwrap();

        assert_eq!(
            outcomes,
            [
                LinkOutcome::Linked,
                LinkOutcome::SubjectTaken(linked),
                LinkOutcome::UserTaken,
                LinkOutcome::Present,
                LinkOutcome::Linked,
                LinkOutcome::SubjectTaken(users[0]),
            ]
        );
        let found = store.links().find_user(AUTHENTICATOR, "dead").await.unwrap();
        assert_eq!(found.map(|linked| linked.user.id), Some(users[1]));
        assert_eq!(database.number("SELECT COUNT(*) FROM `@usersAuthenticators`").await, 3);
    })
    .await;
}
