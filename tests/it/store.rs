//! NocoBase's tables through the store, the same cases on every database.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test cannot set up, it reports by failing"
)]

mod authenticators;
mod directory;
mod faults;
mod link_transaction;
mod links;
mod new_people;
mod one_statement;
mod own_directory;
mod people;
mod rights;
mod schema;
mod sessions;
mod system;

use std::collections::HashSet;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::nocobase::{
    AuthenticatorChanges, DatabaseSettings, IssuedToken, Link, LinkSource, LinkedUser, NewAuthenticator,
    NewUser, Page, PasswordHash, SignUp, Store, StoreError, SubjectIndex, SubjectKind, User, UserId,
};
use serde_json::json;

use crate::support::database::{self, Kind, a_root_user, now, on, on_every_database};

const AUTHENTICATOR: &str = "s_ding";
const ROOT: UserId = UserId(1);

/// What a first sign-in does: find, else create and link.
async fn sign_up(store: &Store, subject: &str, phone: Option<&str>) -> User {
    let mut linking = store
        .begin_link(AUTHENTICATOR)
        .await
        .unwrap()
        .expect("the authenticator is there");
    if let Some(Link::To(linked)) = linking.find_link(subject).await.unwrap() {
        return linked.user;
    }
    let new = NewUser {
        nickname: Some(format!("Nick {subject}")),
        phone: phone.map(str::to_owned),
    };
    let user = linking.create_user(new, now()).await.unwrap();
    linking
        .link(user, subject, a_note(), Some("Nick"), now())
        .await
        .unwrap();
    let Some(Link::To(linked)) = linking.find_link(subject).await.unwrap() else {
        panic!("just linked");
    };
    linking.commit().await.unwrap();
    linked.user
}

fn a_source() -> LinkSource {
    LinkSource {
        kind: SubjectKind::UnionId,
        client_id: "ding".to_owned(),
        corp_id: None,
    }
}

/// What a link of that source notes.
fn a_note() -> serde_json::Value {
    a_source().noted_in(&json!({"matchedBy": "signUp"}))
}

async fn an_authenticator(store: &Store, name: &str) -> i64 {
    let new = NewAuthenticator {
        name: name.to_owned(),
        auth_type: "dingtalk".to_owned(),
        title: Some("DingTalk".to_owned()),
        description: String::new(),
        options: json!({"public": {"autoSignup": true}, "clientId": "ding"}),
        secrets: Vec::new(),
        enabled: true,
    };
    store.authenticators().create(new, now()).await.unwrap().id
}

fn spellings(numbers: &[&str]) -> Vec<String> {
    numbers.iter().map(|number| (*number).to_owned()).collect()
}

fn a_token(id: uuid::Uuid, jti: uuid::Uuid, signed_in_at_ms: i64) -> IssuedToken {
    IssuedToken {
        id,
        jti,
        issued_at_ms: signed_in_at_ms,
        signed_in_at_ms,
        authenticator: AUTHENTICATOR.to_owned(),
    }
}
