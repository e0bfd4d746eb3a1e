//! A person's own link: what there is, whether it may be changed, and how a flow makes one.

use log::{info, warn};

use super::complete::Identified;
use super::flow::{AuthorizedFlow, Flow, FlowPurpose};
use super::linking::NewLink;
use super::signed_in::identifies_alike;
use super::{CompleteRequest, CookieChange, Outcome, SignIn, SignInError, SignInRefusal};
use crate::audit::{Event, Matched};
use crate::causes::with_causes;
use crate::nocobase::{Authenticator, UserId, UserLink};
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
        ways.links = of_offered(&ways.links, &offered);
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

    /// Removes the user's own link, whatever else is removed at the same time never the last way in; false when there was
    /// none.
    pub async fn remove_own_link(&self, user: UserId, authenticator: &str) -> Result<bool, SignInError> {
        let offered = self.registry.offered().await?;
        let mut ways = self.ways_in(user).await?;
        let unlinking = self.store.begin_unlink(user).await?;
        ways.links = of_offered(unlinking.links(), &offered);
        if let Some(refusal) = ways.refusal(authenticator, true) {
            return Err(refusal);
        }
        Ok(unlinking.remove(authenticator).await?)
    }

    /// Links the user, who is signed in, to whom the flow leads at DingTalk; `request.handle` names the flow. Gives the
    /// authenticator's name.
    pub async fn complete_link(
        &self,
        user: UserId,
        request: CompleteRequest<'_>,
    ) -> Result<(String, Vec<CookieChange>), SignInRefusal> {
        let (flows, _) = self.flows(request.cookies, request.origin.is_secure());
        let (authenticator, flow) =
            returned_for(user, flows, request.handle).map_err(|error| SignInRefusal {
                error,
                cookies: Vec::new(),
            })?;
        let request = CompleteRequest {
            authenticator: &authenticator,
            ..request
        };
        let (outcome, cookies) = self
            .spend(flow, &request, async |flow| {
                self.link_by_flow(user, flow, &request).await
            })
            .await;
        self.report_link(user, &outcome, &request).await;
        match outcome {
            Ok(()) => Ok((authenticator, cookies)),
            Err(error) => Err(SignInRefusal { error, cookies }),
        }
    }

    async fn link_by_flow(
        &self,
        user: UserId,
        flow: &mut AuthorizedFlow,
        request: &CompleteRequest<'_>,
    ) -> Result<(), SignInError> {
        let configured = self.registry.find(request.authenticator).await?;
        let dingtalk = self.dingtalk.queued_by(request.attempt.queue_key);
        let (Identified::Person(identity), _) = self.identify(flow, &configured, &dingtalk).await? else {
            return Err(SignInError::NotInOrganization);
        };
        // That took its time, as at a sign-in.
        let latest = self.registry.find(request.authenticator).await?;
        if !identifies_alike(&configured.options, &latest.options) {
            return Err(SignInError::SettingsChanged);
        }
        let link = NewLink {
            user,
            subject: &identity.subject,
            nickname: identity.nickname.as_deref(),
            made_by: Matched::Person,
        };
        self.link(&latest.authenticator, link).await
    }

    async fn report_link(
        &self,
        user: UserId,
        outcome: &Result<(), SignInError>,
        request: &CompleteRequest<'_>,
    ) {
        let (reference, authenticator) = (&request.attempt.reference, request.authenticator);
        let entry = match outcome {
            Ok(()) => {
                info!("user {user} linked themselves through {authenticator} (reference {reference})");
                Outcome {
                    event: Event::Link,
                    authenticator,
                    result: Ok(()),
                    matched: None,
                    user_id: Some(user),
                    dingtalk_request_id: None,
                    detail: None,
                }
            }
            Err(error) => {
                warn!(
                    "user {user} was not linked through {authenticator}: {} (reference {reference}): {}",
                    error.code(),
                    with_causes(error)
                );
                Outcome {
                    user_id: Some(user),
                    ..Outcome::refused(Event::Link, authenticator, error)
                }
            }
        };
        self.record(request.attempt, entry).await;
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

/// A link is a way in while its sign-in method is offered.
fn of_offered(links: &[UserLink], offered: &[Authenticator]) -> Vec<UserLink> {
    let is_offered = |link: &&UserLink| offered.iter().any(|row| row.name == link.authenticator);
    links.iter().filter(is_offered).cloned().collect()
}

/// The flow of this handle that came back to link this user, with its authenticator.
fn returned_for(
    user: UserId,
    flows: Vec<Flow>,
    handle: Option<&str>,
) -> Result<(String, AuthorizedFlow), SignInError> {
    let mut ours = flows
        .into_iter()
        .filter(|flow| handle == Some(flow.handle()) && flow.purpose() != FlowPurpose::SignIn);
    let flow = ours.next().ok_or(SignInError::FlowNotFound)?;
    if flow.purpose() != FlowPurpose::Link(user) {
        return Err(SignInError::SessionChanged);
    }
    let authenticator = flow.authenticator().to_owned();
    match flow {
        Flow::Authorized(flow) => Ok((authenticator, flow)),
        Flow::Completed(_) => Err(SignInError::FlowUsed),
        Flow::Pending(_) => Err(SignInError::FlowNotFound),
    }
}
