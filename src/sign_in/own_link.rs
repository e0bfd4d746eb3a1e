//! A person's own link: what there is, and its removal, which never takes the last way in.

use super::{SignIn, SignInError};
use crate::nocobase::{UserId, UserLink};
use crate::product::{AUTH_TYPE, PASSWORD_AUTH_TYPE};

/// One sign-in method, as far as it concerns somebody who is signed in.
#[derive(Debug)]
pub struct OwnLink {
    /// The authenticator's name.
    pub authenticator: String,
    /// What the sign-in page calls it; may be a template.
    pub title: Option<String>,
    /// The link, where there is one.
    pub link: Option<UserLink>,
    /// Why it can be neither removed, nor made where there is none.
    pub refusal: Option<SignInError>,
}

/// What somebody may sign in with.
struct WaysIn {
    links: Vec<UserLink>,
    has_password: bool,
    takes_password: bool,
}

impl SignIn {
    /// The enabled DingTalk authenticators, in order, with what the user is linked to.
    pub async fn own_links(&self, user: UserId) -> Result<Vec<OwnLink>, SignInError> {
        let offered = self.registry.offered().await?;
        let mut ways = self.ways_in(user).await?;
        ways.links
            .retain(|link| offered.iter().any(|row| row.name == link.authenticator));
        let ours = offered.iter().filter(|row| row.auth_type == AUTH_TYPE);
        Ok(ours
            .map(|row| {
                let link = ways.links.iter().find(|link| link.authenticator == row.name);
                OwnLink {
                    authenticator: row.name.clone(),
                    title: row.title.clone(),
                    link: link.cloned(),
                    refusal: ways.refusal(&row.name, link.is_some()),
                }
            })
            .collect())
    }

    /// Whether the user may link or unlink themselves here: the link there is.
    pub async fn own_link(&self, user: UserId, authenticator: &str) -> Result<OwnLink, SignInError> {
        let links = self.own_links(user).await?.into_iter();
        let mut named = links.filter(|link| link.authenticator == authenticator);
        named.next().ok_or(SignInError::AuthenticatorNotFound)
    }

    async fn ways_in(&self, user: UserId) -> Result<WaysIn, SignInError> {
        let users = self.store.users();
        let has_password = users.password_hash(user).await?.is_some();
        let found = users.find(user).await?;
        let has_account = found.is_some_and(|user| {
            let accounts = [user.username, user.email].into_iter().flatten();
            accounts.into_iter().any(|account| !account.trim().is_empty())
        });
        let offered = self.registry.offered().await?;
        let is_offered = offered.iter().any(|row| row.auth_type == PASSWORD_AUTH_TYPE);
        Ok(WaysIn {
            links: self.store.links().of_user(user).await?,
            has_password,
            takes_password: has_password && has_account && is_offered,
        })
    }
}

impl WaysIn {
    /// Whoever changes a link proves with the password who they are, and keeps another way in.
    fn refusal(&self, authenticator: &str, is_linked: bool) -> Option<SignInError> {
        let has_other_link = self.links.iter().any(|link| link.authenticator != authenticator);
        if is_linked && !has_other_link && !self.takes_password {
            Some(SignInError::LastWayIn)
        } else {
            (!self.has_password).then_some(SignInError::PasswordNotSet)
        }
    }
}
