//! Issued and blocked tokens.

use super::*;

#[tokio::test]
async fn issued_tokens_are_recorded_once_and_renewed_once() {
    on_every_database(|database| async move {
        let store = &database.store;
        let entropy = Entropy::seeded(2);
        let (id, first, second) = (entropy.uuid(), entropy.uuid(), entropy.uuid());

        store
            .issued_tokens()
            .issue(ROOT, &a_token(id, first, 1000), now())
            .await
            .unwrap();
        let again = store
            .issued_tokens()
            .issue(ROOT, &a_token(id, entropy.uuid(), 2000), now())
            .await
            .unwrap_err();
        let renewed = store.issued_tokens().renew(first, second, now()).await.unwrap();
        let late = store
            .issued_tokens()
            .renew(first, entropy.uuid(), now())
            .await
            .unwrap();

        assert!(
            matches!(again, StoreError::Duplicate { field: "id" }),
            "{again:?}"
        );
        assert!(renewed && !late);
        assert_eq!(
            database.number("SELECT `issuedTime` FROM `@issuedTokens`").await,
            now().timestamp_millis()
        );
    })
    .await;
}

#[tokio::test]
async fn ended_sessions_of_several_users_are_deleted_at_once_and_nobody_elses() {
    on_every_database(|database| async move {
        let store = &database.store;
        let entropy = Entropy::seeded(3);
        let other = UserId(ROOT.0 + 1);
        let third = UserId(ROOT.0 + 2);
        for (user_id, signed_in_at_ms) in [(ROOT, 999), (ROOT, 1000), (other, 999), (third, 999)] {
            let token = a_token(entropy.uuid(), entropy.uuid(), signed_in_at_ms);
            store.issued_tokens().issue(user_id, &token, now()).await.unwrap();
        }

        store
            .issued_tokens()
            .delete_sign_ins_before(&[ROOT, other].into(), 1000)
            .await
            .unwrap();

        let left = |condition: &str| format!("SELECT COUNT(*) FROM `@issuedTokens` WHERE {condition}");
        assert_eq!(database.number(&left("1 = 1")).await, 2);
        assert_eq!(
            database
                .number(&left(&format!("`userId` = {ROOT} AND `signInTime` = 1000")))
                .await,
            1
        );
        assert_eq!(database.number(&left(&format!("`userId` = {third}"))).await, 1);
    })
    .await;
}

#[tokio::test]
async fn blocked_tokens_stay_blocked_and_the_policy_is_read() {
    on_every_database(|database| async move {
        let store = &database.store;

        store
            .issued_tokens()
            .block("jti-A", now() + TimeDelta::days(1), now())
            .await
            .unwrap();

        assert!(store.issued_tokens().is_blocked("jti-A").await.unwrap());
        assert!(!store.issued_tokens().is_blocked("jti-a").await.unwrap());
        assert_eq!(
            store.issued_tokens().policy().await.unwrap().unwrap()["sessionExpirationTime"],
            "7d"
        );
        database.run("DELETE FROM `@tokenControlConfig`").await;
        assert_eq!(store.issued_tokens().policy().await.unwrap(), None);
    })
    .await;
}
