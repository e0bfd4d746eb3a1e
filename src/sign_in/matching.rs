//! Which NocoBase user a DingTalk identity is.
//!
//! In this order: the stored subject; the phone number, when exactly one user has it, who is not linked
//! to someone else and no administrator; a new user, when sign-up is allowed; nobody. Nothing is ever
//! matched by e-mail, nickname or user name, which DingTalk users choose themselves.

use log::warn;
use serde_json::{Value, json};

use super::error::SignInError;
use super::identity::{Identity, Phone, Subject, shortened};
use super::known_phones::KnownPhones;
use crate::audit::Matched;
use crate::authenticator::AuthenticatorOptions;
use crate::dingtalk::{Credentials, DingTalk, DingTalkUserId};
use crate::nocobase::{
    Authenticator, Link, LinkedUser, NewUser, Noted, SignUp, Store, StoreError, SubjectKind, User,
};
use crate::session::Draft;

/// The user who was found or made.
pub struct MatchedUser {
    /// The user.
    pub user: User,
    /// The role they act in.
    pub role: Option<String>,
    /// How.
    pub matched: Matched,
    /// Whether their session was recorded with it.
    pub has_session: bool,
    /// What their new link has replaced.
    pub replaced: Option<Replaced>,
}

/// A link that a new one takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// To a user who is gone.
    DeadLink,
    /// From an id that the organization does not know any more: its owner has come back under another one.
    LeaversLink,
}

impl Replaced {
    /// The name in the audit.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DeadLink => "dead_link_replaced",
            Self::LeaversLink => "leavers_link_replaced",
        }
    }
}

impl MatchedUser {
    fn of(linked: LinkedUser, matched: Matched) -> Self {
        Self {
            user: linked.user,
            role: linked.role,
            matched,
            has_session: false,
            replaced: None,
        }
    }

    fn at_once(linked: LinkedUser, matched: Matched) -> Self {
        Self {
            has_session: true,
            ..Self::of(linked, matched)
        }
    }
}

/// What an authenticator allows beyond recognising known people.
#[derive(Clone, Copy)]
pub struct Rules {
    may_match_by_phone: bool,
    may_sign_up: bool,
    may_link_administrators: bool,
}

impl Rules {
    /// The rules of these options. The settings of the community plugin recognise known people, and link
    /// others only where they matched by mobile themselves.
    pub fn of(options: &AuthenticatorOptions) -> Self {
        let may_match_by_phone = options
            .community
            .as_ref()
            .is_none_or(|community| community.matches_by_mobile);
        Self {
            may_match_by_phone,
            may_sign_up: options.auto_signup && may_match_by_phone,
            may_link_administrators: options.bind_administrators,
        }
    }
}

/// One sign-in that looks for its user.
pub struct Matching<'a> {
    /// NocoBase's tables.
    pub store: &'a Store,
    /// How users spell their numbers.
    pub spellings: &'a KnownPhones,
    /// The authenticator as it was when the identity was known.
    pub authenticator: &'a Authenticator,
    /// What it allows.
    pub rules: Rules,
    /// What is recorded where the database signs people in at once.
    pub draft: &'a Draft,
    /// Who knows whether the owner of an earlier link is still there.
    pub dingtalk: &'a DingTalk,
    /// What DingTalk is asked with.
    pub credentials: Credentials,
}

/// What became of a linking.
enum Linking {
    Done(Box<MatchedUser>),
    /// The user with the phone number has a link, to this subject, which notes this.
    Taken {
        subject: String,
        meta: Value,
    },
}

