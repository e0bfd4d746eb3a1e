//! The sign-in itself: code to identity, identity to user, user to session.

use super::directory_member::DirectoryMember;
use super::flow::{AuthorizedFlow, Flow, FlowPurpose, Proof};
use super::identity::{Identity, Subject, nickname};
use super::membership::Membership;
use super::profile::Presented;
use super::signed_in::{Completed, SignedIn, Way, identifies_alike, subject_of};
use super::start::remove;
use super::{CookieChange, CookieIn, Requester, SignIn, SignInError, credentials};
use crate::authenticator::Configured;
use crate::dingtalk::DingTalk;
use crate::nocobase::SubjectKind;
use crate::origin::Origin;
use crate::phone::Phone;

/// What the sign-in page posts.
pub struct CompleteRequest<'a> {
    /// The authenticator named in the request's header.
    pub authenticator: &'a str,
    /// The flow; without one, the newest that came back.
    pub handle: Option<&'a str>,
    /// The browser's cookies.
    pub cookies: &'a [CookieIn],
    /// The origin the browser sees.
    pub origin: &'a Origin,
    /// Who is asking.
    pub attempt: &'a Requester,
}

/// A person is not signed in.
pub struct SignInRefusal {
    /// Why.
    pub error: SignInError,
    /// Changes to the flow cookies: the flow is kept when it may be tried again, else removed.
    pub cookies: Vec<CookieChange>,
}

impl SignIn {
    /// Completes a flow. However often it is called with one flow, at most one session comes of it.
    pub async fn complete(&self, request: CompleteRequest<'_>) -> Result<Completed, SignInRefusal> {
        let (flows, _) = self.flows(request.cookies, request.origin.is_secure());
        let flow = match newest_returned(flows, request.authenticator, request.handle) {
            Ok(flow) => flow,
            Err(error) => {
                return Err(SignInRefusal {
                    error,
                    cookies: Vec::new(),
                });
            }
        };
        let (outcome, cookies) = self
            .spend(flow, &request, async |flow| self.run(flow, &request).await)
            .await;
        self.report(&outcome, Way::Flow, request.authenticator, request.attempt)
            .await;
        match outcome {
            Ok(done) => Ok(self.completed(done, request.authenticator, cookies)),
            Err(error) => Err(SignInRefusal { error, cookies }),
        }
    }

    /// Takes the next step of a flow with `work`, unless it was taken before, and says what becomes of the cookie.
    pub(super) async fn spend<T>(
        &self,
        mut flow: AuthorizedFlow,
        request: &CompleteRequest<'_>,
        work: impl AsyncFnOnce(&mut AuthorizedFlow) -> Result<T, SignInError>,
    ) -> (Result<T, SignInError>, Vec<CookieChange>) {
        let step = flow.step();
        let now = self.clock.now().timestamp();
        let outcome = if self.used_flows.take(step, flow.ends_at(), now) {
            work(&mut flow).await
        } else {
            Err(SignInError::FlowUsed)
        };
        // A duplicate that still has the code must not redeem it again.
        let was_redeemed = flow.step() != step;
        let is_secure = request.origin.is_secure();
        let cookies = match &outcome {
            Ok(_) => {
                let flow = Flow::from(flow.used());
                self.keep(&flow, is_secure)
                    .map_or_else(|_| remove(&flow, request.cookies), |kept| vec![kept])
            }
            Err(error) if error.keeps_flow() => {
                if !was_redeemed {
                    self.used_flows.give_back(step);
                }
                self.keep(&flow.into(), is_secure).into_iter().collect()
            }
            // Whoever was first decides whether this browser keeps the flow.
            Err(SignInError::FlowUsed) => Vec::new(),
            Err(_) => remove(&flow.into(), request.cookies),
        };
        (outcome, cookies)
    }

