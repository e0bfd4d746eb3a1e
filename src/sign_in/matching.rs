//! Which NocoBase user a DingTalk identity is.
//!
//! In this order: the stored subject; the phone number, when exactly one user has it, who is not linked
//! to someone else and no administrator; a new user, when sign-up is allowed; nobody. Nothing is ever
//! matched by e-mail, nickname or user name, which DingTalk users choose themselves.

use serde_json::json;

use super::error::SignInError;
use super::identity::Identity;
use crate::audit::Matched;
use crate::nocobase::{AuthenticatorOptions, Linked, NewUser, Newcomer, Store, StoreError, User};
use crate::session::Draft;

/// The user who was found or made.
pub struct Match {
    /// The user.
    pub user: User,
    /// The role they act in.
    pub role: Option<String>,
    /// How.
    pub matched: Matched,
    /// Whether their session was recorded with it.
    pub has_session: bool,
}

impl Match {
    fn of(linked: Linked, matched: Matched) -> Self {
        Self {
            user: linked.user,
            role: linked.role,
            matched,
            has_session: false,
        }
    }

    fn at_once(linked: Linked, matched: Matched) -> Self {
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

/// Finds the user for `identity`, linking or creating one in a single transaction where the rules allow. Where the
/// database signs people in at once, `draft` is recorded with it.
pub async fn find_or_link(
    store: &Store,
    identity: &Identity,
    rules: Rules,
    draft: &Draft,
) -> Result<Match, SignInError> {
    let Draft { row, now, .. } = draft;
    if store.signs_in_at_once() {
        match store.sign_in(&identity.subject, row, *now).await {
            Ok(Some(linked)) => return Ok(Match::at_once(linked, Matched::Subject)),
            Ok(None) => {}
            Err(StoreError::Duplicate { .. }) => return Err(SignInError::FlowUsed),
            Err(error) => return Err(error.into()),
        }
    } else if let Some(linked) = store.find_linked(&row.authenticator, &identity.subject).await? {
        return Ok(Match::of(linked, Matched::Subject));
    }
    // A deadlock, or a rival who was faster by a hair: what was true has changed, so it is asked again, once.
    match link(store, identity, rules, draft).await {
        Err(SignInError::Store(StoreError::Conflict | StoreError::Duplicate { .. })) => {
            link(store, identity, rules, draft).await
        }
        outcome => outcome,
    }
}

async fn link(store: &Store, identity: &Identity, rules: Rules, draft: &Draft) -> Result<Match, SignInError> {
    let Draft { row, now, .. } = draft;
    let now = *now;
    if !rules.may_match_by_phone {
        return Err(SignInError::MigrationNeeded);
    }
    let Some(phone) = &identity.phone else {
        return Err(SignInError::PhoneUnavailable);
    };
    let new_user = || NewUser {
        nickname: identity.nickname.clone(),
        phone: Some(phone.stored()),
    };
    let meta = |matched| json!({ "matchedBy": matched });
    let spellings = phone.spellings();
    if rules.may_sign_up {
        let newcomer = Newcomer {
            subject: &identity.subject,
            user: new_user(),
            phone_spellings: &spellings,
            meta: meta(Matched::SignUp),
        };
        if let Some(linked) = store.sign_up(&newcomer, row, now).await? {
            return Ok(Match::at_once(linked, Matched::SignUp));
        }
    }
    let linking = store.begin_linking(&row.authenticator).await?;
    let mut linking = linking.ok_or(SignInError::AuthenticatorNotFound)?;
    if let Some(linked) = linking.find_linked(&identity.subject).await? {
        return Ok(Match::of(linked, Matched::Subject));
    }
    let mut candidates = linking.find_by_phone(&spellings).await?;
    let (user, matched) = match (candidates.pop(), candidates.is_empty()) {
        (Some(candidate), true) => {
            if candidate.linked_subject.is_some() {
                return Err(SignInError::PhoneAlreadyLinked);
            }
            if candidate.is_administrator && !rules.may_link_administrators {
                return Err(SignInError::AdministratorNotLinked);
            }
            (candidate.user.id, Matched::Phone)
        }
        (Some(_), false) => return Err(SignInError::PhoneAmbiguous),
        (None, _) if rules.may_sign_up => (linking.create_user(new_user(), now).await?, Matched::SignUp),
        (None, _) => return Err(SignInError::NoMatchingUser),
    };
    let (subject, nickname) = (&identity.subject, identity.nickname.as_deref());
    linking.link(user, subject, meta(matched), nickname, now).await?;
    let linked = linking.find_linked(subject).await?;
    let linked = linked.ok_or(SignInError::Store(StoreError::Conflict))?;
    linking.commit().await?;
    Ok(Match::of(linked, matched))
}
