//! Whether somebody still belongs to the organization.
//!
//! DingTalk is asked at every web sign-in that is for one organization's members, and, where the settings say so, of
//! sessions that there are. "Has left" is only what DingTalk says in so many words: an outage, a limit or a missing
//! permission is no word about anybody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use log::warn;
use tokio::sync::Semaphore;

use super::{SignIn, SignInError, credentials};
use crate::authenticator::{AskMembership, AuthenticatorOptions};
use crate::causes::with_causes;
use crate::clock::is_recent;
use crate::dingtalk::{DingTalkError, DingTalkUserId, ErrorKind, UnionId};
use crate::nocobase::{LinkSource, Noted, SubjectKind, UserId};

/// How long an app that lacks the permission is not asked again.
const REFUSAL_REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(10);
/// How often DingTalk is asked about one person whose session goes on.
const LOOKED_AT_EVERY: TimeDelta = TimeDelta::hours(1);
/// Sessions beyond these are not looked at, which is better than to forget who was.
const MOST_PEOPLE: usize = 100_000;
/// Sessions that are looked at in one moment; whoever comes meanwhile is looked at with their next request.
const MOST_AT_ONCE: usize = 8;

/// What is known of somebody's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// They belong to the organization.
    Member,
    /// They do not, or do not any more.
    Stranger,
    /// Nobody asks, or the app may not ask, at all or about this person.
    Unknown,
}

impl Membership {
    /// The name on the wire, of somebody who is linked to a user.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Stranger => "left",
            Self::Unknown => "unknown",
        }
    }

    const fn of(is_member: bool) -> Self {
        if is_member { Self::Member } else { Self::Stranger }
    }
}

/// What is remembered of earlier questions.
pub(super) struct Memberships {
    /// For questions about sessions.
    pub(super) turns: Arc<Semaphore>,
    /// The apps that may not ask, and since when that is known.
    refused: Mutex<HashMap<String, DateTime<Utc>>>,
    /// Whom DingTalk was asked about, through which authenticator, and when.
    looked_at: Mutex<HashMap<(String, UserId), DateTime<Utc>>>,
}

impl Default for Memberships {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            refused: Mutex::default(),
            looked_at: Mutex::default(),
        }
    }
}

impl Memberships {
    fn may_ask(&self, client_id: &str, now: DateTime<Utc>) -> bool {
        let refused = lock(&self.refused).get(client_id).copied();
        refused.is_none_or(|at| !is_recent(at, now, REFUSAL_REMEMBERED_FOR))
    }

    /// Whether it is news.
    fn refused(&self, client_id: &str, now: DateTime<Utc>) -> bool {
        lock(&self.refused).insert(client_id.to_owned(), now).is_none()
    }

    fn answered(&self, client_id: &str) {
        lock(&self.refused).remove(client_id);
    }

