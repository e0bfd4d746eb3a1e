//! NocoBase's tables through the store, the same cases on every database.

#[path = "support/database.rs"]
mod database;

use std::collections::HashSet;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::{
    AuthenticatorChanges, DatabaseSettings, IssuedToken, NewAuthenticator, NewUser, Page, PasswordHash,
    ServerDatabase, Store, StoreError, SubjectIndex, User, UserId,
};
use serde_json::json;

use database::{Kind, a_root_user, now, on, on_every_database};

const AUTHENTICATOR: &str = "s_ding";
const ROOT: UserId = UserId(1);

/// What a first sign-in does: find, else create and link.
async fn sign_up(store: &Store, subject: &str, phone: Option<&str>) -> User {
    let mut linking = store
        .begin_linking(AUTHENTICATOR)
        .await
        .unwrap()
        .expect("the authenticator is there");
    if let Some(user) = linking.find_user_by_subject(subject).await.unwrap() {
        return user;
    }
    let new = NewUser {
        nickname: Some(format!("Nick {subject}")),
        phone: phone.map(str::to_owned),
    };
    let user = linking.create_user(new, now()).await.unwrap();
    linking
        .link(
            user.id,
            subject,
            json!({"matched": "signUp"}),
            Some("Nick"),
            now(),
        )
        .await
        .unwrap();
    linking.commit().await.unwrap();
    user
}

async fn an_authenticator(store: &Store, name: &str) -> i64 {
    let new = NewAuthenticator {
        name: name.to_owned(),
        auth_type: "dingtalk".to_owned(),
        title: Some("DingTalk".to_owned()),
        description: String::new(),
        options: json!({"public": {"autoSignup": true}, "clientId": "ding"}),
        enabled: true,
    };
    store.create_authenticator(new, now()).await.unwrap().id
}

fn spellings(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| (*number).to_owned()).collect()
}

fn a_token(id: uuid::Uuid, jti: uuid::Uuid, signed_in_at_ms: i64) -> IssuedToken {
    IssuedToken {
        id,
        jti,
        issued_at_ms: signed_in_at_ms,
        signed_in_at_ms,
        user_id: ROOT,
        authenticator: AUTHENTICATOR.to_owned(),
    }
}