impl Matching<'_> {
    /// Finds the user for `identity`, linking or creating one in a single transaction where the rules allow.
    pub async fn find_or_link(&self, identity: Identity) -> Result<MatchedUser, SignInError> {
        // Whoever can be linked is looked for once more by a linking, also among older links.
        let is_looked_for_again = identity.phone.is_ok() && self.rules.may_match_by_phone;
        match self.find_known(&identity.subject, is_looked_for_again).await? {
            Some(known) => Ok(known),
            None => self.link_or_sign_up(identity).await,
        }
    }

    /// Refuses who is unknown where nobody may be linked by phone number.
    pub fn require_linking(&self) -> Result<(), SignInError> {
        if self.rules.may_match_by_phone {
            Ok(())
        } else {
            Err(SignInError::MigrationNeeded)
        }
    }

    /// Finds the user of somebody unknown by phone number, or makes one, in a single transaction where the rules allow.
    pub async fn link_or_sign_up(&self, mut identity: Identity) -> Result<MatchedUser, SignInError> {
        self.require_linking()?;
        let phone = identity.phone.clone().map_err(SignInError::NoPhone)?;
        let mut was_repeated = false;
        let mut released: Option<String> = None;
        loop {
            match self.link(&identity, &phone, released.as_deref()).await {
                Ok(Linking::Done(person)) => return Ok(*person),
                // The transaction is over: whatever takes long is done without one.
                Ok(Linking::Taken { subject, meta })
                    if released.is_none() && self.is_leavers(&identity.subject, &subject, &meta).await? =>
                {
                    released = Some(subject);
                }
                Ok(Linking::Taken { .. }) => return Err(SignInError::PhoneAlreadyLinked),
                // A deadlock, or a rival who was faster by a hair: what was true has changed, so it is asked again, once.
                Err(SignInError::Store(StoreError::Conflict | StoreError::Duplicate { .. }))
                    if !was_repeated =>
                {
                    was_repeated = true;
                }
                Err(SignInError::Store(StoreError::Duplicate { field: "phone" })) => {
                    return Err(SignInError::PhoneTaken);
                }
                // The database's alphabet lacks a character, which only a name can have.
                Err(SignInError::Store(StoreError::TextRefused)) if identity.nickname.is_some() => {
                    identity.nickname = identity.nickname.as_deref().and_then(shortened);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the organization does not know the owner of this earlier subject any more. Only of its own ids can it say
    /// so: the others outlive a membership.
    async fn is_leavers(&self, newcomer: &Subject, subject: &str, meta: &Value) -> Result<bool, SignInError> {
        let is_comparable =
            newcomer.source.kind == SubjectKind::UserId && newcomer.source.compare(meta) == Noted::Same;
        let Some(user_id) = DingTalkUserId::parse(subject).filter(|_| is_comparable) else {
            return Ok(false);
        };
        let member = self.dingtalk.find_member(&self.credentials, &user_id).await?;
        Ok(member.is_none())
    }

    /// The user whom an earlier sign-in has linked; one of an older link may be left to a linking, which looks again.
    pub async fn find_known(
        &self,
        subject: &Subject,
        is_looked_for_again: bool,
    ) -> Result<Option<MatchedUser>, SignInError> {
        let Draft { row, now, .. } = self.draft;
        let (store, authenticator) = (self.store, &self.authenticator.name);
        if store.signs_in_at_once() {
            match store.sign_in(&subject.id, &subject.source, row, *now).await {
                Ok(Some(linked)) => return Ok(Some(MatchedUser::at_once(linked, Matched::Subject))),
                Ok(None) if is_looked_for_again => return Ok(None),
                Ok(None) => {}
                Err(StoreError::Duplicate { .. }) => return Err(SignInError::FlowUsed),
                Err(error) => return Err(error.into()),
            }
        }
        match store.links().find_user(authenticator, &subject.id).await? {
            Some(linked) => self.recognize(linked, subject).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the link is of this person, and not of another id that is spelt alike.
    async fn recognize(&self, linked: LinkedUser, subject: &Subject) -> Result<MatchedUser, SignInError> {
        match subject.source.compare(&linked.meta) {
            Noted::Same => {}
            Noted::Refresh => {
                let meta = subject.source.noted_in(&linked.meta);
                self.store
                    .links()
                    .note(&self.authenticator.name, linked.user.id, &meta, self.draft.now)
                    .await?;
            }
            Noted::Other => return Err(SignInError::LinkOfOtherSettings),
        }
        Ok(MatchedUser::of(linked, Matched::Subject))
    }

    /// `released` is a subject whose link may be replaced.
    async fn link(
        &self,
        identity: &Identity,
        phone: &Phone,
        released: Option<&str>,
    ) -> Result<Linking, SignInError> {
        let Draft { row, now, .. } = self.draft;
        let (now, subject) = (*now, &identity.subject.id);
        let new_user = || NewUser {
            nickname: identity.nickname.clone(),
            phone: Some(phone.stored()),
        };
        let meta = |matched| identity.subject.source.noted_in(&json!({ "matchedBy": matched }));
        let mut spellings = phone.spellings();
        spellings.extend(self.spellings.of(phone.dialled()).await?);
        if self.rules.may_sign_up {
            let newcomer = SignUp {
                subject,
                user: new_user(),
                phone_spellings: &spellings,
                meta: meta(Matched::SignUp),
            };
            if let Some(linked) = self.store.sign_up(&newcomer, row, now).await? {
                let person = MatchedUser::at_once(linked, Matched::SignUp);
                return Ok(Linking::Done(Box::new(person)));
            }
        }
        let linking = self.store.begin_link(&self.authenticator.name).await?;
        let mut linking = linking.ok_or(SignInError::AuthenticatorNotFound)?;
        // Others had their turns meanwhile, and an administrator may have had his.
        if *linking.options() != self.authenticator.options {
            return Err(SignInError::SettingsChanged);
        }
        let mut replaced = None;
        match linking.find_link(subject).await? {
            Some(Link::To(linked)) => {
                drop(linking);
                let known = self.recognize(*linked, &identity.subject).await?;
                return Ok(Linking::Done(Box::new(known)));
            }
            Some(Link::Dead) => {
                linking.remove_dead(subject).await?;
                replaced = Some(Replaced::DeadLink);
            }
            None => {}
        }
        let mut candidates = linking.find_by_phone(&spellings).await?;
        let (user, matched) = match (candidates.pop(), candidates.is_empty()) {
            (Some(candidate), true) => {
                if let Some(linked) = &candidate.linked_subject
                    && released != Some(linked)
                {
                    return Ok(Linking::Taken {
                        subject: linked.clone(),
                        meta: candidate.linked_meta,
                    });
                }
                if !self.rules.may_link_administrators && linking.is_administrator(&candidate).await? {
                    return Err(SignInError::AdministratorNotLinked);
                }
                if let Some(leavers) = &candidate.linked_subject {
                    linking.remove(candidate.user.id, leavers).await?;
                    replaced = Some(Replaced::LeaversLink);
                }
                (candidate.user.id, Matched::Phone)
            }
            (Some(_), false) => return Err(SignInError::PhoneAmbiguous),
            (None, _) if self.rules.may_sign_up => {
                (linking.create_user(new_user(), now).await?, Matched::SignUp)
            }
            (None, _) => return Err(SignInError::NoMatchingUser),
        };
        let nickname = identity.nickname.as_deref();
        linking.link(user, subject, meta(matched), nickname, now).await?;
        let Some(Link::To(linked)) = linking.find_link(subject).await? else {
            return Err(SignInError::Store(StoreError::Conflict));
        };
        linking.commit().await?;
        let authenticator = &self.authenticator.name;
        match replaced {
            Some(Replaced::DeadLink) => {
                warn!("a link of {authenticator} to a user who is gone was replaced by one to user {user}");
            }
            Some(Replaced::LeaversLink) => {
                warn!("user {user} has come back to the organization of {authenticator} under another id");
            }
            None => {}
        }
        Ok(Linking::Done(Box::new(MatchedUser {
            replaced,
            ..MatchedUser::of(*linked, matched)
        })))
    }
}
