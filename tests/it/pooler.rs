//! PgBouncer before the database: a connection is whoever's it is lent to.

use std::sync::Arc;

use dingtalk_simulator::Person;
use futures_util::future::join_all;
use nocobase_dingtalk::causes::with_causes;
use nocobase_dingtalk::nocobase::{NewAuthenticator, Page, Store, StoreError};
use serde_json::json;

use crate::support::app::AUTHENTICATOR;
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::database::{Kind, TestDatabase, now, on};
use crate::support::pgbouncer::PgBouncer;

/// Many more than there are connections.
const PEOPLE: usize = 40;

async fn through(bouncer: &PgBouncer, database: &TestDatabase) -> Result<Store, StoreError> {
    Store::connect(&bouncer.settings(database), Arc::new(|_| ())).await
}

#[tokio::test]
async fn nobody_is_refused_or_becomes_another_behind_pgbouncer() {
    for (kind, mode) in [
        (Kind::Postgres, "transaction"),
        (Kind::PostgresRenamed, "transaction"),
        (Kind::Postgres, "session"),
    ] {
        on(kind, |database| async move {
            let bouncer = PgBouncer::start(&database, mode);
            let port = bouncer.port.to_string();
            // In a session each of ours has one of PgBouncer's for itself.
            let app = app_beside_nocobase(&database, &[("DB_PORT", &port), ("SIDECAR_DB_POOL", "3")]).await;
            assert!(app.store.is_pooled());
            for number in 0..PEOPLE {
                let mobile = format!("139001390{number:02}");
                let person = Person::employee(
                    &format!("p{number}"),
                    &format!("Person {number}"),
                    &format!("union{number}"),
                    &mobile,
                );
                app.dingtalk.add_person(person);
            }
            for round in 0..3 {
                let sign_ins = (0..PEOPLE).map(|number| {
                    let app = &app;
                    async move { app.browser().sign_in(&app.dingtalk, &format!("p{number}")).await }
                });

                for (number, answer) in join_all(sign_ins).await.iter().enumerate() {
                    assert_eq!(answer.status, 200, "{mode}, round {round}: {}", answer.text);
                    let phone = format!("139001390{number:02}");
                    assert_eq!(answer.json["data"]["user"]["phone"], phone, "{mode}");
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn behind_pgbouncer_everything_is_done_whole_or_not_at_all() {
    on(Kind::Postgres, |database| async move {
        let bouncer = PgBouncer::start(&database, "transaction");
        let store = through(&bouncer, &database).await.unwrap();
        let new = NewAuthenticator {
            name: AUTHENTICATOR.to_owned(),
            auth_type: "dingtalk".to_owned(),
            title: None,
            description: String::new(),
            options: json!({}),
            secrets: Vec::new(),
            enabled: true,
        };
        store.check_schema().await.unwrap();
        store.authenticators().create(new, now()).await.unwrap();

        let mut linking = store.begin_link(AUTHENTICATOR).await.unwrap().unwrap();
        let user = nocobase_dingtalk::nocobase::NewUser {
            nickname: Some("half".to_owned()),
            phone: None,
        };
        linking.create_user(user, now()).await.unwrap();
        drop(linking);

        assert_eq!(
            database
                .number("SELECT COUNT(*) FROM `@users` WHERE `nickname` = 'half'")
                .await,
            0
        );
        assert_eq!(store.links().page(None, None, Page::ALL).await.unwrap().count, 0);
    })
    .await;
}

#[tokio::test]
async fn a_pooler_that_keeps_no_transaction_together_is_refused_with_a_sentence() {
    on(Kind::Postgres, |database| async move {
        let bouncer = PgBouncer::start(&database, "statement");

        // On a machine that is too slow to find it out at once, the first statement does.
        let error = match through(&bouncer, &database).await {
            Ok(store) => store.check_schema().await.unwrap_err(),
            Err(error) => error,
        };

        assert!(matches!(error, StoreError::StatementPooling), "{error:?}");
        assert!(with_causes(&error).contains("pool_mode"), "{error}");
    })
    .await;
}

/// What a statement would be planned with, told by a view in the table's place.
const TELLS: &str = "json_build_object('seqscan', current_setting('enable_seqscan'))";

#[tokio::test]
async fn a_search_is_planned_as_the_server_likes_and_a_lookup_is_not() {
    on(Kind::Postgres, |database| async move {
        let bouncer = PgBouncer::start(&database, "transaction");
        let lent = through(&bouncer, &database).await.unwrap();
        for statement in [
            "ALTER TABLE `@users` RENAME TO `kept`".to_owned(),
            format!(
                "CREATE VIEW `@users` AS SELECT `id`, `nickname`, `username`, `email`, `phone`, `appLang`, \
                 `passwordChangeTz`, {TELLS} AS `systemSettings`, `createdById`, `updatedById`, `createdAt`, \
                 `updatedAt` FROM `kept`"
            ),
            "ALTER TABLE `@usersAuthenticators` RENAME TO `keptLinks`".to_owned(),
            format!(
                "CREATE VIEW `@usersAuthenticators` AS SELECT 'a'::text AS `authenticator`, `id` AS `userId`, \
                 'u'::text AS `uuid`, {TELLS} AS `meta`, now() AS `createdAt` FROM `kept`"
            ),
        ] {
            database.run(&statement).await;
        }

        for store in [&database.store, &lent] {
            let user = nocobase_dingtalk::nocobase::UserId(1);
            let looked_up = store.users().find(user).await.unwrap().unwrap();
            let searched = store.links().page(None, None, Page::ALL).await.unwrap();
            let again = store.users().find(user).await.unwrap().unwrap();

            assert_eq!(looked_up.system_settings, json!({ "seqscan": "off" }));
            assert_eq!(searched.rows[0].meta, json!({ "seqscan": "on" }));
            assert_eq!(again.system_settings, json!({ "seqscan": "off" }));
        }
    })
    .await;
}
