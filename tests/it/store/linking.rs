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
        let mut linking = store.begin_linking(AUTHENTICATOR).await.unwrap().unwrap();
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

        let mut linking = database
            .store
            .begin_linking(AUTHENTICATOR)
            .await
            .unwrap()
            .unwrap();
        let user = linking.create_user(NewUser::default(), now()).await.unwrap();
        linking
            .link(user, "union1", json!({}), None, now())
            .await
            .unwrap();
        drop(linking);
        let next = database
            .store
            .begin_linking(AUTHENTICATOR)
            .await
            .unwrap()
            .unwrap();
        next.commit().await.unwrap();

        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 1);
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                .await,
            0
        );
        assert!(database.store.begin_linking("gone").await.unwrap().is_none());
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

        let mut linking = store.begin_linking(AUTHENTICATOR).await.unwrap().unwrap();
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
        let mut elsewhere = store.begin_linking("s_other").await.unwrap().unwrap();
        let other = elsewhere
            .find_by_phone(&spellings(&["13900000001"]))
            .await
            .unwrap();

        assert_eq!(both.len(), 2);
        assert_eq!(
            (
                both[0].user.id,
                both[0].is_administrator,
                both[0].linked_subject.as_deref()
            ),
            (ROOT, true, None)
        );
        assert_eq!(
            (
                both[1].user.id,
                both[1].is_administrator,
                both[1].linked_subject.as_deref()
            ),
            (linked.id, false, Some("union1"))
        );
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

        let mut linking = database
            .store
            .begin_linking(AUTHENTICATOR)
            .await
            .unwrap()
            .unwrap();
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

        let mut linking = store.begin_linking(AUTHENTICATOR).await.unwrap().unwrap();
        let new = NewUser {
            nickname: None,
            phone: Some("13900000001".to_owned()),
        };
        let taken = linking.create_user(new, now()).await.unwrap_err();
        drop(linking);
        let mut linking = store.begin_linking(AUTHENTICATOR).await.unwrap().unwrap();
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
