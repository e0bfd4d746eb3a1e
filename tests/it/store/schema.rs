//! The tables themselves: recognised, made, indexed.

use super::*;

#[tokio::test]
async fn the_shape_that_nocobase_makes_is_recognised() {
    on_every_database(|database| async move {
        database.store.ping().await.unwrap();
        database.store.check_schema().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_missing_column_and_a_missing_table_are_named() {
    on_every_database(|database| async move {
        let renamed = database.kind == Kind::PostgresRenamed;

        database.run("ALTER TABLE `@issuedTokens` DROP COLUMN `signInTime`").await;
        let error = database.store.check_schema().await.unwrap_err();
        let (wanted_table, wanted_column) =
            if renamed { ("nb_issued_tokens", "sign_in_time") } else { ("issuedTokens", "signInTime") };
        assert!(
            matches!(&error, StoreError::ShapeUnknown { table, column } if table == wanted_table && column == wanted_column),
            "{error:?}"
        );

        database.run("DROP TABLE `@users`").await;
        let error = database.store.check_schema().await.unwrap_err();
        let wanted = if renamed { "nb_users" } else { "users" };
        assert!(matches!(&error, StoreError::TablesMissing { table } if table == wanted), "{error:?}");
        let error = database.store.users().find(ROOT).await.unwrap_err();
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
                .create_embedded(Some(&a_root_user()), "de-DE", now())
                .await
                .unwrap()
        );

        assert_eq!(database.number("SELECT COUNT(*) FROM `@users`").await, 1);
        let settings = database.store.system().settings().await.unwrap();
        assert_eq!(settings["appLang"], "en-US");
        assert_eq!(settings["enabledLanguages"].as_array().unwrap().len(), 7);
        let roles = database.store.roles().of(ROOT).await.unwrap();
        assert_eq!(
            roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(),
            ["root", "admin", "member"]
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
async fn the_subject_index_is_made_where_names_compare_by_bytes() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        sign_up(store, "CaseUNiEiE", None).await;
        sign_up(store, "caseunieie", None).await;

        let made = store.ensure_subject_index().await.unwrap();
        let found = store.ensure_subject_index().await.unwrap();

        if database.kind == Kind::MariaDb {
            assert_eq!((made, found), (SubjectIndex::CreatedPlain, SubjectIndex::Plain));
            return;
        }
        assert_eq!((made, found), (SubjectIndex::Created, SubjectIndex::Present));
        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
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
        let found = store.links().find_user(AUTHENTICATOR, "union1").await.unwrap();

        match outcome {
            Err(StoreError::SubjectsNotUnique) => assert_ne!(database.kind, Kind::MariaDb),
            other => assert_eq!(
                (database.kind, other.unwrap()),
                (Kind::MariaDb, SubjectIndex::CreatedPlain)
            ),
        }
        assert_eq!(found.map(|linked| linked.user.id), Some(first.id));
    })
    .await;
}