    /// Whether it is time to look at somebody, who then counts as looked at.
    pub(super) fn is_due(&self, authenticator: &str, user: UserId, now: DateTime<Utc>) -> bool {
        let mut looked_at = lock(&self.looked_at);
        let key = (authenticator.to_owned(), user);
        let is_early = |at: &DateTime<Utc>| is_recent(*at, now, LOOKED_AT_EVERY);
        if looked_at.get(&key).is_some_and(is_early) {
            return false;
        }
        if looked_at.len() >= MOST_PEOPLE {
            looked_at.retain(|_, at| is_early(at));
        }
        let has_room = looked_at.len() < MOST_PEOPLE;
        if has_room {
            looked_at.insert(key, now);
        }
        has_room
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SignIn {
    /// Asks whether somebody is a member, whose id in the organization is found by asking DingTalk. A permission that is missing is remembered for a while, so that it is
    /// not paid for at every sign-in.
    pub(super) async fn ask_membership(
        &self,
        client_id: &str,
        find_user_id: impl AsyncFnOnce() -> Result<Option<DingTalkUserId>, DingTalkError>,
    ) -> Result<Membership, SignInError> {
        let now = self.clock.now();
        if !self.memberships.may_ask(client_id, now) {
            return Ok(Membership::Unknown);
        }
        match find_user_id().await {
            Ok(found) => {
                self.memberships.answered(client_id);
                Ok(Membership::of(found.is_some()))
            }
            Err(error) if matches!(error.kind, ErrorKind::PermissionMissing(_)) => {
                if self.memberships.refused(client_id, now) {
                    warn!(
                        "app {client_id} is not asked who is a member: {}",
                        with_causes(&error)
                    );
                }
                Ok(Membership::Unknown)
            }
            // Whoever is out of the app's sight may be a member all the same.
            Err(error) if matches!(error.kind, ErrorKind::NotInScope) => Ok(Membership::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the user whom this authenticator has linked still belongs to the organization. Nobody has left of whom
    /// nothing can be said: who is linked under other settings, or by a phone number.
    pub async fn membership_of(&self, authenticator: &str, user: UserId) -> Result<Membership, SignInError> {
        let configured = self.registry.find(authenticator).await?;
        let options = &configured.options;
        if !looks_at_sessions(options) {
            return Ok(Membership::Unknown);
        }
        let credentials = credentials(options)?;
        let source = LinkSource {
            kind: options.subject,
            client_id: credentials.client_id.clone(),
            corp_id: options.corp_id.clone(),
        };
        let link = self.store.links().of_user_at(authenticator, user).await?;
        let Some((subject, _)) = link.filter(|(_, meta)| source.compare(meta) == Noted::Same) else {
            return Ok(Membership::Unknown);
        };
        match (
            options.subject,
            UnionId::parse(&subject),
            DingTalkUserId::parse(&subject),
        ) {
            (SubjectKind::UnionId, Some(union_id), _) => {
                let find_user_id = async || self.dingtalk.find_user_id(&credentials, &union_id).await;
                self.ask_membership(&credentials.client_id, find_user_id).await
            }
            (SubjectKind::UserId, _, Some(user_id)) => {
                let found = self.dingtalk.find_member(&credentials, &user_id).await?;
                Ok(Membership::of(found.is_some()))
            }
            _ => Ok(Membership::Unknown),
        }
    }
}

/// Whether sessions are looked at: by a setting, and only where membership is what lets people in.
pub(super) fn looks_at_sessions(options: &AuthenticatorOptions) -> bool {
    options.membership == AskMembership::AtRenewal
        && (options.corp_id.is_some() || options.subject == SubjectKind::UserId)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn a_missing_permission_is_news_once_and_is_asked_for_again_after_a_while() {
        let memberships = Memberships::default();
        assert!(memberships.may_ask("app", START));

        assert!(memberships.refused("app", START));

        let later = START + REFUSAL_REMEMBERED_FOR;
        assert!(!memberships.may_ask("app", later - TimeDelta::milliseconds(1)));
        assert!(memberships.may_ask("another", START));
        assert!(memberships.may_ask("app", later));
        assert!(!memberships.refused("app", later));
        memberships.answered("app");
        assert!(memberships.may_ask("app", later));
        assert!(memberships.refused("app", later));
    }

    #[test]
    fn a_person_is_looked_at_once_an_hour() {
        let memberships = Memberships::default();
        let (li_lei, later) = (UserId(1), START + LOOKED_AT_EVERY);

        assert!(memberships.is_due("a", li_lei, START));
        assert!(!memberships.is_due("a", li_lei, later - TimeDelta::milliseconds(1)));
        assert!(memberships.is_due("a", UserId(2), START));
        assert!(memberships.is_due("b", li_lei, START));
        assert!(memberships.is_due("a", li_lei, later));
    }

    #[test]
    fn more_people_than_are_remembered_are_not_looked_at_until_others_are_due() {
        let memberships = Memberships::default();
        for user in 0..MOST_PEOPLE {
            assert!(memberships.is_due("a", UserId(user.try_into().unwrap()), START));
        }

        assert!(!memberships.is_due("a", UserId(-1), START));

        assert!(memberships.is_due("a", UserId(-1), START + LOOKED_AT_EVERY));
        assert_eq!(lock(&memberships.looked_at).len(), 1);
    }
}
