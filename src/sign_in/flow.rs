//! A flow: one sign-in under way, kept by the browser that began it.
//!
//! The server keeps nothing until the sign-in is completed, so any replica can go on with what another began. A flow
//! moves only forward: [`PendingFlow`] (the browser is at DingTalk) becomes [`AuthorizedFlow`] (it came back with a
//! code), and each [`FlowStep`] of that is taken once. When DingTalk is too busy to say who it is after the code was
//! redeemed, the flow goes on with the token it got: the code is never redeemed again. What is left at the end,
//! [`CompletedFlow`], opens nothing any more.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::return_path::ReturnPath;
use crate::dingtalk::UserAccessToken;
use crate::entropy::Entropy;
use crate::nocobase::UserId;

/// How long a person has, from the click on the button to the end of the sign-in.
pub const FLOW_LIFETIME: TimeDelta = TimeDelta::minutes(10);

const HANDLE_BYTES: usize = 12;
const STATE_BYTES: usize = 24;

/// What a flow was begun for. It is good for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowPurpose {
    /// To sign in.
    SignIn,
    /// To link this user, who is signed in.
    Link(UserId),
}

/// A flow whose browser was sent to DingTalk.
pub struct PendingFlow(pub(super) FlowData);

/// A flow whose browser came back from DingTalk with a code.
pub struct AuthorizedFlow {
    pub(super) data: FlowData,
    pub(super) proof: Proof,
}

/// A flow that has given its session. It is kept until its time is over, so that who comes back to it is told so.
pub struct CompletedFlow(pub(super) FlowData);

/// What DingTalk gave this flow last.
pub enum Proof {
    /// The code to redeem.
    Code(SecretString),
    /// What the code was redeemed for.
    Token(UserAccessToken),
}

/// A step of a flow, by the flow's identifier. Each is taken once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowStep {
    /// To redeem the code.
    Code(Uuid),
    /// To go on with the token that the code gave.
    Token(Uuid),
}

/// A flow as it was found in a cookie.
pub enum Flow {
    /// The browser has not come back yet.
    Pending(PendingFlow),
    /// The browser came back, and the sign-in can be completed.
    Authorized(AuthorizedFlow),
    /// The sign-in was completed.
    Completed(CompletedFlow),
}

/// What a flow is, however far it came.
pub(super) struct FlowData {
    pub(super) id: Uuid,
    pub(super) handle: String,
    pub(super) state: String,
    pub(super) authenticator: String,
    pub(super) return_path: ReturnPath,
    pub(super) ends_at: i64,
    pub(super) purpose: FlowPurpose,
}

impl PendingFlow {
    /// Begins a sign-in that ends ten minutes from `now`.
    pub fn new(authenticator: &str, return_path: ReturnPath, entropy: &Entropy, now: DateTime<Utc>) -> Self {
        Self(FlowData {
            id: entropy.uuid(),
            handle: entropy.text::<HANDLE_BYTES>(),
            state: entropy.text::<STATE_BYTES>(),
            authenticator: authenticator.to_owned(),
            return_path,
            ends_at: (now + FLOW_LIFETIME).timestamp(),
            purpose: FlowPurpose::SignIn,
        })
    }

    /// The same for another purpose.
    #[must_use]
    pub fn meant_for(mut self, purpose: FlowPurpose) -> Self {
        self.0.purpose = purpose;
        self
    }

    /// The value that DingTalk carries back to us.
    pub fn state(&self) -> &str {
        &self.0.state
    }

    /// The browser came back with a code.
    pub fn returned(self, code: SecretString) -> AuthorizedFlow {
        AuthorizedFlow {
            data: self.0,
            proof: Proof::Code(code),
        }
    }
}

impl AuthorizedFlow {
    /// What there is to go on with.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// Whether it came back with this code, as far as it still knows: a redeemed code is not kept.
    pub fn has_code(&self, code: &SecretString) -> bool {
        match &self.proof {
            Proof::Code(own) => own
                .expose_secret()
                .as_bytes()
                .ct_eq(code.expose_secret().as_bytes())
                .into(),
            Proof::Token(_) => true,
        }
    }

    /// It has given its session.
    pub fn used(self) -> CompletedFlow {
        CompletedFlow(self.data)
    }

    /// The code was redeemed; from now on the token stands in its place.
    pub fn redeemed(&mut self, token: UserAccessToken) {
        self.proof = Proof::Token(token);
    }

    /// The identifier under which its session is issued.
    pub fn id(&self) -> Uuid {
        self.data.id
    }

    /// The end of its ten minutes, in seconds.
    pub fn ends_at(&self) -> i64 {
        self.data.ends_at
    }

    /// The step that it is to take next.
    pub fn step(&self) -> FlowStep {
        match self.proof {
            Proof::Code(_) => FlowStep::Code(self.data.id),
            Proof::Token(_) => FlowStep::Token(self.data.id),
        }
    }
}

impl From<PendingFlow> for Flow {
    fn from(pending: PendingFlow) -> Self {
        Self::Pending(pending)
    }
}

impl From<AuthorizedFlow> for Flow {
    fn from(authorized: AuthorizedFlow) -> Self {
        Self::Authorized(authorized)
    }
}

impl From<CompletedFlow> for Flow {
    fn from(completed: CompletedFlow) -> Self {
        Self::Completed(completed)
    }
}

impl Flow {
    /// Whether this is the flow that DingTalk's answer belongs to.
    pub fn has_state(&self, state: &str) -> bool {
        self.data().state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    pub(super) fn data(&self) -> &FlowData {
        match self {
            Self::Pending(pending) => &pending.0,
            Self::Authorized(authorized) => &authorized.data,
            Self::Completed(completed) => &completed.0,
        }
    }

    /// The name by which the sign-in page speaks of this flow. It is not secret.
    pub fn handle(&self) -> &str {
        &self.data().handle
    }

    /// The authenticator it was begun with.
    pub fn authenticator(&self) -> &str {
        &self.data().authenticator
    }

    /// What it was begun for.
    pub fn purpose(&self) -> FlowPurpose {
        self.data().purpose
    }

    /// The page to return to.
    pub fn return_path(&self) -> &ReturnPath {
        &self.data().return_path
    }

    /// Whether its ten minutes are over.
    pub fn has_ended(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() >= self.data().ends_at
    }

    /// The end of its ten minutes, in seconds.
    pub fn ends_at(&self) -> i64 {
        self.data().ends_at
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Flow")
            .field("authenticator", &self.authenticator())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_763_600_000, 0).unwrap()
    }

    fn started(entropy: &Entropy) -> PendingFlow {
        PendingFlow::new("s", ReturnPath::parse("/signin").unwrap(), entropy, now())
    }

    #[test]
    fn a_flow_ends_after_ten_minutes() {
        let flow = Flow::from(started(&Entropy::seeded(1)));

        assert!(!flow.has_ended(now() + TimeDelta::seconds(599)));
        assert!(flow.has_ended(now() + TimeDelta::seconds(600)));
    }

    #[test]
    fn states_are_long_and_never_repeat() {
        let entropy = Entropy::secure();
        let states: std::collections::HashSet<String> = (0..10_000)
            .map(|_| started(&entropy).state().to_owned())
            .collect();

        assert_eq!(states.len(), 10_000);
        assert!(
            states
                .iter()
                .all(|state| URL_SAFE_NO_PAD.decode(state).unwrap().len() * 8 >= 128)
        );
    }
}
