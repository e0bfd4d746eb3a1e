//! First sign-ins: one person stays one user, whoever comes at the same time.

use super::*;

#[tokio::test]
async fn fifty_first_sign_ins_of_one_person_make_one_user() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        let other_process = database.another_store().await;

        let sign_ups = (0..50).map(|index| {
            let store = if index % 2 == 0 {
                database.store.clone()
            } else {
                other_process.clone()
            };
            tokio::spawn(async move { sign_up(&store, "union1", Some("13900000001")).await.id })
        });
        let mut users = HashSet::new();
        for sign_up in sign_ups.collect::<Vec<_>>() {
            users.insert(sign_up.await.unwrap());
        }

        assert_eq!(users.len(), 1);
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 2);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                .await,
            1
        );
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@rolesUsers` WHERE `userId` <> 1")
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn fifty_different_people_at_once_all_get_in() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;

        let sign_ups = (0..50).map(|index| {
            let store = database.store.clone();
            tokio::spawn(async move { sign_up(&store, &format!("union{index}"), None).await.id })
        });
        let mut users = HashSet::new();
        for sign_up in sign_ups.collect::<Vec<_>>() {
            users.insert(sign_up.await.unwrap());
        }

        assert_eq!(users.len(), 50);
        assert_eq!(
            database
                .number("SELECT COUNT(DISTINCT `sort`) FROM `@users`")
                .await,
            51
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_user_comes_after_those_whom_others_made_or_moved_meanwhile() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let place = async |id: UserId| {
            let select = format!("SELECT `sort` FROM `@users` WHERE `id` = {id}");
            database.number(&select).await
        };
        let replica = database.another_store().await;
        let first = sign_up(store, "union1", None).await.id;
        let second = sign_up(&replica, "union2", None).await.id;
        let third = sign_up(store, "union3", None).await.id;
        let fourth = sign_up(&replica, "union4", None).await.id;
        // NocoBase moves a user to the front.
        database
            .run(&format!(
                "UPDATE `@users` SET `sort` = CASE WHEN `id` = {third} THEN 1 ELSE `sort` + 1 END WHERE `sort` <= 4"
            ))
            .await;
        let fifth = sign_up(store, "union5", None).await.id;
        let mut places = Vec::new();
        for user in [first, second, third, fourth, fifth] {
            places.push(place(user).await);
        }
        assert_eq!(places, [3, 4, 1, 5, 6]);

        // Somebody gives an old user another number: that is seen later.
        database.run("UPDATE `@users` SET `sort` = 100 WHERE `id` = 1").await;
        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let later = now() + TimeDelta::seconds(2);
        let sixth = linking.create_user(NewUser::default(), later).await.unwrap();
        linking.commit().await.unwrap();
        assert_eq!(place(sixth).await, 101);
    })
    .await;
}

#[tokio::test]
async fn a_linking_that_is_not_committed_leaves_nothing_and_lets_the_next_one_in() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;

        let mut linking = database.store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let user = linking.create_user(NewUser::default(), now()).await.unwrap();
        linking
            .link(user, "union1", json!({}), None, now())
            .await
            .unwrap();
        drop(linking);
        let next = database.store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        next.commit().await.unwrap();

        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 1);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                .await,
            0
        );
        assert!(database.store.begin_link("gone").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_phone_number_finds_its_users_with_what_speaks_against_linking_them() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        an_authenticator(store, "s_other").await;
        let linked = sign_up(store, "union1", Some("13900000001")).await;
        database
            .run("UPDATE `@users` SET `phone` = '+86-13900000001' WHERE `id` = 1")
            .await;

        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let both = linking
            .find_by_phone(&spellings(&["13900000001", "+86-13900000001"]))
            .await
            .unwrap();
        let none = linking
            .find_by_phone(&spellings(&["13900000002", "１３９00000001"]))
            .await
            .unwrap();
        let nothing = linking.find_by_phone(&[]).await.unwrap();
        drop(linking);
        let mut elsewhere = store.begin_link("s_other").await.unwrap().unwrap();
        let other = elsewhere
            .find_by_phone(&spellings(&["13900000001"]))
            .await
            .unwrap();

        let seen: Vec<_> = both
            .iter()
            .map(|found| (found.user.id, found.linked_subject.as_deref()))
            .collect();
        assert_eq!(seen, [(ROOT, None), (linked.id, Some("union1"))]);
        assert!(none.is_empty() && nothing.is_empty());
        assert_eq!(other.len(), 1);
        assert_eq!(other[0].linked_subject, None);
    })
    .await;
}

#[tokio::test]
async fn no_more_than_three_users_of_one_number_are_listed() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        let numbers = ["1", "2", "3", "4"];
        for number in numbers {
            sign_up(&database.store, number, Some(number)).await;
        }

        let mut linking = database.store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let found = linking.find_by_phone(&spellings(&numbers)).await.unwrap();

        assert_eq!(found.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_taken_phone_number_and_a_second_link_are_told_apart_from_faults() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let user = sign_up(store, "union1", Some("13900000001")).await;

        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let new = NewUser {
            nickname: None,
            phone: Some("13900000001".to_owned()),
        };
        let taken = linking.create_user(new, now()).await.unwrap_err();
        drop(linking);
        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let linked = linking
            .link(user.id, "union2", json!({}), None, now())
            .await
            .unwrap_err();

        assert!(
            matches!(taken, StoreError::Duplicate { field: "phone" }),
            "{taken:?}"
        );
        assert!(matches!(linked, StoreError::Duplicate { .. }), "{linked:?}");
    })
    .await;
}

/// Whether the user with this number may not be linked by it.
async fn is_administrator(store: &Store, phone: &str) -> bool {
    let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
    let found = linking.find_by_phone(&spellings(&[phone])).await.unwrap();
    assert_eq!(found.len(), 1);
    linking.is_administrator(&found[0]).await.unwrap()
}

const DEPARTMENTS: [&str; 3] = [
    "CREATE TABLE `@departments` (`id` BIGINT PRIMARY KEY, `parentId` BIGINT)",
    "CREATE TABLE `@departmentsUsers` (`departmentId` BIGINT NOT NULL, `userId` BIGINT NOT NULL)",
    "CREATE TABLE `@departmentsRoles` (`departmentId` BIGINT NOT NULL, `roleName` VARCHAR(255) NOT NULL)",
];

#[tokio::test]
async fn rights_by_role_are_not_given_away_by_phone() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let user = sign_up(store, "union1", Some("13900000001")).await.id;
        assert!(!is_administrator(store, "13900000001").await, "a member");
        for (snippets, expected) in [
            (r#"["pm"]"#, true),
            (r#"["!pm","pm.*"]"#, true),
            (r#"["ui.*","!pm.*"]"#, true),
            (r#"["pm.auth.authenticators"]"#, true),
            (r#"["!ui.*","!pm","!pm.*"]"#, false),
            (r"[]", false),
            (r#"{"a":1}"#, true),
        ] {
            database.run("DELETE FROM `@rolesUsers` WHERE `roleName` = 'builder'").await;
            database.run("DELETE FROM `@roles` WHERE `name` = 'builder'").await;
            database
                .run(&format!(
                    "INSERT INTO `@roles` (`name`, `title`, `snippets`, `createdAt`, `updatedAt`) \
                     VALUES ('builder', 'Builder', '{snippets}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
                ))
                .await;
            database
                .run(&format!(
                    "INSERT INTO `@rolesUsers` (`roleName`, `userId`, `createdAt`, `updatedAt`) \
                     VALUES ('builder', {user}, '2026-01-01 00:00:00', '2026-01-01 00:00:00')"
                ))
                .await;

            assert_eq!(is_administrator(store, "13900000001").await, expected, "{snippets}");
        }
        // A role whose row is gone may come back.
        database
            .run(&format!("UPDATE `@rolesUsers` SET `roleName` = 'Root' WHERE `userId` = {user} AND `roleName` = 'builder'"))
            .await;
        assert!(is_administrator(store, "13900000001").await, "by a name");
    })
    .await;
}

#[tokio::test]
async fn rights_by_a_department_or_one_above_it_are_not_given_away_by_phone() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let user = sign_up(store, "union1", Some("13900000001")).await.id;
        for table in DEPARTMENTS {
            database.run(table).await;
        }
        // A circle must not turn for ever.
        database
            .run("INSERT INTO `@departments` (`id`, `parentId`) VALUES (1, NULL), (2, 1), (3, 2), (4, 5), (5, 4), (6, NULL)")
            .await;
        let given = "INSERT INTO `@departmentsRoles` (`departmentId`, `roleName`) VALUES (1, 'admin'), (6, 'member'), (5, 'member')";
        database.run(given).await;

        for (department, expected) in [(None, false), (Some(6), false), (Some(4), false), (Some(1), true), (Some(3), true)] {
            database.run("DELETE FROM `@departmentsUsers`").await;
            if let Some(department) = department {
                database
                    .run(&format!("INSERT INTO `@departmentsUsers` (`departmentId`, `userId`) VALUES ({department}, {user})"))
                    .await;
            }
            assert_eq!(is_administrator(store, "13900000001").await, expected, "{department:?}");
        }
        // Half of the plugin's tables are no answer.
        database.run("DROP TABLE `@departmentsRoles`").await;
        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let found = linking.find_by_phone(&spellings(&["13900000001"])).await.unwrap();
        assert!(linking.is_administrator(&found[0]).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_link_to_nobody_is_seen_and_removed() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let kept = sign_up(store, "union1", None).await.id;
        let gone = sign_up(store, "union2", None).await.id;
        database.run(&format!("DELETE FROM `@users` WHERE `id` = {gone}")).await;

        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        assert_eq!(linking.find_link("union2").await.unwrap(), Some(Link::Dead));
        assert_eq!(linking.find_link("union3").await.unwrap(), None);
        for subject in ["union1", "union2"] {
            linking.remove_dead(subject).await.unwrap();
        }
        assert_eq!(linking.find_link("union2").await.unwrap(), None);
        assert!(matches!(linking.find_link("union1").await.unwrap(), Some(Link::To(linked)) if linked.user.id == kept));
        linking.commit().await.unwrap();

        let links = "SELECT COUNT(*) FROM `@usersAuthenticators`";
        assert_eq!(database.number(links).await, 1);
    })
    .await;
}

#[tokio::test]
async fn every_spelling_that_the_index_does_not_know_is_listed() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let plain = [
            "13900000001",
            "8613900000002",
            "+8613900000003",
            "+86-13900000004",
        ];
        let unusual = [
            "139 0000 0005",
            "13900000006 ",
            "+61-412345678",
            "１３９00000007",
            "0086139",
            "1390000000",
            "null",
        ];
        for phone in plain.iter().chain(&unusual) {
            sign_up(store, phone, Some(phone)).await;
        }

        let mut listed = store.users().unusual_phones().await.unwrap();

        listed.sort();
        let mut expected = spellings(&unusual);
        expected.sort();
        assert_eq!(listed, expected);
        assert_eq!(
            store.users().phones().await.unwrap().len(),
            plain.len() + unusual.len()
        );
    })
    .await;
}

#[tokio::test]
async fn whom_only_a_number_leads_to_are_neither_linked_nor_administrators() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        an_authenticator(store, "s_other").await;
        sign_up(store, "linked", None).await;
        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        for phone in [None, Some("13900000001")] {
            let new = NewUser {
                nickname: None,
                phone: phone.map(str::to_owned),
            };
            linking.create_user(new, now()).await.unwrap();
        }
        linking.commit().await.unwrap();

        let (mut phones, total) = store.users().phones_of_unlinked(&[AUTHENTICATOR]).await.unwrap();
        let (elsewhere, _) = store.users().phones_of_unlinked(&["s_other"]).await.unwrap();
        let (nowhere, _) = store.users().phones_of_unlinked(&[]).await.unwrap();

        phones.sort();
        assert_eq!(phones, [None, Some("13900000001".to_owned())]);
        assert_eq!(total, 4, "the administrator is a user, too");
        assert_eq!((elsewhere.len(), nowhere.len()), (3, 3));
    })
    .await;
}
