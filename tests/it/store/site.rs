//! Links as administrators see them, plugins, settings, variables.

use super::*;

#[tokio::test]
async fn links_are_listed_searched_masked_and_removed() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        let first = sign_up(store, "unionId-000000-A", Some("13900000001")).await;
        sign_up(store, "100%", None).await;
        let search = |text: &'static str| async move {
            store
                .links()
                .page(Some(AUTHENTICATOR), Some(text), Page::ALL)
                .await
                .unwrap()
                .count
        };

        let all = store
            .links()
            .page(
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
            .links()
            .page(None, Some("139"), Page::ALL)
            .await
            .unwrap()
            .rows
            .remove(0);
        assert_eq!(
            (found.user_id, found.subject_masked.as_str()),
            (first.id, "uni***0-A")
        );
        assert_eq!(found.meta, a_note());

        assert!(store.links().remove(AUTHENTICATOR, first.id).await.unwrap());
        assert!(!store.links().remove(AUTHENTICATOR, first.id).await.unwrap());
        assert_eq!(
            store
                .links()
                .find_user(AUTHENTICATOR, "unionId-000000-A")
                .await
                .unwrap(),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn plugins_settings_language_and_variables_are_read_and_written() {
    on_every_database(|database| async move {
        let store = &database.store;
        let name = "nocobase-plugin-auth-dingtalk";

        assert_eq!(store.system().plugin(name).await.unwrap(), None);
        store
            .system()
            .set_plugin_enabled(name, name, "0.1.0", true, now())
            .await
            .unwrap();
        store
            .system()
            .set_plugin_enabled(name, name, "0.2.0", false, now())
            .await
            .unwrap();
        let plugin = store.system().plugin(name).await.unwrap().unwrap();
        assert_eq!(
            (plugin.enabled, plugin.installed, plugin.version.as_deref()),
            (false, true, Some("0.2.0"))
        );

        assert_eq!(store.system().settings().await.unwrap()["id"], 1);
        database.run("DELETE FROM `@systemSettings`").await;
        assert!(store.system().settings().await.unwrap().is_null());

        database.run("UPDATE `@users` SET `appLang` = 'hi-IN'").await;
        assert_eq!(
            store
                .users()
                .find(ROOT)
                .await
                .unwrap()
                .unwrap()
                .app_lang
                .as_deref(),
            Some("hi-IN")
        );

        database
            .run(
                "INSERT INTO `@environmentVariables` (`name`, `type`, `value`, `createdAt`, `updatedAt`) \
                 VALUES ('S', 'secret', '00', '2026-01-01 00:00:00', '2026-01-01 00:00:00')",
            )
            .await;
        let variables = store.system().environment_variables().await.unwrap();
        assert_eq!(
            (
                variables[0].name.as_str(),
                variables[0].secret,
                variables[0].value.as_str()
            ),
            ("S", true, "00")
        );
        database.run("DROP TABLE `@environmentVariables`").await;
        assert!(store.system().environment_variables().await.unwrap().is_empty());
    })
    .await;
}
