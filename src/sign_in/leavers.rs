//! What becomes of somebody who has left the organization: a refusal in plain words, and the end of their sessions.

use std::sync::Arc;

use log::{info, warn};

use super::identity::Subject;
use super::membership::{Membership, looks_at_sessions};
use super::{Outcome, Requester, SignIn, SignInError};
use crate::audit::Event;
use crate::authenticator::Configured;
use crate::causes::with_causes;
use crate::error_code::Code;
use crate::nocobase::{Authenticator, Noted, UserId};
use crate::product::{AUTH_TYPE, ROOT_ROLE};

/// Why sessions were ended, as the audit has it.
const LEFT: &str = "left_organization";

impl SignIn {
    /// Why somebody who is no member is refused: whoever is linked to a user here was one, and their sessions end.
    pub(super) async fn refuse_stranger(
        &self,
        configured: &Configured,
        subject: &Subject,
        attempt: &Requester,
    ) -> Result<SignInError, SignInError> {
        let authenticator = &configured.authenticator.name;
        let found = self.store.links().find_user(authenticator, &subject.id).await?;
        let known = found.filter(|linked| subject.source.compare(&linked.meta) != Noted::Other);
        let Some(known) = known else {
            return Ok(SignInError::NotInOrganization);
        };
        self.end_own_sessions(authenticator, known.user.id, attempt)
            .await?;
        Ok(SignInError::LeftOrganization(known.user.id))
    }

    /// Where the sidecar keeps the sessions itself: looks, at most once an hour, whether somebody whose session goes on has
    /// left. Behind the answer's back, so that nobody waits for DingTalk; the next request is refused.
    pub async fn look_at_session(&self, authenticator: &str, user: UserId, attempt: Requester) {
        // Whatever keeps the settings from being read keeps nobody out. A name that is none of ours is not remembered.
        let offered = self.registry.offered().await;
        let is_ours = |row: &Authenticator| row.name == authenticator && row.auth_type == AUTH_TYPE;
        if !offered.is_ok_and(|offered| offered.iter().any(is_ours)) {
            return;
        }
        let Ok(configured) = self.registry.find(authenticator).await else {
            return;
        };
        let name = &configured.authenticator.name;
        if !looks_at_sessions(&configured.options) {
            return;
        }
        // Whoever signs in stands in the same queue at DingTalk: a crowd of these would be before them.
        let Ok(turn) = Arc::clone(&self.memberships.turns).try_acquire_owned() else {
            return;
        };
        if !self.memberships.is_due(name, user, self.clock.now()) {
            return;
        }
        let (this, name) = (self.clone(), name.clone());
        self.background.spawn(async move {
            let _turn = turn;
            let outcome = match this.membership_of(&name, user).await {
                Ok(Membership::Stranger) => this.end_own_sessions(&name, user, &attempt).await,
                Ok(Membership::Member | Membership::Unknown) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                warn!(
                    "whether user {user} still belongs to the organization is not known: {}",
                    with_causes(&error)
                );
            }
        });
    }

    /// Ends all sessions of somebody who has left, where these are our own tables; beside NocoBase, which would not see it,
    /// the bridge does.
    async fn end_own_sessions(
        &self,
        authenticator: &str,
        user: UserId,
        attempt: &Requester,
    ) -> Result<(), SignInError> {
        if !self.store.is_own() {
            return Ok(());
        }
        let result = if self.store.roles().is_last(user, ROOT_ROLE).await? {
            Err(Code::LastRoot)
        } else {
            self.store.users().end_sessions(user, self.clock.now()).await?;
            Ok(())
        };
        self.sessions_ended(authenticator, user, result, 0, attempt).await;
        Ok(())
    }

    /// Says in log and audit what became of the sessions of somebody who has left, and how many API keys go on working.
    pub async fn sessions_ended(
        &self,
        authenticator: &str,
        user: UserId,
        result: Result<(), Code>,
        api_keys: u32,
        attempt: &Requester,
    ) {
        let reference = &attempt.reference;
        match result {
            Ok(()) => info!(
                "user {user} has left the organization of {authenticator}: all sessions were ended; API keys that go on working: {api_keys} (reference {reference})"
            ),
            Err(code) => warn!(
                "user {user} has left the organization of {authenticator}, and the sessions go on: {code} (reference {reference})"
            ),
        }
        let outcome = Outcome {
            event: Event::SessionsEnded,
            authenticator,
            result,
            matched: None,
            user_id: Some(user),
            dingtalk_request_id: None,
            detail: Some(match api_keys {
                0 => LEFT.to_owned(),
                some => format!("{LEFT}, api_keys={some}"),
            }),
        };
        self.record(attempt, outcome).await;
    }
}
