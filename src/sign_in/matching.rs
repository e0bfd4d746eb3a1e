//! Which NocoBase user a DingTalk identity is.
//!
//! In this order: the stored subject; the subject stored under earlier settings ([`super::link_conversion`]); the phone number,
//! when exactly one user has it, who is not linked to someone else and no administrator; a new user, when sign-up is
//! allowed; nobody. Nothing is ever matched by e-mail, nickname or user name, which DingTalk users choose themselves.

use log::warn;
use serde_json::{Value, json};

use super::directory_member::DirectoryMember;
use super::error::SignInError;
use super::former_links::FormerLinks;
use super::identity::{Identity, Subject, shortened};
use super::known_phones::KnownPhones;
use super::newcomer;
use crate::audit::Matched;
use crate::authenticator::AuthenticatorOptions;
use crate::dingtalk::DingTalkUserId;
use crate::nocobase::{
    Authenticator, FirstRights, GivenRights, Link, LinkTransaction, LinkedUser, NewUser, Noted, SignUp,
    Store, StoreError, SubjectKind, User,
};
use crate::phone::Phone;
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
    /// What became of an earlier link.
    pub change: Option<LinkChange>,
    /// What they were given, where they were made just now.
    pub given: GivenRights,
}

/// What a sign-in does to a link that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkChange {
    /// It led to somebody who is gone, and was replaced.
    ReplacedDead,
    /// It was of an id that the organization does not know any more, and was replaced: its owner has come back under
    /// another one.
    ReplacedLeavers,
    /// It held this kind of id, and holds the union id now.
    Converted(SubjectKind),
}

impl LinkChange {
    /// As the audit names it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ReplacedDead => "dead_link_replaced",
            Self::ReplacedLeavers => "leavers_link_replaced",
            Self::Converted(SubjectKind::Mobile) => "link_converted_from_mobile",
            Self::Converted(SubjectKind::UserId) => "link_converted_from_user_id",
            Self::Converted(SubjectKind::UnionId) => "link_converted_from_union_id",
        }
    }
}

impl MatchedUser {
    pub(super) fn of(linked: LinkedUser, matched: Matched) -> Self {
        Self {
            user: linked.user,
            role: linked.role,
            matched,
            has_session: false,
            change: None,
            given: GivenRights::default(),
        }
    }

