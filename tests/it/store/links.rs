//! Links as administrators see them.

use std::time::Duration;

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
async fn removals_of_one_users_links_take_turns() {
    on_every_database(|database| async move {
        let store = &database.store;
        an_authenticator(store, AUTHENTICATOR).await;
        an_authenticator(store, "s_second").await;
        let user = sign_up(store, "union1", Some("13900000001")).await.id;
        database
            .run(&format!(
                "INSERT INTO `@usersAuthenticators` (`authenticator`, `userId`, `uuid`, `createdAt`, `updatedAt`)
                 SELECT 's_second', {user}, `uuid`, `createdAt`, `updatedAt` FROM `@usersAuthenticators`"
            ))
            .await;

        let first = store.begin_unlink(user).await.unwrap();
        let other_process = database.another_store().await;
        let mut second =
            tokio::spawn(async move { other_process.begin_unlink(user).await.unwrap().links().len() });
        let is_waiting = tokio::time::timeout(Duration::from_millis(300), &mut second)
            .await
            .is_err();
        let links = first.links().len();
        let was_removed = first.remove(AUTHENTICATOR).await.unwrap();

        assert!(is_waiting, "looked at links that another removal may take");
        assert!(was_removed && links == 2);
        assert_eq!(second.await.unwrap(), 1);
    })
    .await;
}
