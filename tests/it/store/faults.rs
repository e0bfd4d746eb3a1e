//! A database that restarts, is away, never answers, or refuses.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use chrono::FixedOffset;
use nocobase_dingtalk::nocobase::{
    DatabaseSettings, ServerDatabase, ServerDialect, SslSettings, Store, StoreError,
};
use sea_orm::{ConnectionTrait as _, Database};

use super::database::{Kind, on};
use super::{AUTHENTICATOR, ROOT, an_authenticator, sign_up};

fn a_server(dialect: ServerDialect, port: u16) -> ServerDatabase {
    ServerDatabase {
        dialect,
        host: "127.0.0.1".to_owned(),
        port,
        socket: None,
        database: "nocobase".to_owned(),
        user: "nocobase".to_owned(),
        password: "pa55".into(),
        schema: None,
        table_prefix: String::new(),
        underscored: false,
        timezone: FixedOffset::east_opt(0).unwrap(),
        ssl: SslSettings::default(),
        pool_max: 5,
    }
}

async fn connect(server: ServerDatabase) -> Store {
    Store::connect(&DatabaseSettings::Server(server), std::sync::Arc::new(|_| ()))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_soon_reported_and_never_taken_for_absence() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let closed_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let started = Instant::now();

    let cases = [ServerDialect::Postgres, ServerDialect::MariaDb]
        .into_iter()
        .flat_map(|dialect| {
            [closed_port, silent_port].map(|port| {
                tokio::spawn(async move { connect(a_server(dialect, port)).await.users().find(ROOT).await })
            })
        });
    for case in cases.collect::<Vec<_>>() {
        let error = case.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(!format!("{error:?}").contains("pa55"));
    }

    assert!(started.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_restarted_server_is_not_noticed_by_who_signs_in() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let store = &database.store;
            an_authenticator(store, AUTHENTICATOR).await;
            let user = sign_up(store, "union1", None).await;

            database.cut_connections().await;
            let found = store.links().find_user(AUTHENTICATOR, "union1").await.unwrap();
            database.cut_connections().await;
            let linking = store.begin_link(AUTHENTICATOR).await.unwrap();

            assert_eq!(found.map(|linked| linked.user.id), Some(user.id));
            assert!(linking.is_some());
        })
        .await;
    }
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_a_matter_of_settings() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        on(kind, |database| async move {
            let DatabaseSettings::Server(server) = &database.settings else {
                panic!("a server was asked for")
            };

            let store = connect(ServerDatabase {
                database: "nbdt_nowhere".to_owned(),
                ..server.clone()
            })
            .await;

            let error = store.ping().await.unwrap_err();
            assert!(matches!(error, StoreError::AccessDenied(_)), "{error:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_password_opens_the_database_and_a_wrong_one_is_a_matter_of_settings() {
    on(Kind::MariaDb, |database| async move {
        let DatabaseSettings::Server(server) = &database.settings else {
            panic!("a server was asked for")
        };
        let name = &server.database;
        let account = format!("'{}'@'127.0.0.1'", &name[..20]);
        for statement in [
            format!("CREATE USER {account} IDENTIFIED BY 'pa55'"),
            format!("GRANT ALL ON {name}.* TO {account}"),
        ] {
            database.run(&statement).await;
        }
        let as_user = |password: &str| ServerDatabase {
            user: name[..20].to_owned(),
            password: password.into(),
            ..server.clone()
        };

        let right = connect(as_user("pa55")).await.ping().await;
        let wrong = connect(as_user("pa56")).await.ping().await;
        database.run(&format!("DROP USER {account}")).await;

        right.unwrap();
        let error = wrong.unwrap_err();
        assert!(matches!(error, StoreError::AccessDenied(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nocobase.sqlite");
    std::fs::write(
        &path,
        "not a database, but long enough to have a header of its own".repeat(20),
    )
    .unwrap();
    let below_a_file = path.join("nocobase.sqlite");

    for path in [path, below_a_file] {
        let outcome = Store::connect(&DatabaseSettings::Sqlite { path }, std::sync::Arc::new(|_| ())).await;
        assert!(outcome.is_err());
    }
}

#[tokio::test]
async fn readers_go_on_while_someone_else_writes_the_embedded_database() {
    on(Kind::Sqlite, |database| async move {
        an_authenticator(&database.store, AUTHENTICATOR).await;
        let DatabaseSettings::Sqlite { path } = &database.settings else {
            panic!("SQLite is a file")
        };
        let writer = Database::connect(format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        writer.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();

        let found = database.store.users().find(ROOT).await.unwrap();
        let busy = database.store.begin_link(AUTHENTICATOR).await.unwrap_err();
        writer.execute_unprepared("ROLLBACK").await.unwrap();

        assert!(found.is_some());
        assert!(matches!(busy, StoreError::Busy), "{busy:?}");
    })
    .await;
}