    pub(super) fn after(self, change: LinkChange) -> Self {
        Self {
            change: Some(change),
            ..self
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

    pub(super) const fn may_link_administrators(self) -> bool {
        self.may_link_administrators
    }
}

/// One sign-in that looks for its user.
pub struct Matching<'a> {
    /// NocoBase's tables.
    pub store: &'a Store,
    /// How users spell their numbers.
    pub spellings: &'a KnownPhones,
    /// What links hold.
    pub former: &'a FormerLinks,
    /// The authenticator as it was when the identity was known.
    pub authenticator: &'a Authenticator,
    /// Its settings.
    pub options: &'a AuthenticatorOptions,
    /// What they allow.
    pub rules: Rules,
    /// What is recorded where the database signs people in at once.
    pub draft: &'a Draft,
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
    pub async fn find_or_link(
        &self,
        identity: Identity,
        member: &mut DirectoryMember,
    ) -> Result<MatchedUser, SignInError> {
        // Whoever can be linked is looked for once more by a linking, also among older links.
        let is_looked_for_again = identity.phone.is_ok() && self.rules.may_match_by_phone;
        let (subject, phone) = (&identity.subject, identity.phone.as_ref().ok());
        if let Some(known) = self.find_known(subject, is_looked_for_again).await? {
            return Ok(known);
        }
        if let Some(known) = self.find_former_user_id(subject, phone, member).await? {
            return Ok(known);
        }
        self.link_or_sign_up(identity, member).await
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
    pub async fn link_or_sign_up(
        &self,
        mut identity: Identity,
        member: &mut DirectoryMember,
    ) -> Result<MatchedUser, SignInError> {
        self.require_linking()?;
        let phone = identity.phone.clone().map_err(SignInError::NoPhone)?;
        if let Some(known) = self.find_former_mobile(&identity.subject, &phone).await? {
            return Ok(known);
        }
        // Asked now, because nobody waits for DingTalk while others wait for their turn.
        let rights = if self.rules.may_sign_up {
            newcomer::first_rights(self.options, member).await?
        } else {
            FirstRights::default()
        };
        let mut was_repeated = false;
        let mut released: Option<String> = None;
        loop {
            match self.link(&identity, &phone, &rights, released.as_deref()).await {
                Ok(Linking::Done(person)) => return Ok(*person),
                // The transaction is over: whatever takes long is done without one.
                Ok(Linking::Taken { subject, meta })
                    if released.is_none()
                        && is_leavers(member, &identity.subject, &subject, &meta).await? =>
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
    pub(super) async fn recognize(
        &self,
        linked: LinkedUser,
        subject: &Subject,
    ) -> Result<MatchedUser, SignInError> {
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

    /// A linking under the settings that this sign-in knows.
    pub(super) async fn begin_link(&self) -> Result<LinkTransaction, SignInError> {
        let linking = self.store.begin_link(&self.authenticator.name).await?;
        let linking = linking.ok_or(SignInError::AuthenticatorNotFound)?;
        // Others had their turns meanwhile, and an administrator may have had his.
        if *linking.options() != self.authenticator.options {
            return Err(SignInError::SettingsChanged);
        }
        Ok(linking)
    }

    /// `released` is a subject whose link may be replaced.
    async fn link(
        &self,
        identity: &Identity,
        phone: &Phone,
        rights: &FirstRights,
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
        if self.rules.may_sign_up && rights.are_plain() {
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
        let mut linking = self.begin_link().await?;
        let mut change = None;
        let mut given = GivenRights::default();
        match linking.find_link(subject).await? {
            Some(Link::To(linked)) => {
                drop(linking);
                let known = self.recognize(*linked, &identity.subject).await?;
                return Ok(Linking::Done(Box::new(known)));
            }
            Some(Link::Dead) => {
                linking.remove_dead(subject).await?;
                change = Some(LinkChange::ReplacedDead);
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
                    change = Some(LinkChange::ReplacedLeavers);
                }
                (candidate.user.id, Matched::Phone)
            }
            (Some(_), false) => return Err(SignInError::PhoneAmbiguous),
            (None, _) if self.rules.may_sign_up => {
                let user;
                (user, given) = linking.create_user_with(new_user(), rights, now).await?;
                (user, Matched::SignUp)
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
        match change {
            Some(LinkChange::ReplacedDead) => {
                warn!("a link of {authenticator} to a user who is gone was replaced by one to user {user}");
            }
            Some(LinkChange::ReplacedLeavers) => {
                warn!("user {user} has come back to the organization of {authenticator} under another id");
            }
            Some(LinkChange::Converted(_)) | None => {}
        }
        newcomer::report(authenticator, user, &given);
        Ok(Linking::Done(Box::new(MatchedUser {
            change,
            given,
            ..MatchedUser::of(*linked, matched)
        })))
    }
}

/// Whether the organization does not know the owner of this earlier subject any more. Only of its own ids can it say so:
/// the others outlive a membership.
async fn is_leavers(
    member: &DirectoryMember,
    newcomer: &Subject,
    subject: &str,
    meta: &Value,
) -> Result<bool, SignInError> {
    let is_comparable =
        newcomer.source.kind == SubjectKind::UserId && newcomer.source.compare(meta) == Noted::Same;
    match DingTalkUserId::parse(subject).filter(|_| is_comparable) {
        Some(user_id) => Ok(!member.has_colleague(&user_id).await?),
        None => Ok(false),
    }
}
