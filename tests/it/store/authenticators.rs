//! The list of authenticators and its guard.

use super::*;

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
            secrets: Vec::new(),
            enabled: false,
        };

        let taken = store.authenticators().create(again, now()).await.unwrap_err();
        let changes = AuthenticatorChanges {
            title: Some(None),
            options: Some(json!({"b": 1, "a": "ä"})),
            enabled: Some(false),
            ..AuthenticatorChanges::default()
        };
        let after = store
            .authenticators()
            .update(id, changes, now())
            .await
            .unwrap()
            .unwrap();

        assert!(
            matches!(taken, StoreError::Duplicate { field: "name" }),
            "{taken:?}"
        );
        assert_eq!(
            (after.title.as_deref(), after.enabled, after.sort),
            (None, false, Some(2))
        );
        assert_eq!(after.options, json!({"b": 1, "a": "ä"}));
        assert_eq!(after.auth_type, "dingtalk");
        assert_eq!(
            store.authenticators().find(AUTHENTICATOR).await.unwrap(),
            Some(after.clone())
        );
        assert_eq!(store.authenticators().find_by_id(id).await.unwrap(), Some(after));
        assert_eq!(store.authenticators().find("S_DING").await.unwrap(), None);
        let enabled = store.authenticators().enabled().await.unwrap();
        assert_eq!(
            enabled.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
            ["basic"]
        );
        let page = store
            .authenticators()
            .page(Page {
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
        let basic = store.authenticators().find("basic").await.unwrap().unwrap().id;
        let title = || AuthenticatorChanges {
            title: Some(Some("P".to_owned())),
            ..AuthenticatorChanges::default()
        };

        let partial = store
            .authenticators()
            .update(basic, title(), now())
            .await
            .unwrap_err();
        let full = AuthenticatorChanges {
            enabled: Some(true),
            ..title()
        };
        store
            .authenticators()
            .update(basic, full, now())
            .await
            .unwrap()
            .unwrap();
        let last = store.authenticators().destroy(&[basic]).await.unwrap_err();
        let other = an_authenticator(store, AUTHENTICATOR).await;
        sign_up(store, "union1", None).await;
        let both = store.authenticators().destroy(&[basic, other]).await.unwrap_err();
        let destroyed = store.authenticators().destroy(&[other, 99]).await.unwrap();
        let gone = store
            .authenticators()
            .update(other, AuthenticatorChanges::default(), now())
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
            let all = store.authenticators().page(Page::ALL).await.unwrap();
            all.rows
                .into_iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
                .join(" ")
        };

        assert!(store.authenticators().move_to(ids[3], ids[1]).await.unwrap());
        assert_eq!(order().await, "basic d b c");
        assert!(store.authenticators().move_to(ids[0], ids[2]).await.unwrap());
        assert_eq!(order().await, "d b c basic");
        assert!(!store.authenticators().move_to(ids[0], 99).await.unwrap());
    })
    .await;
}
