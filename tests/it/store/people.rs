//! Users: made as NocoBase makes them, found byte for byte, dated where NocoBase looks.

use super::*;

#[tokio::test]
async fn a_user_is_shown_in_nocobases_wire_form() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;

        let user = sign_up(&database.store, "union1", Some("13900000001")).await;

        let wire = serde_json::to_value(&user).unwrap();
        assert_eq!(
            wire,
            json!({
                "id": user.id, "nickname": "Nick union1", "username": null, "email": null, "phone": "13900000001",
                "appLang": null, "passwordChangeTz": null, "systemSettings": {}, "createdById": null,
                "updatedById": null, "createdAt": "2025-11-20T01:02:03.678Z", "updatedAt": "2025-11-20T01:02:03.678Z",
            })
        );
        assert_eq!(database.store.users().find(user.id).await.unwrap(), Some(user));
        assert_eq!(database.store.users().find(UserId(99)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_new_user_gets_the_default_role_the_next_place_and_null_where_nothing_is_known() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        let long = "钉".repeat(300);

        let mut linking = database.store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let new = NewUser {
            nickname: Some(long),
            phone: Some(String::new()),
        };
        let id = linking.create_user(new, now()).await.unwrap();
        linking
            .link(id, "union1", json!({"nick": "钉"}), None, now())
            .await
            .unwrap();
        linking.commit().await.unwrap();

        let user = database.store.users().find(id).await.unwrap().unwrap();
        assert_eq!(user.nickname.map(|nickname| nickname.chars().count()), Some(255));
        assert_eq!(user.phone, None);
        assert_eq!(
            database
                .number(&format!("SELECT `sort` FROM `@users` WHERE `id` = {id}"))
                .await,
            2
        );
        let roles = database.store.roles().of(id).await.unwrap();
        assert_eq!(
            roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(),
            ["member"]
        );
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@rolesUsers` WHERE `userId` = 2 AND `default` IS NULL")
                .await,
            1
        );
        assert_eq!(
            database
                .number(
                    "SELECT COUNT(*) FROM `@usersAuthenticators` WHERE `nickname` = '' AND `avatar` = '' \
                     AND `createdById` IS NULL"
                )
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn a_site_without_a_default_role_makes_no_user_at_all() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        database.run("UPDATE `@roles` SET `default` = FALSE").await;

        let mut linking = database.store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let error = linking.create_user(NewUser::default(), now()).await.unwrap_err();
        drop(linking);

        assert!(matches!(error, StoreError::NoDefaultRole), "{error:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 1);
    })
    .await;
}

#[tokio::test]
async fn times_are_stored_where_nocobase_looks_for_them() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        sign_up(&database.store, "union1", None).await;

        let stored = match database.kind {
            Kind::Sqlite => {
                assert_eq!(
                    database
                        .text("SELECT `createdAt` FROM `@usersAuthenticators`")
                        .await
                        .as_deref(),
                    Some("2025-11-20 01:02:03.678 +00:00")
                );
                now()
            }
            Kind::Postgres | Kind::PostgresRenamed => {
                let epoch =
                    "SELECT (EXTRACT(EPOCH FROM `createdAt`) * 1000)::bigint FROM `@usersAuthenticators`";
                DateTime::<Utc>::from_timestamp_millis(database.number(epoch).await).unwrap()
            }
            Kind::MariaDb => {
                let users = "SELECT CAST(`createdAt` AS CHAR) FROM `@users` WHERE `id` = 2";
                assert_eq!(
                    database.text(users).await.as_deref(),
                    Some("2025-11-20 09:02:03.678")
                );
                let links = "SELECT CAST(`createdAt` AS CHAR) FROM `@usersAuthenticators`";
                assert_eq!(database.text(links).await.as_deref(), Some("2025-11-20 09:02:03"));
                now()
            }
        };
        assert_eq!(stored, now());
        let bindings = database.store.links().page(None, None, Page::ALL).await.unwrap();
        let expected = if database.kind == Kind::MariaDb {
            now().trunc_subsecs(0)
        } else {
            now()
        };
        assert_eq!(bindings.rows[0].created_at, Some(expected));
    })
    .await;
}

#[tokio::test]
async fn subjects_that_differ_only_in_case_are_two_people() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;

        let upper = sign_up(&database.store, "CaseUNiEiE", None).await;
        let lower = sign_up(&database.store, "caseunieie", None).await;
        let padded = sign_up(&database.store, "caseunieie ", None).await;

        assert_eq!(HashSet::from([upper.id, lower.id, padded.id]).len(), 3);
        for (subject, user) in [
            ("CaseUNiEiE", upper.id),
            ("caseunieie", lower.id),
            ("caseunieie ", padded.id),
        ] {
            let found = database
                .store
                .links()
                .find_user(AUTHENTICATOR, subject)
                .await
                .unwrap();
            assert_eq!(found.map(|linked| linked.user.id), Some(user), "{subject}");
        }
        for (authenticator, subject) in [
            (AUTHENTICATOR, "CASEUNIEIE"),
            ("s_Ding", "CaseUNiEiE"),
            ("basic", "CaseUNiEiE"),
            (AUTHENTICATOR, ""),
        ] {
            let found = database
                .store
                .links()
                .find_user(authenticator, subject)
                .await
                .unwrap();
            assert_eq!(found, None, "{authenticator} {subject}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_is_a_user_name_or_an_address() {
    on_every_database(|database| async move {
        for account in ["nocobase", "admin@example.com"] {
            let (user, password) = database
                .store
                .users()
                .find_by_account(account)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(user.id, ROOT);
            assert_eq!(password, Some(PasswordHash("hash".to_owned())));
        }
        assert!(
            database
                .store
                .users()
                .find_by_account("Super Admin")
                .await
                .unwrap()
                .is_none()
        );
    })
    .await;
}

#[tokio::test]
async fn a_returning_sign_in_costs_one_statement_to_look_up_and_one_to_record() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        sign_up(&database.store, "union1", None).await;
        let entropy = Entropy::seeded(1);

        let before = database.statements();
        database
            .store
            .links()
            .find_user(AUTHENTICATOR, "union1")
            .await
            .unwrap();
        let looked_up = database.statements();
        database
            .store
            .issued_tokens()
            .issue(ROOT, &a_token(entropy.uuid(), entropy.uuid(), 1), now())
            .await
            .unwrap();

        assert_eq!(looked_up - before, 1);
        assert_eq!(database.statements() - looked_up, 1);
    })
    .await;
}
