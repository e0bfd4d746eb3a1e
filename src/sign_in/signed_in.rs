//! What both ways of signing in share, from the moment DingTalk has said who it is.

use log::{info, warn};

use super::identity::Subject;
use super::matching::{LinkChange, MatchedUser, Matching, Rules};
use super::newcomer;
use super::profile::Refreshed;
use super::{CookieChange, Outcome, Requester, SignIn, SignInError};
use crate::audit::{Event, Matched};
use crate::authenticator::{AuthenticatorOptions, Configured};
use crate::causes::with_causes;
use crate::nocobase::{GivenRights, LinkSource, User};
use crate::session::{Draft, Issued, SessionCookie};

/// How a person came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Through DingTalk's sign-in page.
    Flow,
    /// Inside DingTalk, with a code of its client.
    InClient,
}

/// A person is signed in.
pub struct Completed {
    /// The user.
    pub user: User,
    /// The session.
    pub issued: Issued,
    /// NocoBase's cookies for it.
    pub session_cookies: Vec<SessionCookie>,
    /// Whether the user was created just now.
    pub is_new_user: bool,
    /// Whether fields of a known user were changed just now.
    pub is_refreshed: bool,
    /// Changes to the flow cookies.
    pub cookies: Vec<CookieChange>,
}

/// Somebody who was found and has a session.
pub(super) struct SignedIn {
    user: User,
    role: Option<String>,
    issued: Issued,
    matched: Matched,
    change: Option<LinkChange>,
    given: GivenRights,
    refreshed: Refreshed,
}

impl SignedIn {
    /// What was done besides, for the audit.
    fn detail(&self, way: Way) -> Option<String> {
        let found = match (self.change, way) {
            (Some(change), _) => Some(change.label()),
            (None, Way::InClient) => Some("in_client"),
            (None, Way::Flow) => None,
        };
        let all = [
            found.map(str::to_owned),
            newcomer::told(&self.given),
            self.refreshed.told(),
        ];
        let all: Vec<_> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// Whether a person is the same subject under both settings.
pub(super) fn identifies_alike(before: &AuthenticatorOptions, after: &AuthenticatorOptions) -> bool {
    (&before.client_id, before.subject, &before.corp_id) == (&after.client_id, after.subject, &after.corp_id)
}

/// The subject of this id under these settings.
pub(super) fn subject_of(options: &AuthenticatorOptions, id: String, client_id: String) -> Subject {
    Subject {
        id,
        source: LinkSource {
            kind: options.subject,
            client_id,
            corp_id: options.corp_id.clone(),
        },
    }
}

impl SignIn {
    /// Looks for users under the settings as they are now.
    pub(super) fn matching<'a>(&'a self, latest: &'a Configured, draft: &'a Draft) -> Matching<'a> {
        Matching {
            store: &self.store,
            spellings: &self.known_phones,
            former: &self.former_links,
            authenticator: &latest.authenticator,
            options: &latest.options,
            rules: Rules::of(&latest.options),
            draft,
        }
    }

    /// Gives the session to whom it was drafted for.
    pub(super) async fn hand_out(
        &self,
        person: MatchedUser,
        refreshed: Refreshed,
        draft: &Draft,
    ) -> Result<SignedIn, SignInError> {
        if !person.has_session {
            self.sessions.record(person.user.id, draft).await?;
        }
        let issued = self.sessions.hand_out(person.user.id, draft)?;
        Ok(SignedIn {
            user: person.user,
            role: person.role,
            issued,
            matched: person.matched,
            change: person.change,
            given: person.given,
            refreshed,
        })
    }

    /// What is answered.
    pub(super) fn completed(
        &self,
        done: SignedIn,
        authenticator: &str,
        cookies: Vec<CookieChange>,
    ) -> Completed {
        let session_cookies = self.sessions.cookies(
            &done.issued.token,
            authenticator,
            done.role.as_deref(),
            done.issued.lifetime,
        );
        Completed {
            session_cookies,
            is_new_user: done.matched == Matched::SignUp,
            is_refreshed: !done.refreshed.fields.is_empty(),
            user: done.user,
            issued: done.issued,
            cookies,
        }
    }

    /// Says in log and audit how it ended.
    pub(super) async fn report(
        &self,
        outcome: &Result<SignedIn, SignInError>,
        way: Way,
        authenticator: &str,
        attempt: &Requester,
    ) {
        let reference = &attempt.reference;
        let entry = match outcome {
            Ok(done) => {
                info!(
                    "user {} signed in through {authenticator} (reference {reference})",
                    done.user.id
                );
                Outcome {
                    event: Event::SignIn,
                    authenticator,
                    result: Ok(()),
                    matched: Some(done.matched),
                    user_id: Some(done.user.id),
                    dingtalk_request_id: None,
                    detail: done.detail(way),
                }
            }
            Err(error) => {
                let code = error.code();
                warn!(
                    "sign-in through {authenticator} refused: {code} (reference {reference}): {}",
                    with_causes(error)
                );
                Outcome::refused(Event::SignIn, authenticator, error)
            }
        };
        self.record(attempt, entry).await;
    }
}
