//! Links that still hold what people were recognized by earlier, where they are recognized by union id now.
//!
//! A site that began with phone numbers or user ids loses nobody when it changes: whoever has no link of their union id
//! is looked for by their former id, and the link that holds it holds the union id from then on. Only a link counts, never
//! a user who happens to have the number.

use log::info;

use super::directory_member::DirectoryMember;
use super::error::SignInError;
use super::identity::Subject;
use super::matching::{LinkChange, MatchedUser, Matching};
use crate::audit::Matched;
use crate::dingtalk::ErrorKind;
use crate::nocobase::{Link, LinkKinds, LinkSource, LinkedUser, Noted, StoreError, SubjectKind};
use crate::phone::{Dialled, Phone};

/// What somebody was recognized by.
struct FormerId {
    id: String,
    source: LinkSource,
}

impl FormerId {
    fn of(subject: &Subject, kind: SubjectKind, id: String) -> Self {
        let source = LinkSource {
            kind,
            ..subject.source.clone()
        };
        Self { id, source }
    }

    /// Whether a link of this id is this person's. One that does not say what it holds may hold a number, so whoever's
    /// user id is spelt like one must have that number, too.
    fn is_held_by(&self, linked: &LinkedUser, phone: Option<&Phone>) -> bool {
        if self.source.compare(&linked.meta) == Noted::Other {
            return false;
        }
        let is_certain = LinkSource::is_noted(&linked.meta) || self.source.kind == SubjectKind::Mobile;
        is_certain
            || Dialled::read(&self.id).is_none_or(|number| phone.is_some_and(|own| own.dialled() == number))
    }
}

impl Matching<'_> {
    /// The user whose link holds this person's user id. That may cost a call, so it is asked
    /// only where such links are left.
    pub async fn find_former_user_id(
        &self,
        subject: &Subject,
        phone: Option<&Phone>,
        member: &mut DirectoryMember,
    ) -> Result<Option<MatchedUser>, SignInError> {
        let Some(kinds) = self.former_kinds(subject).await? else {
            return Ok(None);
        };
        if kinds.user_id + kinds.unknown == 0 {
            return Ok(None);
        }
        if self.store.signs_in_at_once()
            && let Some(linked) = self.find_linked(&subject.id).await?
        {
            // An older link of the union id itself, which that one statement leaves out.
            return self.recognize(linked, subject).await.map(Some);
        }
        let user_id = match member.user_id().await {
            // No link that says so holds a user id, and without the permission none was ever made.
            Err(error) if kinds.user_id == 0 && matches!(error.kind, ErrorKind::PermissionMissing(_)) => None,
            answered => answered?,
        };
        let Some(user_id) = user_id else {
            return Ok(None);
        };
        let former = FormerId::of(subject, SubjectKind::UserId, user_id.as_str().to_owned());
        self.convert(subject, &former, phone).await
    }

    /// The user whose link holds this person's phone number.
    pub async fn find_former_mobile(
        &self,
        subject: &Subject,
        phone: &Phone,
    ) -> Result<Option<MatchedUser>, SignInError> {
        let kinds = self.former_kinds(subject).await?;
        if kinds.is_none_or(|kinds| kinds.mobile + kinds.unknown == 0) {
            return Ok(None);
        }
        let former = FormerId::of(subject, SubjectKind::Mobile, phone.stored());
        self.convert(subject, &former, Some(phone)).await
    }

    /// `None` where people are recognized by something that links are not converted to.
    async fn former_kinds(&self, subject: &Subject) -> Result<Option<LinkKinds>, StoreError> {
        if subject.source.kind != SubjectKind::UnionId {
            return Ok(None);
        }
        self.former.kinds(self.authenticator).await.map(Some)
    }

    async fn find_linked(&self, subject: &str) -> Result<Option<LinkedUser>, StoreError> {
        self.store
            .links()
            .find_user(&self.authenticator.name, subject)
            .await
    }

    async fn convert(
        &self,
        subject: &Subject,
        former: &FormerId,
        phone: Option<&Phone>,
    ) -> Result<Option<MatchedUser>, SignInError> {
        let found = self.find_linked(&former.id).await?;
        if found.is_none_or(|linked| !former.is_held_by(&linked, phone)) {
            return Ok(None);
        }
        match self.try_convert(subject, former, phone).await {
            // A deadlock, or a rival of the same person: what was true has changed, so it is asked again, once.
            Err(SignInError::Store(StoreError::Conflict | StoreError::Duplicate { .. })) => {
                self.try_convert(subject, former, phone).await
            }
            outcome => outcome,
        }
    }

    async fn try_convert(
        &self,
        subject: &Subject,
        former: &FormerId,
        phone: Option<&Phone>,
    ) -> Result<Option<MatchedUser>, SignInError> {
        let mut linking = self.begin_link().await?;
        match linking.find_link(&subject.id).await? {
            Some(Link::To(linked)) => {
                drop(linking);
                return self.recognize(*linked, subject).await.map(Some);
            }
            Some(Link::Dead) => linking.remove_dead(&subject.id).await?,
            None => {}
        }
        let held = match linking.find_link(&former.id).await? {
            Some(Link::To(linked)) if former.is_held_by(&linked, phone) => linked,
            // Somebody else was faster, or an administrator.
            Some(_) | None => return Ok(None),
        };
        let (user, kind) = (held.user.id, former.source.kind);
        // A number may have been given to somebody else meanwhile, as one in the users' table may.
        if kind == SubjectKind::Mobile
            && !self.rules.may_link_administrators()
            && linking.is_administrator_by_link(user).await?
        {
            return Err(SignInError::AdministratorNotLinked);
        }
        let meta = subject.source.noted_in(&held.meta);
        linking.convert(user, &subject.id, &meta, self.draft.now).await?;
        let Some(Link::To(linked)) = linking.find_link(&subject.id).await? else {
            return Err(SignInError::Store(StoreError::Conflict));
        };
        linking.commit().await?;
        info!(
            "the link of user {user} through {} holds the union id from now on, no longer the {}",
            self.authenticator.name,
            kind.label()
        );
        let converted = MatchedUser::of(*linked, Matched::Subject);
        Ok(Some(converted.after(LinkChange::Converted(kind))))
    }
}
