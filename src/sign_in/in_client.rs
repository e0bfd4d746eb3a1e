//! Signing in inside DingTalk: its client gives the page a code, and one call says who is signed in there.
//!
//! No start cookie is asked for, because WebViews lose cookies. What keeps one person from being signed in as another
//! instead: the edge takes the code as JSON from a page of this very site only, and DingTalk gives it to pages of the
//! app's own address, for this app and its organization, once and for five minutes.

use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::SecretString;
use url::form_urlencoded;

use super::directory_member::DirectoryMember;
use super::flow::FlowStep;
use super::identity::{Identity, nickname};
use super::matching::{MatchedUser, Matching};
use super::profile::{Contact, Presented};
use super::signed_in::{Completed, SignedIn, Way, identifies_alike, subject_of};
use super::{Requester, ReturnPath, SignIn, SignInError, credentials};
use crate::authenticator::{AutoLogin, Configured};
use crate::dingtalk::ClientUser;
use crate::nocobase::SubjectKind;
use crate::origin::Origin;
use crate::phone::{NoPhone, Phone};

/// What the page posts.
pub struct InClientRequest<'a> {
    /// The authenticator named in the request's header.
    pub authenticator: &'a str,
    /// What DingTalk's client gave the page.
    pub code: &'a SecretString,
    /// Who is asking.
    pub attempt: &'a Requester,
}

/// Twice as long as a code is good.
const CODE_REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(10);

impl SignIn {
    /// Signs in whoever is signed in in DingTalk's client. However often it is called with one code, at most one session
    /// comes of it.
    pub async fn complete_in_client(&self, request: &InClientRequest<'_>) -> Result<Completed, SignInError> {
        let outcome = self.run_in_client(request).await;
        // A name that nobody has is anybody's text.
        let name = match &outcome {
            Err(SignInError::AuthenticatorNotFound) => "",
            _ => request.authenticator,
        };
        self.report(&outcome, Way::InClient, name, request.attempt).await;
        outcome.map(|done| self.completed(done, name, Vec::new()))
    }

    async fn run_in_client(&self, request: &InClientRequest<'_>) -> Result<SignedIn, SignInError> {
        let configured = self.find_for_client(request.authenticator).await?;
        let credentials = credentials(&configured.options)?;
        let id = self.code_ids.of(request.code);
        let now = self.clock.now();
        let step = FlowStep::Code(id);
        let ends_at = (now + CODE_REMEMBERED_FOR).timestamp();
        if !self.used_codes.take(step, ends_at, now.timestamp()) {
            return Err(SignInError::FlowUsed);
        }
        let dingtalk = self.dingtalk.queued_by(request.attempt.queue_key);
        let client_user = match dingtalk.redeem_in_client(&credentials, request.code).await {
            Err(error) if error.was_not_processed() => {
                self.used_codes.give_back(step);
                return Err(error.into());
            }
            redeemed => redeemed?,
        };
        let user_id = client_user.user_id.clone();
        let mut member = DirectoryMember::of_user_id(dingtalk, credentials, user_id);
        member
            .require_admission(&configured.options.rules.departments)
            .await?;
        // That took its time, so what is allowed is looked up again.
        let latest = self.find_for_client(request.authenticator).await?;
        if !identifies_alike(&configured.options, &latest.options) {
            return Err(SignInError::SettingsChanged);
        }
        member
            .require_admission(&latest.options.rules.departments)
            .await?;
        let draft = self.sessions.draft(&latest.authenticator.name, id).await?;
        let matching = self.matching(&latest, &draft);
        let presented = Presented {
            nickname: client_user.name.clone(),
            contact: Contact::InDirectory,
        };
        let mut person = find_or_link(client_user, &matching, &mut member).await?;
        let refreshed = self.refresh(&latest, &mut person, presented, &mut member).await;
        self.hand_out(person, refreshed, &draft).await
    }

    /// Where a browser goes that is to sign in and then see `page`: our own start, which returns to the sign-in page.
    pub fn start_address(
        &self,
        authenticator: &str,
        page: &ReturnPath,
        sign_in_page: Option<&str>,
    ) -> String {
        let sign_in_page = ReturnPath::parse_or(None, &self.sign_in_page(sign_in_page));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("authenticator", authenticator)
            .append_pair("return", &sign_in_page.with(&[("redirect", page.as_str())]))
            .finish();
        format!("{}?{query}", self.site.redirect_path())
    }

    /// The page that somebody asked for: a path, or an address on this very origin. Without one it is the home page;
    /// `None` is one that would leave the site.
    pub fn page_asked_for(&self, redirect: Option<&str>, origin: &Origin) -> Option<ReturnPath> {
        let Some(text) = redirect else {
            return Some(self.home_page());
        };
        let path = text.strip_prefix(origin.as_text()).unwrap_or(text);
        ReturnPath::parse(if path.is_empty() { "/" } else { path })
    }

    /// Where NocoBase's own pages begin.
    pub fn home_page(&self) -> ReturnPath {
        ReturnPath::parse_or(None, &format!("{}admin", self.site.public_path))
    }

    /// The authenticator, where it takes codes of the client.
    async fn find_for_client(&self, name: &str) -> Result<Arc<Configured>, SignInError> {
        let configured = self.registry.find(name).await?;
        if configured.options.auto_login == Some(AutoLogin::Internal) {
            Ok(configured)
        } else {
            Err(SignInError::InClientOff)
        }
    }
}

/// A returning person is known by what the code gave; only of others DingTalk is asked for the phone number.
async fn find_or_link(
    client_user: ClientUser,
    matching: &Matching<'_>,
    member: &mut DirectoryMember,
) -> Result<MatchedUser, SignInError> {
    let options = matching.options;
    let client_id = credentials(options)?.client_id;
    let subject = |id: String| subject_of(options, id, client_id.clone());
    let id = match options.subject {
        SubjectKind::UnionId => Some(client_user.union_id.as_str().to_owned()),
        SubjectKind::UserId => Some(client_user.user_id.as_str().to_owned()),
        SubjectKind::Mobile => None,
    };
    if let Some(id) = &id {
        let subject = subject(id.clone());
        if let Some(known) = matching.find_known(&subject, false).await? {
            return Ok(known);
        }
        if let Some(known) = matching.find_former_user_id(&subject, None, member).await? {
            return Ok(known);
        }
        matching.require_linking()?;
    }
    let entry = member.entry().await?.ok_or(SignInError::NotInOrganization)?;
    let phone = match entry.mobile.as_deref() {
        Some(mobile) => Phone::parse(entry.state_code.as_deref(), Some(mobile)),
        // The directory leaves out alike what somebody has not and what the app may not see.
        None => Err(NoPhone::NotShown),
    };
    let identity = |subject, phone| Identity {
        subject,
        phone,
        nickname: nickname(client_user.name.as_deref()),
        avatar: entry.avatar_url.clone(),
    };
    if let Some(id) = id {
        let identity = identity(subject(id), phone);
        return matching.link_or_sign_up(identity, member).await;
    }
    let number = phone.as_ref().map_err(|why| SignInError::NoPhone(*why))?;
    let identity = identity(subject(number.stored()), phone.clone());
    matching.find_or_link(identity, member).await
}