    async fn run(
        &self,
        flow: &mut AuthorizedFlow,
        request: &CompleteRequest<'_>,
    ) -> Result<SignedIn, SignInError> {
        let authenticator = request.authenticator;
        let configured = self.registry.find(authenticator).await?;
        let dingtalk = self.dingtalk.queued_by(request.attempt.queue_key);
        let (identified, mut member) = self.identify(flow, &configured, &dingtalk).await?;
        if let Identified::Person(_) = identified {
            member
                .require_admission(&configured.options.rules.departments)
                .await?;
        }
        // That took its time, so what is allowed is looked up again.
        let latest = self.registry.find(authenticator).await?;
        if !identifies_alike(&configured.options, &latest.options) {
            return Err(SignInError::SettingsChanged);
        }
        let identity = match identified {
            Identified::Person(identity) => identity,
            Identified::Stranger(subject) => {
                return Err(self.refuse_stranger(&latest, &subject, request.attempt).await?);
            }
        };
        member
            .require_admission(&latest.options.rules.departments)
            .await?;
        let draft = self.sessions.draft(&latest.authenticator.name, flow.id()).await?;
        let presented = Presented::of(&identity);
        let matching = self.matching(&latest, &draft);
        let mut person = matching.find_or_link(identity, &mut member).await?;
        let refreshed = self.refresh(&latest, &mut person, presented, &mut member).await;
        self.hand_out(person, refreshed, &draft).await
    }

    /// Asks DingTalk who this is: two calls, and a third where the subject is the organization's own id, or where only
    /// members may sign in. With it comes what the directory can be asked about them.
    pub(super) async fn identify(
        &self,
        flow: &mut AuthorizedFlow,
        configured: &Configured,
        dingtalk: &DingTalk,
    ) -> Result<(Identified, DirectoryMember), SignInError> {
        let options = &configured.options;
        let credentials = credentials(options)?;
        let token = match flow.proof() {
            Proof::Code(code) => {
                let token = dingtalk.redeem(&credentials, code).await?;
                flow.redeemed(token.clone());
                token
            }
            Proof::Token(token) => token.clone(),
        };
        if options.corp_id.is_some() && token.corp_id != options.corp_id {
            return Err(SignInError::NotInOrganization);
        }
        let profile = dingtalk.profile(&credentials, &token).await?;
        let phone = Phone::parse(profile.state_code.as_deref(), profile.mobile.as_deref());
        let client_id = credentials.client_id.clone();
        let union_id = profile.union_id;
        let mut member = DirectoryMember::of_union_id(dingtalk.clone(), credentials, union_id.clone());
        let membership = if options.corp_id.is_some() && options.subject != SubjectKind::UserId {
            let find_user_id = async || member.user_id().await;
            self.ask_membership(&client_id, find_user_id).await?
        } else {
            Membership::Unknown
        };
        let is_stranger = membership == Membership::Stranger;
        let id = match options.subject {
            SubjectKind::UnionId => union_id.as_str().to_owned(),
            SubjectKind::UserId => {
                let user_id = member.user_id().await?;
                user_id.ok_or(SignInError::NotInOrganization)?.as_str().to_owned()
            }
            // A number may have been another person's, who is here still.
            SubjectKind::Mobile if is_stranger => return Err(SignInError::NotInOrganization),
            SubjectKind::Mobile => match &phone {
                Ok(phone) => phone.stored(),
                Err(reason) => return Err(SignInError::NoPhone(*reason)),
            },
        };
        let subject = subject_of(options, id, client_id);
        let identified = if is_stranger {
            Identified::Stranger(subject)
        } else {
            Identified::Person(Identity {
                subject,
                phone,
                nickname: nickname(profile.nick.as_deref()),
                avatar: profile.avatar_url,
            })
        };
        Ok((identified, member))
    }
}

/// Whom DingTalk has named.
pub(super) enum Identified {
    /// Somebody who may be signed in.
    Person(Identity),
    /// Somebody who is no member of the organization.
    Stranger(Subject),
}

fn newest_returned(
    flows: Vec<Flow>,
    authenticator: &str,
    handle: Option<&str>,
) -> Result<AuthorizedFlow, SignInError> {
    let (mut newest, mut was_used) = (None, false);
    let ours = flows
        .into_iter()
        .filter(|flow| flow.purpose() == FlowPurpose::SignIn && flow.authenticator() == authenticator)
        .filter(|flow| handle.is_none_or(|handle| flow.handle() == handle));
    for flow in ours {
        match flow {
            Flow::Authorized(returned) => {
                let is_newer = newest
                    .as_ref()
                    .is_none_or(|newest: &AuthorizedFlow| newest.ends_at() <= returned.ends_at());
                if is_newer {
                    newest = Some(returned);
                }
            }
            Flow::Completed(_) => was_used = handle.is_some(),
            Flow::Pending(_) => {}
        }
    }
    newest.ok_or(if was_used {
        SignInError::FlowUsed
    } else {
        SignInError::FlowNotFound
    })
}
