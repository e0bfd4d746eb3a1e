//! Sign-ins in one statement: what a linking and a session write, or nothing at all.

use super::*;

const POSTGRES: [Kind; 2] = [Kind::Postgres, Kind::PostgresRenamed];

fn a_newcomer<'a>(subject: &'a str, phone: &str, phone_spellings: &'a [String]) -> SignUp<'a> {
    SignUp {
        subject,
        user: NewUser {
            nickname: Some(format!("Nick {subject}")),
            phone: Some(phone.to_owned()),
        },
        phone_spellings,
        meta: a_note(),
    }
}

async fn at_once(store: &Store, subject: &str, phone: &str) -> Option<LinkedUser> {
    let spellings = spellings(&[phone, &format!("+86-{phone}")]);
    let newcomer = a_newcomer(subject, phone, &spellings);
    store.sign_up(&newcomer, &a_session(), now()).await.unwrap()
}

fn a_session() -> IssuedToken {
    let entropy = Entropy::secure();
    a_token(entropy.uuid(), entropy.uuid(), 1000)
}

/// How many users, roles of users, links and sessions there are.
async fn people(database: &database::TestDatabase) -> [i64; 4] {
    let mut counts = [0; 4];
    let tables = ["users", "rolesUsers", "usersAuthenticators", "issuedTokens"];
    for (count, table) in counts.iter_mut().zip(tables) {
        *count = database.number(&format!("SELECT COUNT(*) FROM `@{table}`")).await;
    }
    counts
}

#[tokio::test]
async fn only_a_database_that_keeps_subjects_apart_signs_in_at_once() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        sign_up(store, "union1", None).await;
        let before = people(&database).await;

        assert!(!store.signs_in_at_once(), "no index is known");
        let known = store
            .sign_in("union1", &a_source(), &a_session(), now())
            .await
            .unwrap();
        assert_eq!(
            (known, at_once(store, "union2", "13900000002").await),
            (None, None)
        );
        assert_eq!(people(&database).await, before);
        store.ensure_subject_index().await.unwrap();
        let known = store
            .sign_in("union1", &a_source(), &a_session(), now())
            .await
            .unwrap();
        let made = at_once(store, "union2", "13900000002").await;

        let expected = POSTGRES.contains(&database.kind);
        assert_eq!(store.signs_in_at_once(), expected);
        assert_eq!((known.is_some(), made.is_some()), (expected, expected));
    })
    .await;
}

#[tokio::test]
async fn who_is_known_is_found_and_given_a_session_once() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            an_authenticator(store, "s_other").await;
            store.ensure_subject_index().await.unwrap();
            let user = sign_up(store, "union1", Some("13900000001")).await;
            let session = a_session();
            let statements = database.statements();

            let found = store.sign_in("union1", &a_source(), &session, now()).await.unwrap().unwrap();

            assert_eq!(database.statements() - statements, 1);
            let linked = store.links().find_user(AUTHENTICATOR, "union1").await.unwrap();
            assert_eq!(linked.as_ref(), Some(&found));
            assert_eq!((&found.user, found.role.as_deref()), (&user, Some("member")));
            let recorded = format!(
                "SELECT COUNT(*) FROM `@issuedTokens` WHERE `id` = '{}' AND `jti` = '{}' AND `issuedTime` = 1000 \
                 AND `signInTime` = 1000 AND `userId` = {} AND `authenticator` = '{AUTHENTICATOR}' \
                 AND (EXTRACT(EPOCH FROM `createdAt`) * 1000)::bigint = {} AND `updatedAt` = `createdAt`",
                session.id,
                session.jti,
                user.id,
                now().timestamp_millis()
            );
            assert_eq!(database.number(&recorded).await, 1);
            let again = store.sign_in("union1", &a_source(), &session, now()).await.unwrap_err();
            assert!(matches!(again, StoreError::Duplicate { field: "id" }), "{again:?}");
            let elsewhere = IssuedToken {
                authenticator: "s_other".to_owned(),
                ..a_session()
            };
            for (subject, session) in [("union2", a_session()), ("UNION1", a_session()), ("union1", elsewhere)] {
                let unknown = store.sign_in(subject, &a_source(), &session, now()).await.unwrap();
                assert_eq!(unknown, None, "{subject}");
            }
            assert_eq!(people(&database).await, [2, 4, 1, 1]);
        })
        .await;
    }
}