#[tokio::test]
async fn the_shape_that_nocobase_makes_is_recognised() {
    on_every_database(|database| async move {
        database.store.ping().await.unwrap();
        database.store.verify_shape().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_missing_column_and_a_missing_table_are_named() {
    on_every_database(|database| async move {
        let renamed = database.kind == Kind::PostgresRenamed;

        database.run("ALTER TABLE `@issuedTokens` DROP COLUMN `signInTime`").await;
        let error = database.store.verify_shape().await.unwrap_err();
        let (wanted_table, wanted_column) =
            if renamed { ("nb_issued_tokens", "sign_in_time") } else { ("issuedTokens", "signInTime") };
        assert!(
            matches!(&error, StoreError::ShapeUnknown { table, column } if table == wanted_table && column == wanted_column),
            "{error:?}"
        );

        database.run("DROP TABLE `@users`").await;
        let error = database.store.verify_shape().await.unwrap_err();
        let wanted = if renamed { "nb_users" } else { "users" };
        assert!(matches!(&error, StoreError::TablesMissing { table } if table == wanted), "{error:?}");
        let error = database.store.find_user(ROOT).await.unwrap_err();
        assert!(matches!(&error, StoreError::TablesMissing { table } if table.contains(wanted)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn the_embedded_database_is_made_once_and_is_private() {
    on(Kind::Sqlite, |database| async move {
        assert!(
            !database
                .store
                .create_embedded(&a_root_user(), "de-DE", now())
                .await
                .unwrap()
        );

        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 1);
        let settings = database.store.system_settings().await.unwrap();
        assert_eq!(settings["appLang"], "en-US");
        assert_eq!(settings["enabledLanguages"].as_array().unwrap().len(), 7);
        let roles = database.store.roles_of(ROOT).await.unwrap();
        assert_eq!(
            roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(),
            ["admin", "member", "root"]
        );
        let DatabaseSettings::Sqlite { path } = &database.settings else {
            panic!("SQLite is a file")
        };
        #[cfg(unix)]
        for file in [path.clone(), path.with_extension("sqlite-wal")] {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{}", file.display());
        }
    })
    .await;
}

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
        assert_eq!(database.store.find_user(user.id).await.unwrap(), Some(user));
        assert_eq!(database.store.find_user(UserId(99)).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_new_user_gets_the_default_role_the_next_place_and_null_where_nothing_is_known() {
    on_every_database(|database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        let long = "钉".repeat(300);

        let mut linking = database
            .store
            .begin_linking(AUTHENTICATOR)
            .await
            .unwrap()
            .unwrap();
        let new = NewUser {
            nickname: Some(long),
            phone: Some(String::new()),
        };
        let user = linking.create_user(new, now()).await.unwrap();
        linking
            .link(user.id, "union1", json!({"nick": "钉"}), None, now())
            .await
            .unwrap();
        linking.commit().await.unwrap();

        assert_eq!(user.nickname.map(|nickname| nickname.chars().count()), Some(255));
        assert_eq!(user.phone, None);
        let id = user.id;
        assert_eq!(
            database
                .number(&format!("SELECT `sort` FROM `@users` WHERE `id` = {id}"))
                .await,
            2
        );
        let roles = database.store.roles_of(id).await.unwrap();
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

        let mut linking = database
            .store
            .begin_linking(AUTHENTICATOR)
            .await
            .unwrap()
            .unwrap();
        let error = linking.create_user(NewUser::default(), now()).await.unwrap_err();
        drop(linking);

        assert!(
            matches!(
                error,
                StoreError::BadRow {
                    table: "roles",
                    column: "default"
                }
            ),
            "{error:?}"
        );
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
        let bindings = database.store.bindings(None, None, Page::ALL).await.unwrap();
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
                .find_user_by_subject(AUTHENTICATOR, subject)
                .await
                .unwrap();
            assert_eq!(found.map(|user| user.id), Some(user), "{subject}");
        }
        for (authenticator, subject) in [
            (AUTHENTICATOR, "CASEUNIEIE"),
            ("s_Ding", "CaseUNiEiE"),
            ("basic", "CaseUNiEiE"),
            (AUTHENTICATOR, ""),
        ] {
            let found = database
                .store
                .find_user_by_subject(authenticator, subject)
                .await
                .unwrap();
            assert_eq!(found, None, "{authenticator} {subject}");
        }
    })
    .await;
}

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
            .link(user.id, "union1", json!({}), None, now())
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

#[tokio::test]
async fn an_account_is_a_user_name_or_an_address() {
    on_every_database(|database| async move {
        for account in ["nocobase", "admin@example.com"] {
            let (user, password) = database
                .store
                .find_user_by_account(account)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(user.id, ROOT);
            assert_eq!(password, Some(PasswordHash("hash".to_owned())));
        }
        assert!(
            database
                .store
                .find_user_by_account("Super Admin")
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
            .find_user_by_subject(AUTHENTICATOR, "union1")
            .await
            .unwrap();
        let looked_up = database.statements();
        database
            .store
            .issue_token(a_token(entropy.uuid(), entropy.uuid(), 1), now())
            .await
            .unwrap();

        assert_eq!(looked_up - before, 1);
        assert_eq!(database.statements() - looked_up, 1);
    })
    .await;
}

#[tokio::test]
async fn issued_tokens_are_recorded_once_renewed_once_and_forgotten() {
    on_every_database(|database| async move {
        let store = &database.store;
        let entropy = Entropy::seeded(2);
        let (id, first, second) = (entropy.uuid(), entropy.uuid(), entropy.uuid());

        store.issue_token(a_token(id, first, 1000), now()).await.unwrap();
        let again = store
            .issue_token(a_token(id, entropy.uuid(), 2000), now())
            .await
            .unwrap_err();
        let renewed = store.renew_token(first, second, now()).await.unwrap();
        let late = store.renew_token(first, entropy.uuid(), now()).await.unwrap();

        assert!(
            matches!(again, StoreError::Duplicate { field: "id" }),
            "{again:?}"
        );
        assert!(renewed && !late);
        assert_eq!(
            database.number("SELECT `issuedTime` FROM `@issuedTokens`").await,
            now().timestamp_millis()
        );
        store.delete_sign_ins_before(ROOT, 1000).await.unwrap();
        assert_eq!(database.number("SELECT COUNT(*) FROM `@issuedTokens`").await, 1);
        store.delete_sign_ins_before(ROOT, 1001).await.unwrap();
        assert_eq!(database.number("SELECT COUNT(*) FROM `@issuedTokens`").await, 0);
    })
    .await;
}

#[tokio::test]
async fn blocked_tokens_stay_blocked_and_the_policy_is_read() {
    on_every_database(|database| async move {
        let store = &database.store;

        store
            .block_token("jti-A", now() + TimeDelta::days(1), now())
            .await
            .unwrap();

        assert!(store.is_blocked("jti-A").await.unwrap());
        assert!(!store.is_blocked("jti-a").await.unwrap());
        assert_eq!(
            store.token_policy().await.unwrap().unwrap()["sessionExpirationTime"],
            "7d"
        );
        database.run("DELETE FROM `@tokenControlConfig`").await;
        assert_eq!(store.token_policy().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn authenticators_are_made_found_changed_and_listed() {
    on_every_database(|database| async move {
        let store = &database.store;
        let id = an_authenticator(store, AUTHENTICATOR).await;
        let again = NewAuthenticator {
            name: AUTHENTICATOR.to_owned(),
            auth_type: "dingtalk".to_owned(),
            title: None,
            description: String::new(),
            options: json!({}),
            enabled: false,
        };

        let taken = store.create_authenticator(again, now()).await.unwrap_err();
        let changes = AuthenticatorChanges {
            title: Some(None),
            options: Some(json!({"b": 1, "a": "ä"})),
            enabled: Some(false),
            ..AuthenticatorChanges::default()
        };
        let changed = store
            .update_authenticator(id, changes, now())
            .await
            .unwrap()
            .unwrap();

        assert!(
            matches!(taken, StoreError::Duplicate { field: "name" }),
            "{taken:?}"
        );
        assert_eq!(
            (changed.title.as_deref(), changed.enabled, changed.sort),
            (None, false, Some(2))
        );
        assert_eq!(changed.options, json!({"b": 1, "a": "ä"}));
        assert_eq!(changed.auth_type, "dingtalk");
        assert_eq!(
            store.find_authenticator(AUTHENTICATOR).await.unwrap(),
            Some(changed.clone())
        );
        assert_eq!(store.find_authenticator_by_id(id).await.unwrap(), Some(changed));
        assert_eq!(store.find_authenticator("S_DING").await.unwrap(), None);
        let enabled = store.enabled_authenticators().await.unwrap();
        assert_eq!(
            enabled.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["basic"]
        );
        let page = store
            .authenticators(Page {
                page: 2,
                page_size: 1,
            })
            .await
            .unwrap();
        assert_eq!(
            (page.rows[0].name.as_str(), page.rows.len(), page.count),
            (AUTHENTICATOR, 1, 2)
        );
    })
    .await;
}

#[tokio::test]
async fn one_authenticator_always_stays_enabled() {
    on_every_database(|database| async move {
        let store = &database.store;
        let basic = store.find_authenticator("basic").await.unwrap().unwrap().id;
        let title = || AuthenticatorChanges {
            title: Some(Some("P".to_owned())),
            ..AuthenticatorChanges::default()
        };

        let partial = store
            .update_authenticator(basic, title(), now())
            .await
            .unwrap_err();
        let full = AuthenticatorChanges {
            enabled: Some(true),
            ..title()
        };
        store
            .update_authenticator(basic, full, now())
            .await
            .unwrap()
            .unwrap();
        let last = store.destroy_authenticators(&[basic]).await.unwrap_err();
        let other = an_authenticator(store, AUTHENTICATOR).await;
        sign_up(store, "union1", None).await;
        let both = store.destroy_authenticators(&[basic, other]).await.unwrap_err();
        let destroyed = store.destroy_authenticators(&[other, 99]).await.unwrap();
        let gone = store
            .update_authenticator(other, AuthenticatorChanges::default(), now())
            .await
            .unwrap();

        assert!(matches!(partial, StoreError::LastEnabled), "{partial:?}");
        assert!(matches!(last, StoreError::LastEnabled), "{last:?}");
        assert!(matches!(both, StoreError::LastEnabled), "{both:?}");
        assert_eq!((destroyed, gone), (1, None));
        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@usersAuthenticators`")
                .await,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn moving_an_authenticator_shifts_those_between() {
    on_every_database(|database| async move {
        let store = &database.store;
        let mut ids = vec![1];
        for name in ["b", "c", "d"] {
            ids.push(an_authenticator(store, name).await);
        }
        let order = || async {
            let all = store.authenticators(Page::ALL).await.unwrap();
            all.rows
                .into_iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
                .join(" ")
        };

        assert!(store.move_authenticator(ids[3], ids[1]).await.unwrap());
        assert_eq!(order().await, "basic d b c");
        assert!(store.move_authenticator(ids[0], ids[2]).await.unwrap());
        assert_eq!(order().await, "d b c basic");
        assert!(!store.move_authenticator(ids[0], 99).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn links_are_listed_searched_masked_and_removed() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let first = sign_up(store, "unionId-000000-A", Some("13900000001")).await;
        sign_up(store, "100%", None).await;
        let search = |text: &'static str| async move {
            store
                .bindings(Some(AUTHENTICATOR), Some(text), Page::ALL)
                .await
                .unwrap()
                .count
        };

        let all = store
            .bindings(
                Some(AUTHENTICATOR),
                None,
                Page {
                    page: 1,
                    page_size: 1,
                },
            )
            .await
            .unwrap();
        assert_eq!((all.count, all.rows.len()), (2, 1));
        assert_eq!(search("NICK unionid").await, 1);
        assert_eq!(search("139").await, 1);
        assert_eq!(search("100%").await, 1);
        assert_eq!(search("%").await, 1);
        assert_eq!(search("_").await, 0);
        let found = store
            .bindings(None, Some("139"), Page::ALL)
            .await
            .unwrap()
            .rows
            .remove(0);
        assert_eq!(
            (found.user_id, found.subject_masked.as_str()),
            (first.id, "uni***0-A")
        );
        assert_eq!(found.meta, json!({"matched": "signUp"}));

        assert!(store.unlink(AUTHENTICATOR, first.id).await.unwrap());
        assert!(!store.unlink(AUTHENTICATOR, first.id).await.unwrap());
        assert_eq!(
            store
                .find_user_by_subject(AUTHENTICATOR, "unionId-000000-A")
                .await
                .unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn the_subject_index_is_made_where_names_compare_by_bytes() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        sign_up(store, "CaseUNiEiE", None).await;
        sign_up(store, "caseunieie", None).await;

        let made = store.ensure_subject_index().await.unwrap();
        let found = store.ensure_subject_index().await.unwrap();

        if database.kind == Kind::MariaDb {
            assert_eq!((made, found), (SubjectIndex::NotUsed, SubjectIndex::NotUsed));
            return;
        }
        assert_eq!((made, found), (SubjectIndex::Created, SubjectIndex::Present));
        let mut linking = store.begin_linking(AUTHENTICATOR).await.unwrap().unwrap();
        let error = linking
            .link(ROOT, "caseunieie", json!({}), None, now())
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Duplicate { field: "uuid" }),
            "{error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn two_users_of_one_subject_prevent_the_index_and_are_named_as_the_reason() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let first = sign_up(store, "union1", None).await;
        sign_up(store, "union2", None).await;
        database
            .run("UPDATE `@usersAuthenticators` SET `uuid` = 'union1'")
            .await;

        let outcome = store.ensure_subject_index().await;
        let found = store.find_user_by_subject(AUTHENTICATOR, "union1").await.unwrap();

        match outcome {
            Err(StoreError::SubjectsNotUnique) => assert_ne!(database.kind, Kind::MariaDb),
            other => assert_eq!(
                (database.kind, other.unwrap()),
                (Kind::MariaDb, SubjectIndex::NotUsed)
            ),
        }
        assert_eq!(found.map(|user| user.id), Some(first.id));
    })
    .await;
}

#[tokio::test]
async fn plugins_settings_language_and_variables_are_read_and_written() {
    on_every_database(|database| async move {
        let store = &database.store;
        let name = "nocobase-plugin-auth-dingtalk";

        assert_eq!(store.find_plugin(name).await.unwrap(), None);
        store
            .set_plugin_enabled(name, name, "0.1.0", true, now())
            .await
            .unwrap();
        store
            .set_plugin_enabled(name, name, "0.2.0", false, now())
            .await
            .unwrap();
        let plugin = store.find_plugin(name).await.unwrap().unwrap();
        assert_eq!(
            (plugin.enabled, plugin.installed, plugin.version.as_deref()),
            (false, true, Some("0.2.0"))
        );

        assert_eq!(store.system_settings().await.unwrap()["id"], 1);
        database.run("DELETE FROM `@systemSettings`").await;
        assert!(store.system_settings().await.unwrap().is_null());

        store.set_user_language(ROOT, "hi-IN", now()).await.unwrap();
        assert_eq!(
            store.find_user(ROOT).await.unwrap().unwrap().app_lang.as_deref(),
            Some("hi-IN")
        );

        database
            .run(
                "INSERT INTO `@environmentVariables` (`name`, `type`, `value`, `createdAt`, `updatedAt`) \
                 VALUES ('S', 'secret', '00', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            )
            .await;
        let variables = store.environment_variables().await.unwrap();
        assert_eq!(
            (
                variables[0].name.as_str(),
                variables[0].secret,
                variables[0].value.as_str()
            ),
            ("S", true, "00")
        );
        database.run("DROP TABLE `@environmentVariables`").await;
        assert!(store.environment_variables().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_restarted_server_is_not_noticed_by_who_signs_in() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            let user = sign_up(store, "union1", None).await;

            database.cut_connections().await;
            let found = store.find_user_by_subject(AUTHENTICATOR, "union1").await.unwrap();
            database.cut_connections().await;
            let linking = store.begin_linking(AUTHENTICATOR).await.unwrap();

            assert_eq!(found.map(|user| user.id), Some(user.id));
            assert!(linking.is_some());
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_refuses_us_is_never_taken_for_absence() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let DatabaseSettings::Server(server) = &database.settings else {
                panic!("a server was asked for")
            };
            let closed = std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let away = DatabaseSettings::Server(ServerDatabase {
                port: closed,
                ..server.clone()
            });
            let unknown = DatabaseSettings::Server(ServerDatabase {
                database: "nbdt_nowhere".to_owned(),
                ..server.clone()
            });
            let observer = || std::sync::Arc::new(|_: &_| ());

            let away = Store::connect(&away, observer()).await.unwrap();
            let unknown = Store::connect(&unknown, observer()).await.unwrap();

            let error = away.find_user(ROOT).await.unwrap_err();
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
            let error = unknown.ping().await.unwrap_err();
            assert!(matches!(error, StoreError::AccessDenied(_)), "{error:?}");
        })
        .await;
    }
}
