//! Links as administrators see them.

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