#[tokio::test]
async fn the_preferred_role_is_found_at_once_as_it_is_otherwise() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            store.ensure_subject_index().await.unwrap();
            let user = at_once(store, "union1", "13900000001").await.unwrap().user.id;
            let add = |role: &str, default: &str| {
                format!(
                    "INSERT INTO `@rolesUsers` (`roleName`, `userId`, `default`, `createdAt`, `updatedAt`) \
                     VALUES ('{role}', {user}, {default}, NOW(), NOW())"
                )
            };
            for (change, role) in [
                (add("zoo", "NULL"), Some("member")),
                (add("admin", "FALSE"), Some("admin")),
                (add("last", "TRUE"), Some("last")),
                ("DELETE FROM `@rolesUsers`".to_owned(), None),
            ] {
                database.run(&change).await;
                let otherwise = store
                    .links()
                    .find_user(AUTHENTICATOR, "union1")
                    .await
                    .unwrap()
                    .unwrap();
                let found = store
                    .sign_in("union1", &a_source(), &a_session(), now())
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!((found.role.as_deref(), &found), (role, &otherwise));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_link_that_notes_another_source_is_not_found_at_once() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            store.ensure_subject_index().await.unwrap();
            at_once(store, "union1", "13900000001").await.unwrap();
            let ours = a_source();
            let others = [
                LinkSource {
                    kind: SubjectKind::UserId,
                    ..ours.clone()
                },
                LinkSource {
                    client_id: "other".to_owned(),
                    ..ours.clone()
                },
                LinkSource {
                    corp_id: Some("corp".to_owned()),
                    ..ours.clone()
                },
            ];
            let before = people(&database).await;

            for other in others {
                let found = store
                    .sign_in("union1", &other, &a_session(), now())
                    .await
                    .unwrap();
                assert_eq!(found, None, "{other:?}");
            }
            for older in ["'{}'", "NULL", "'7'", r#"'{"matchedBy":"phone"}'"#] {
                database
                    .run(&format!("UPDATE `@usersAuthenticators` SET `meta` = {older}"))
                    .await;
                let found = store.sign_in("union1", &ours, &a_session(), now()).await.unwrap();
                assert_eq!(found, None, "{older}");
            }

            assert_eq!(people(&database).await, before);
        })
        .await;
    }
}

#[tokio::test]
async fn who_signs_up_at_once_is_as_others_are() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            store.ensure_subject_index().await.unwrap();
            let linked = sign_up(store, "union1", Some("13900000001")).await;

            let made = at_once(store, "union2", "13900000002").await.unwrap();

            assert_eq!(made.role.as_deref(), Some("member"));
            let wire = |user: &User| {
                let mut wire = serde_json::to_value(user).unwrap();
                for own in ["id", "nickname", "phone"] {
                    wire[own] = json!(null);
                }
                wire
            };
            assert_eq!(wire(&made.user), wire(&linked));
            assert_eq!(made.user.nickname.as_deref(), Some("Nick union2"));
            assert_eq!(made.user.phone.as_deref(), Some("13900000002"));
            for (found, subject) in [(&made.user, "union2"), (&linked, "union1")] {
                let again = store.links().find_user(AUTHENTICATOR, subject).await.unwrap().unwrap();
                assert_eq!((&again.user, again.role.as_deref()), (found, Some("member")));
                assert_eq!(store.users().find(found.id).await.unwrap().as_ref(), Some(found));
            }
            let same = "SELECT COUNT(DISTINCT (`avatar`, `meta`::text, `createdAt`, `updatedAt`, `createdById`)) \
                        FROM `@usersAuthenticators`";
            assert_eq!(database.number(same).await, 1);
            let roles = "SELECT COUNT(DISTINCT (`roleName`, `default`, `createdAt`, `updatedAt`)) \
                         FROM `@rolesUsers` WHERE `userId` <> 1";
            assert_eq!(database.number(roles).await, 1);
        })
        .await;
    }
}

