//! Issued and blocked tokens.

use super::*;

#[tokio::test]
async fn issued_tokens_are_recorded_once_renewed_once_and_forgotten() {
    on_every_database(|database| async move {
        let store = &database.store;
        let entropy = Entropy::seeded(2);
        let (id, first, second) = (entropy.uuid(), entropy.uuid(), entropy.uuid());

        store.issue_token(a_token(id, first, 1000), now()).await.unwrap();
        let again = store
            .issue_token(a_token(id, entropy.uuid(), 2000), now())
            .await
            .unwrap_err();
        let renewed = store.renew_token(first, second, now()).await.unwrap();
        let late = store.renew_token(first, entropy.uuid(), now()).await.unwrap();

        assert!(
            matches!(again, StoreError::Duplicate { field: "id" }),
            "{again:?}"
        );
        assert!(renewed && !late);
        assert_eq!(
            database.number("SELECT `issuedTime` FROM `@issuedTokens`").await,
            now().timestamp_millis()
        );
        store.delete_sign_ins_before(ROOT, 1000).await.unwrap();
        assert_eq!(database.number("SELECT COUNT(*) FROM `@issuedTokens`").await, 1);
        store.delete_sign_ins_before(ROOT, 1001).await.unwrap();
        assert_eq!(database.number("SELECT COUNT(*) FROM `@issuedTokens`").await, 0);
    })
    .await;
}

#[tokio::test]
async fn blocked_tokens_stay_blocked_and_the_policy_is_read() {
    on_every_database(|database| async move {
        let store = &database.store;

        store
            .block_token("jti-A", now() + TimeDelta::days(1), now())
            .await
            .unwrap();

        assert!(store.is_blocked("jti-A").await.unwrap());
        assert!(!store.is_blocked("jti-a").await.unwrap());
        assert_eq!(
            store.token_policy().await.unwrap().unwrap()["sessionExpirationTime"],
            "7d"
        );
        database.run("DELETE FROM `@tokenControlConfig`").await;
        assert_eq!(store.token_policy().await.unwrap(), None);
    })
    .await;
}
