//! The older API: what an app asks of its own organization, with its own credential.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::answer;
use super::app_token::AppAccessToken;
use super::call::Call;
use super::client::DingTalk;
use super::credentials::Credentials;
use super::error::{DingTalkError, ErrorKind};
use super::identity::{ClientUser, DingTalkUserId, Member, UnionId};
use super::raw_answer::RawAnswer;

impl DingTalk {
    /// The app's own credential, from memory while it is good.
    pub async fn app_access_token(&self, credentials: &Credentials) -> Result<AppAccessToken, DingTalkError> {
        let url = &self.inner.addresses.app_access_token;
        let request = || {
            self.inner.http.post(url.clone()).json(&json!({
                "appKey": credentials.client_id,
                "appSecret": credentials.client_secret.expose_secret(),
            }))
        };
        let fetch = self.call(
            Call::AppAccessToken,
            credentials,
            request,
            answer::app_access_token,
        );
        self.inner.tokens.get(credentials, fetch).await
    }

    /// The id of a member of the app's organization; `None` for anybody else, an external contact too.
    pub async fn find_user_id(
        &self,
        credentials: &Credentials,
        union_id: &UnionId,
    ) -> Result<Option<DingTalkUserId>, DingTalkError> {
        let question = Question {
            call: Call::UserIdByUnionId,
            address: &self.inner.addresses.user_id_by_union_id,
            body: Some(json!({ "unionid": union_id.as_str() })),
        };
        self.ask(credentials, &question, answer::user_id).await
    }

    /// Who is signed in in the client that gave this code to a page. After an error that
    /// [was processed](DingTalkError::was_not_processed), the code is to be taken for used.
    pub async fn redeem_in_client(
        &self,
        credentials: &Credentials,
        code: &SecretString,
    ) -> Result<ClientUser, DingTalkError> {
        let question = Question {
            call: Call::UserInfo,
            address: &self.inner.addresses.user_info,
            body: Some(json!({ "code": code.expose_secret() })),
        };
        self.ask(credentials, &question, answer::client_user).await
    }

    /// The directory's entry of a member; `None` for somebody who is none any more.
    pub async fn find_member(
        &self,
        credentials: &Credentials,
        user_id: &DingTalkUserId,
    ) -> Result<Option<Member>, DingTalkError> {
        let question = Question {
            call: Call::UserDetails,
            address: &self.inner.addresses.user_details,
            body: Some(json!({ "userid": user_id.as_str() })),
        };
        self.ask(credentials, &question, answer::member).await
    }

    /// The ids of the departments that a member belongs to, with all those above them; `None` for somebody who is none any
    /// more.
    pub async fn departments_of(
        &self,
        credentials: &Credentials,
        user_id: &DingTalkUserId,
    ) -> Result<Option<BTreeSet<i64>>, DingTalkError> {
        let question = Question {
            call: Call::DepartmentsOfUser,
            address: &self.inner.addresses.departments_of_user,
            body: Some(json!({ "userid": user_id.as_str() })),
        };
        self.ask(credentials, &question, answer::departments).await
    }

    pub(super) async fn ask<T>(
        &self,
        credentials: &Credentials,
        question: &Question<'_>,
        understand: impl Fn(&RawAnswer) -> Result<T, DingTalkError>,
    ) -> Result<T, DingTalkError> {
        let token = self.app_access_token(credentials).await?;
        match self.ask_with(credentials, &token, question, &understand).await {
            // Revoked or outlived at DingTalk before its time; a second refusal is for an administrator.
            Err(DingTalkError {
                kind: ErrorKind::TokenRejected,
                ..
            }) => {
                self.inner.tokens.forget(credentials, &token).await;
                let token = self.app_access_token(credentials).await?;
                self.ask_with(credentials, &token, question, &understand).await
            }
            answered => answered,
        }
    }

    async fn ask_with<T>(
        &self,
        credentials: &Credentials,
        token: &AppAccessToken,
        question: &Question<'_>,
        understand: impl Fn(&RawAnswer) -> Result<T, DingTalkError>,
    ) -> Result<T, DingTalkError> {
        let mut url = question.address.clone();
        url.query_pairs_mut()
            .append_pair("access_token", token.token.expose_secret());
        let request = || match &question.body {
            Some(body) => self.inner.http.post(url.clone()).json(body),
            None => self.inner.http.get(url.clone()),
        };
        self.call(question.call, credentials, request, understand).await
    }
}

/// What is asked, in a body or by the address alone; no `Debug`, since it may hold a code.
pub(super) struct Question<'a> {
    pub(super) call: Call,
    pub(super) address: &'a Url,
    pub(super) body: Option<Value>,
}