#[tokio::test]
async fn whatever_stands_in_the_way_leaves_everything_as_it_was() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            store.ensure_subject_index().await.unwrap();
            at_once(store, "union1", "13900000001").await.unwrap();
            database
                .run("UPDATE `@users` SET `phone` = '+86-13900000009' WHERE `id` = 1")
                .await;
            let before = people(&database).await;

            let linked = at_once(store, "union1", "13900000002").await;
            assert_eq!(linked, None, "the subject is linked");
            let taken = at_once(store, "union2", "13900000001").await;
            assert_eq!(taken, None, "somebody has the number");
            let spelt = at_once(store, "union2", "13900000009").await;
            assert_eq!(spelt, None, "somebody has the number in another spelling");
            let numbers = spellings(&["13900000002"]);
            let newcomer = a_newcomer("union2", "13900000002", &numbers);
            let session = IssuedToken {
                authenticator: "gone".to_owned(),
                ..a_session()
            };
            let gone = store.sign_up(&newcomer, &session, now()).await.unwrap();
            assert_eq!(gone, None, "the authenticator is gone");
            database.run("UPDATE `@roles` SET `default` = FALSE").await;
            let without = at_once(store, "union2", "13900000002").await;
            assert_eq!(without, None, "there is no default role");

            assert_eq!(people(&database).await, before);
        })
        .await;
    }
}

#[tokio::test]
async fn without_its_index_nobody_is_signed_up_at_once_any_more() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            store.ensure_subject_index().await.unwrap();
            let name = "SELECT quote_ident(schemaname) || '.' || quote_ident(indexname) FROM pg_indexes \
                        WHERE indexname LIKE '%authenticator_uuid_unique'";
            let index = database.text(name).await.unwrap();
            database.run(&format!("DROP INDEX {index}")).await;
            let before = people(&database).await;

            assert_eq!(at_once(store, "union1", "13900000001").await, None);
            assert_eq!(people(&database).await, before);
        })
        .await;
    }
}

/// Fifty newcomers at the same moment, in two processes; how many of them became users.
async fn fifty(database: &database::TestDatabase, subject: impl Fn(usize) -> String) -> usize {
    an_authenticator(&database.store, AUTHENTICATOR).await;
    let stores = [database.store.clone(), database.another_store().await];
    for store in &stores {
        store.ensure_subject_index().await.unwrap();
    }
    let sign_ups = (0..50).map(|index| {
        let (store, subject) = (stores[index % 2].clone(), subject(index));
        tokio::spawn(async move { at_once(&store, &subject, &format!("139000000{index:02}")).await })
    });
    let mut made = 0;
    for sign_up in sign_ups.collect::<Vec<_>>() {
        made += usize::from(sign_up.await.unwrap().is_some());
    }
    made
}

#[tokio::test]
async fn fifty_first_sign_ins_at_once_of_one_person_make_one_user() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            // Only the subject is the same, so that nothing else keeps them apart.
            let made = fifty(&database, |_| "union1".to_owned()).await;

            assert_eq!(made, 1);
            assert_eq!(people(&database).await, [2, 4, 1, 1]);
        })
        .await;
    }
}

#[tokio::test]
async fn fifty_people_who_sign_up_at_once_all_get_places_of_their_own() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            let made = fifty(&database, |index| format!("union{index}")).await;

            assert_eq!(made, 50);
            // One more, as everybody else makes them.
            let last = sign_up(&database.store, "last", None).await;

            let places = database
                .number("SELECT COUNT(DISTINCT `sort`) FROM `@users`")
                .await;
            assert_eq!(places, 52);
            let greatest = "SELECT `id` FROM `@users` ORDER BY `sort` DESC LIMIT 1";
            assert_eq!(database.number(greatest).await, last.id.0);
        })
        .await;
    }
}

#[tokio::test]
async fn links_are_found_by_their_index_however_few_there_were_at_first() {
    for kind in POSTGRES {
        on(kind, |database| async move {
            an_authenticator(&database.store, AUTHENTICATOR).await;
            let store = database.another_store().await;
            store.ensure_subject_index().await.unwrap();
            sign_up(&store, "union1", None).await;
            // Now PostgreSQL knows that reading the whole table is quickest.
            database.run("ANALYZE `@usersAuthenticators`").await;
            let links = "'`@usersAuthenticators`'::regclass";
            let scans = format!("SELECT pg_stat_get_numscans({links})");
            // What made the two indexes read the whole table; PostgreSQL counts a while after it was done.
            drop(store);
            while database.number(&scans).await < 2 {}

            let store = database.another_store().await;
            store.ensure_subject_index().await.unwrap();
            for index in 10..20 {
                let (subject, phone) = (format!("union{index}"), format!("139000000{index}"));
                at_once(&store, &subject, &phone).await.unwrap();
                store
                    .sign_in(&subject, &a_source(), &a_session(), now())
                    .await
                    .unwrap()
                    .unwrap();
            }

            drop(store);
            let made = format!("SELECT pg_stat_get_tuples_inserted({links})");
            while database.number(&made).await < 11 {}
            assert_eq!(database.number(&scans).await, 2);
        })
        .await;
    }
}
