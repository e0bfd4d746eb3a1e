//! Whether somebody still belongs to the organization, and what becomes of who does not.
//!
//! DingTalk is asked at every web sign-in that is for one organization's members, and, where the settings say so, of
//! sessions that there are. "Has left" is only what DingTalk says in so many words: an outage, a limit or a missing
//! permission is no word about anybody.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use log::{info, warn};

use super::identity::Subject;
use super::{Outcome, Requester, SignIn, SignInError, credentials};
use crate::audit::Event;
use crate::authenticator::{AuthenticatorOptions, Configured};
use crate::causes::with_causes;
use crate::clock::is_recent;
use crate::dingtalk::{Credentials, DingTalk, DingTalkUserId, ErrorKind, UnionId};
use crate::error_code::Code;
use crate::nocobase::{LinkSource, Noted, SubjectKind, UserId};
use crate::product::ROOT_ROLE;

/// How long an app that lacks the permission is not asked again.
const REFUSAL_REMEMBERED_FOR: TimeDelta = TimeDelta::minutes(10);
/// How often DingTalk is asked about one person whose session goes on.
const LOOKED_AT_EVERY: TimeDelta = TimeDelta::hours(1);
/// Sessions beyond these are not looked at, which is better than to forget who was.
const MOST_PEOPLE: usize = 100_000;
/// Why sessions were ended, as the audit has it.
pub(super) const LEFT: &str = "left_organization";

/// What DingTalk says of the owner of an id.
#[derive(Debug)]
pub(super) enum Membership {
    /// A member, of this id in the organization.
    Member(DingTalkUserId),
    /// None, or none any more.
    Stranger,
    /// The app may not ask, at all or about this person.
    NotAsked,
}

/// What is known of somebody whose session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They belong to the organization.
    Member,
    /// They do not any more.
    Left,
    /// Nobody asks, or there was no answer.
    Unknown,
}

impl Standing {
    /// The name on the wire.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Left => "left",
            Self::Unknown => "unknown",
        }
    }
}

/// What is remembered of earlier questions.
#[derive(Default)]
pub(super) struct Memberships {
    /// The apps that may not ask, and since when that is known.
    refused: Mutex<HashMap<String, DateTime<Utc>>>,
    /// Whom DingTalk was asked about, through which authenticator, and when.
    looked_at: Mutex<HashMap<(String, UserId), DateTime<Utc>>>,
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
    fn is_due(&self, authenticator: &str, user: UserId, now: DateTime<Utc>) -> bool {
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
    /// Asks whether the owner of this id is a member. A permission that is missing is remembered for a while, so that it is
    /// not paid for at every sign-in.
    pub(super) async fn ask_membership(
        &self,
        dingtalk: &DingTalk,
        credentials: &Credentials,
        union_id: &UnionId,
    ) -> Result<Membership, SignInError> {
        let (client_id, now) = (&credentials.client_id, self.clock.now());
        if !self.memberships.may_ask(client_id, now) {
            return Ok(Membership::NotAsked);
        }
        match dingtalk.find_user_id(credentials, union_id).await {
            Ok(found) => {
                self.memberships.answered(client_id);
                Ok(found.map_or(Membership::Stranger, Membership::Member))
            }
            Err(error) if matches!(error.kind, ErrorKind::PermissionMissing(_)) => {
                if self.memberships.refused(client_id, now) {
                    warn!(
                        "app {client_id} is not asked who is a member: {}",
                        with_causes(&error)
                    );
                }
                Ok(Membership::NotAsked)
            }
            // Whoever is out of the app's sight may be a member all the same.
            Err(error) if matches!(error.kind, ErrorKind::NotInScope) => Ok(Membership::NotAsked),
            Err(error) => Err(error.into()),
        }
    }

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

    /// Whether the user whom this authenticator has linked still belongs to the organization. Nobody has left of whom
    /// nothing can be said: who is linked under other settings, or by a phone number.
    pub async fn standing(&self, authenticator: &str, user: UserId) -> Result<Standing, SignInError> {
        let configured = self.registry.find(authenticator).await?;
        let options = &configured.options;
        if !looks_at_sessions(options) {
            return Ok(Standing::Unknown);
        }
        let credentials = credentials(options)?;
        let source = LinkSource {
            kind: options.subject,
            client_id: credentials.client_id.clone(),
            corp_id: options.corp_id.clone(),
        };
        let link = self.store.links().of_user_at(authenticator, user).await?;
        let Some((subject, _)) = link.filter(|(_, meta)| source.compare(meta) == Noted::Same) else {
            return Ok(Standing::Unknown);
        };
        let membership = match options.subject {
            SubjectKind::UnionId => match UnionId::parse(&subject) {
                Some(union_id) => {
                    self.ask_membership(&self.dingtalk, &credentials, &union_id)
                        .await?
                }
                None => Membership::NotAsked,
            },
            SubjectKind::UserId => match DingTalkUserId::parse(&subject) {
                Some(user_id) => match self.dingtalk.find_member(&credentials, &user_id).await? {
                    Some(_) => Membership::Member(user_id),
                    None => Membership::Stranger,
                },
                None => Membership::NotAsked,
            },
            SubjectKind::Mobile => Membership::NotAsked,
        };
        Ok(match membership {
            Membership::Member(_) => Standing::Member,
            Membership::Stranger => Standing::Left,
            Membership::NotAsked => Standing::Unknown,
        })
    }

    /// Where the sidecar keeps the sessions itself: looks, at most once an hour, whether somebody whose session goes on has
    /// left. Behind the answer's back, so that nobody waits for DingTalk; the next request is refused.
    pub async fn look_at_session(&self, authenticator: &str, user: UserId, attempt: Requester) {
        // Whatever keeps the settings from being read keeps nobody out.
        let Ok(configured) = self.registry.find(authenticator).await else {
            return;
        };
        let name = &configured.authenticator.name;
        if !looks_at_sessions(&configured.options) || !self.memberships.is_due(name, user, self.clock.now()) {
            return;
        }
        let (this, name) = (self.clone(), name.clone());
        tokio::spawn(async move {
            let outcome = match this.standing(&name, user).await {
                Ok(Standing::Left) => this.end_own_sessions(&name, user, &attempt).await,
                Ok(Standing::Member | Standing::Unknown) => Ok(()),
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

/// Whether sessions are looked at: by a setting, and only where membership is what lets people in.
fn looks_at_sessions(options: &AuthenticatorOptions) -> bool {
    options.membership_at_renewal && (options.corp_id.is_some() || options.subject == SubjectKind::UserId)
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
