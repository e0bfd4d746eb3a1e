//! Plugins, settings, variables.

use super::*;

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
