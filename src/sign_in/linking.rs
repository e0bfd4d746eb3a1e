//! Links that are made on purpose: by the person, who has proved to be both, or by an administrator.

use serde_json::json;

use super::identity::{Subject, shortened};
use super::signed_in::subject_of;
use super::{SignIn, SignInError, credentials};
use crate::audit::Matched;
use crate::nocobase::{Authenticator, Link, StoreError, SubjectKind, UserId};
use crate::phone::Phone;

/// NocoBase's column for subjects.
const SUBJECT_LIMIT: usize = 255;
/// The country of a number that says none.
const MAINLAND: &str = "86";

/// Whom to link to what.
pub(super) struct NewLink<'a> {
    pub user: UserId,
    pub subject: &'a Subject,
    pub nickname: Option<&'a str>,
    pub made_by: Matched,
}

impl SignIn {
    /// Links a user to a subject that an administrator names.
    pub async fn link_by_hand(
        &self,
        authenticator: &str,
        user: UserId,
        subject: &str,
    ) -> Result<(), SignInError> {
        let configured = self.registry.find(authenticator).await?;
        let options = &configured.options;
        let id = read_id(options.subject, subject).ok_or(SignInError::SubjectUnreadable)?;
        let link = NewLink {
            user,
            subject: &subject_of(options, id, credentials(options)?.client_id),
            nickname: None,
            made_by: Matched::Administrator,
        };
        self.link(&configured.authenticator, link).await
    }

    /// Makes a link, unless the user or the subject has one.
    pub(super) async fn link(
        &self,
        authenticator: &Authenticator,
        mut link: NewLink<'_>,
    ) -> Result<(), SignInError> {
        let shorter = link.nickname.and_then(shortened);
        let mut was_repeated = false;
        loop {
            match self.try_link(authenticator, &link).await {
                Err(SignInError::Store(StoreError::Conflict | StoreError::Duplicate { .. }))
                    if !was_repeated =>
                {
                    was_repeated = true;
                }
                // A link of the subject would have been found: it is the user who has one.
                Err(SignInError::Store(StoreError::Duplicate { .. })) => {
                    return Err(SignInError::UserAlreadyLinked);
                }
                // The database's alphabet lacks a character, which only a name can have.
                Err(SignInError::Store(StoreError::TextRefused)) if link.nickname.is_some() => {
                    link.nickname = shorter
                        .as_deref()
                        .filter(|shorter| link.nickname != Some(*shorter));
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_link(&self, authenticator: &Authenticator, link: &NewLink<'_>) -> Result<(), SignInError> {
        let linking = self.store.begin_link(&authenticator.name).await?;
        let mut linking = linking.ok_or(SignInError::AuthenticatorNotFound)?;
        if *linking.options() != authenticator.options {
            return Err(SignInError::SettingsChanged);
        }
        match linking.find_link(&link.subject.id).await? {
            Some(Link::To(linked)) if linked.user.id == link.user => {
                return Err(SignInError::UserAlreadyLinked);
            }
            Some(Link::To(_)) => return Err(SignInError::SubjectAlreadyLinked),
            Some(Link::Dead) => linking.remove_dead(&link.subject.id).await?,
            None => {}
        }
        let meta = link
            .subject
            .source
            .noted_in(&json!({ "matchedBy": link.made_by }));
        let now = self.clock.now();
        linking
            .link(link.user, &link.subject.id, meta, link.nickname, now)
            .await?;
        Ok(linking.commit().await?)
    }
}

/// The id of a subject as an administrator types it, in the form in which sign-ins look for it.
fn read_id(kind: SubjectKind, typed: &str) -> Option<String> {
    let typed = typed.trim();
    let is_id = !typed.is_empty()
        && typed.chars().count() <= SUBJECT_LIMIT
        && !typed.chars().any(|c| c.is_whitespace() || c.is_control());
    match kind {
        SubjectKind::Mobile => Phone::parse(Some(MAINLAND), Some(typed))
            .ok()
            .map(|phone| phone.stored()),
        SubjectKind::UnionId | SubjectKind::UserId => is_id.then(|| typed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_subject_is_read_as_sign_ins_store_it() {
        let longest = "x".repeat(SUBJECT_LIMIT);
        for (kind, typed, expected) in [
            (SubjectKind::UnionId, " CaseUNiEiE7y ", Some("CaseUNiEiE7y")),
            (SubjectKind::UserId, "manager.7@x", Some("manager.7@x")),
            (SubjectKind::UserId, longest.as_str(), Some(longest.as_str())),
            (SubjectKind::Mobile, "+86 139 0000 4000", Some("13900004000")),
            (SubjectKind::Mobile, "0085291234567", Some("+852-91234567")),
            (SubjectKind::UnionId, " ", None),
            (SubjectKind::UserId, "two words", None),
            (SubjectKind::UnionId, "line\nbreak", None),
            (SubjectKind::Mobile, "staff-7", None),
        ] {
            let read = read_id(kind, typed);
            assert_eq!(read.as_deref(), expected, "{kind:?} {typed:?}");
        }
        assert_eq!(read_id(SubjectKind::UserId, &"x".repeat(SUBJECT_LIMIT + 1)), None);
    }
}
