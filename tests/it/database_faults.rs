//! A database that is away, full, takes no changes or is locked: a clear refusal, nothing half-written, and people sign
//! in again as soon as it is mended. The servers' cases run where there are servers.

use dingtalk_simulator::CallKind;
use nocobase_dingtalk::nocobase::{DatabaseSettings, ServerDatabase};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::browser::{Answer, Browser, refusal};
use crate::support::database::{Kind, TestDatabase, on};
use crate::support::tcp_proxy::{Closed, TcpProxy};

const KNOWN: &str = "li-lei";
const STRANGER: &str = "han-meimei";

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(
        answer.stable(),
        refusal(
            "DATABASE_UNAVAILABLE",
            "The database is not available. Try again in a moment."
        )
    );
}

async fn sign_in(app: &TestApp, person: &str) -> Answer {
    app.browser().sign_in(&app.dingtalk, person).await
}

/// What a sign-in writes, in one look.
async fn rows_of(database: &TestDatabase) -> [i64; 4] {
    let mut rows = [0; 4];
    let tables = ["users", "rolesUsers", "usersAuthenticators", "issuedTokens"];
    for (count, table) in rows.iter_mut().zip(tables) {
        *count = database.number(&format!("SELECT COUNT(*) FROM `@{table}`")).await;
    }
    rows
}

/// The flow begins and returns while all is well, so that what fails is the sign-in itself.
async fn refused_when(app: &TestApp, person: &str, breaks: impl Future<Output = ()>) -> (Answer, Browser) {
    let mut browser = app.browser();
    let handle = browser.return_from_dingtalk(&app.dingtalk, person).await;
    breaks.await;
    let answer = browser.complete(AUTHENTICATOR, &handle).await;
    (answer, browser)
}

#[tokio::test]
async fn a_server_that_is_gone_refuses_everyone_and_is_ready_again_at_once() {
    let cases = [Kind::Postgres, Kind::MariaDb].map(|kind| {
        on(kind, |database| async move {
            let mut proxy = TcpProxy::new();
            let address = proxy.url();
            let (_, port) = address.rsplit_once(':').unwrap();
            let server = server_of(&database);
            let server_url = format!("http://{}:{}", server.host, server.port);
            proxy.admit(usize::MAX, &server_url, Closed::Refused).await;
            let app = app_beside_nocobase(&database, &[("DB_HOST", "127.0.0.1"), ("DB_PORT", port)]).await;
            assert_eq!(sign_in(&app, KNOWN).await.status, 200);
            let rows = rows_of(&database).await;
            let redeemed = app.dingtalk.calls(CallKind::UserAccessToken);

            let (answer, browser) = refused_when(&app, STRANGER, async {
                proxy.admit(0, &server_url, Closed::Refused).await;
                database.cut_connections().await;
            })
            .await;
            let [mut a, mut b, mut c] = [(); 3].map(|()| app.browser());
            let (ready, healthy, alive) = tokio::join!(
                a.visit("/readyz"),
                b.visit("/api/__health_check"),
                c.visit("/healthz")
            );

            assert_unavailable(&answer);
            assert!(browser.jar.is_empty(), "the code was used, so the flow is over");
            assert_eq!(app.dingtalk.calls(CallKind::UserAccessToken), redeemed + 1);
            assert_eq!([ready.status, healthy.status, alive.status], [503, 503, 200]);
            assert_eq!(ready.text, "the database does not answer");
            proxy.admit(usize::MAX, &server_url, Closed::Refused).await;
            assert_eq!(app.browser().visit("/readyz").await.status, 200);
            assert_eq!(rows_of(&database).await, rows);
            assert_eq!(sign_in(&app, STRANGER).await.status, 200);
            assert_eq!(rows_of(&database).await, rows.map(|count| count + 1));
        })
    });
    futures_util::future::join_all(cases).await;
}

fn server_of(database: &TestDatabase) -> &ServerDatabase {
    let DatabaseSettings::Server(server) = &database.settings else {
        panic!("a server was asked for")
    };
    server
}

#[tokio::test]
async fn a_server_that_takes_no_changes_signs_nobody_in_until_it_does() {
    on(Kind::Postgres, |database| async move {
        let app = app_beside_nocobase(&database, &[]).await;
        assert_eq!(sign_in(&app, KNOWN).await.status, 200);
        let rows = rows_of(&database).await;

        for person in [KNOWN, STRANGER] {
            let (answer, browser) = refused_when(&app, person, read_only(&database, "on")).await;

            assert_unavailable(&answer);
            assert!(browser.jar.is_empty());
            assert_eq!(rows_of(&database).await, rows, "{person}");
            read_only(&database, "off").await;
        }
        assert_eq!(sign_in(&app, STRANGER).await.status, 200);
        assert_eq!(rows_of(&database).await, rows.map(|count| count + 1));
    })
    .await;
}

/// Holds for connections that are made from now on.
async fn read_only(database: &TestDatabase, state: &str) {
    let name = &server_of(database).database;
    database
        .run_on_server(&format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {state}"
        ))
        .await;
    database.cut_connections().await;
}

#[tokio::test]
async fn a_full_table_of_a_server_gives_no_session_until_there_is_space() {
    on(Kind::MariaDb, |database| async move {
        let app = app_beside_nocobase(&database, &[]).await;
        assert_eq!(sign_in(&app, KNOWN).await.status, 200);
        // In memory a table has a size of its own, and error 1114 is the one that a full disk gives.
        database
            .run("SET max_heap_table_size = 16384; ALTER TABLE `@issuedTokens` ENGINE = MEMORY")
            .await;
        while database
            .try_run(
                "INSERT INTO `@issuedTokens` SELECT UUID(), 1, UUID(), 1, 1, 'other', NOW(), NOW() FROM `@users`",
            )
            .await
        {}
        let rows = rows_of(&database).await;

        let answer = sign_in(&app, KNOWN).await;

        assert_unavailable(&answer);
        let names: Vec<String> = answer.set_cookies().iter().map(|cookie| cookie[..5].to_owned()).collect();
        assert_eq!(names, ["nbdt_"], "no cookie of a session");
        assert_eq!(rows_of(&database).await, rows);
        database
            .run("DELETE FROM `@issuedTokens` WHERE `authenticator` = 'other'")
            .await;
        assert_eq!(sign_in(&app, KNOWN).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_full_embedded_database_signs_nobody_up_and_leaves_nothing() {
    let app = TestApp::start().await;
    assert_eq!(sign_in(&app, KNOWN).await.status, 200);
    let rows = app.rows().await;
    // SQLite says that it is full (error 13) also when the numbers for rows are used up.
    app.run("UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'users'")
        .await;

    let answer = sign_in(&app, STRANGER).await;

    assert_unavailable(&answer);
    assert_eq!(app.rows().await, rows);
    assert_eq!(
        sign_in(&app, KNOWN).await.status,
        200,
        "who is known needs no row there"
    );
    app.run("UPDATE sqlite_sequence SET seq = 100 WHERE name = 'users'")
        .await;
    assert_eq!(sign_in(&app, STRANGER).await.status, 200);
}

#[tokio::test]
async fn a_locked_embedded_database_gives_no_session_and_stays_readable() {
    let app = TestApp::start().await;
    assert_eq!(sign_in(&app, KNOWN).await.status, 200);
    let rows = app.rows().await;
    let transaction = app.tables().await.begin().await.unwrap();
    transaction
        .execute_unprepared("UPDATE users SET sort = sort")
        .await
        .unwrap();

    let (answer, ready) = tokio::join!(sign_in(&app, KNOWN), async {
        app.browser().visit("/readyz").await
    });

    assert_unavailable(&answer);
    assert_eq!(ready.status, 200, "the database answers");
    transaction.rollback().await.unwrap();
    assert_eq!(app.rows().await, rows);
    assert_eq!(sign_in(&app, KNOWN).await.status, 200);
}
