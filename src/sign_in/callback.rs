//! The return: DingTalk's answer goes into the flow, the browser to the sign-in page.

use log::info;
use secrecy::SecretString;

use super::flow::{Flow, FlowPurpose};
use super::start::remove;
use super::{CookieChange, CookieIn, Outcome, Requester, SignIn, SignInError};
use crate::audit::Event;
use crate::origin::Origin;

/// DingTalk's answer in the query of the return.
pub struct CallbackQuery {
    /// The code, under whichever of its two names it came.
    pub code: Option<SecretString>,
    /// Whether `error` was there.
    pub is_refusal: bool,
    /// What belongs to exactly one flow of this browser.
    pub state: Option<String>,
}

/// Where the browser goes next, and what it keeps.
pub struct CallbackAnswer {
    /// The sign-in page the flow began on, told what came of it.
    pub location: String,
    /// Changes to the flow cookies.
    pub cookies: Vec<CookieChange>,
    /// What the return was.
    pub outcome: CallbackKind,
}

/// What a return was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackKind {
    /// DingTalk's answer, with a code.
    Answer,
    /// DingTalk's refusal, which ended the flow.
    Refusal,
    /// A return that was taken before; nothing changed.
    Repetition,
    /// A return to a flow that has signed somebody in, or has failed to; refused, and nothing changed.
    Late,
}

/// DingTalk's codes have 32 characters; what is far longer is none.
const CODE_LIMIT: usize = 256;

impl SignIn {
    /// Takes DingTalk's answer. A `state` that belongs to no flow of this browser changes nothing, and what was taken
    /// before leads to the same page again: browsers ask twice, and people go back.
    pub async fn callback(
        &self,
        answer: CallbackQuery,
        origin: &Origin,
        cookies: &[CookieIn],
        attempt: &Requester,
    ) -> Result<CallbackAnswer, SignInError> {
        let state = answer.state.ok_or(SignInError::FlowNotFound)?;
        let (flows, _) = self.flows(cookies, origin.is_secure());
        let flow = flows.into_iter().find(|flow| flow.has_state(&state));
        let code = answer.code.filter(|_| !answer.is_refusal);
        let pending = match flow.ok_or(SignInError::FlowNotFound)? {
            Flow::Pending(pending) => pending,
            Flow::Authorized(authorized) => {
                let is_the_same = code.is_some_and(|code| authorized.has_code(&code));
                let flow = is_the_same
                    .then(|| Flow::from(authorized))
                    .ok_or(SignInError::FlowNotFound)?;
                return Ok(CallbackAnswer {
                    location: page_to_complete(&flow),
                    cookies: Vec::new(),
                    outcome: CallbackKind::Repetition,
                });
            }
            Flow::Completed(completed) => {
                let location = self
                    .refuse(&completed.into(), &SignInError::FlowUsed, attempt)
                    .await;
                return Ok(CallbackAnswer {
                    location,
                    cookies: Vec::new(),
                    outcome: CallbackKind::Late,
                });
            }
        };
        if let Some(code) = code.filter(is_code) {
            let flow = Flow::from(pending.returned(code));
            return Ok(CallbackAnswer {
                location: page_to_complete(&flow),
                cookies: vec![self.keep(&flow, origin.is_secure())?],
                outcome: CallbackKind::Answer,
            });
        }
        let flow = Flow::from(pending);
        let refusal = if answer.is_refusal {
            SignInError::Denied
        } else {
            SignInError::FlowNotFound
        };
        Ok(CallbackAnswer {
            location: self.refuse(&flow, &refusal, attempt).await,
            cookies: remove(&flow, cookies),
            outcome: CallbackKind::Refusal,
        })
    }

    /// Notes why a return leads no further, under the reference that the sign-in page shows; gives its address.
    async fn refuse(&self, flow: &Flow, refusal: &SignInError, attempt: &Requester) -> String {
        let reference = attempt.reference.as_str();
        info!(
            "sign-in through {} ended at DingTalk (reference {reference}): {refusal}",
            flow.authenticator()
        );
        let (event, user_id) = match flow.purpose() {
            FlowPurpose::SignIn => (Event::SignIn, None),
            FlowPurpose::Link(user) => (Event::Link, Some(user)),
        };
        let outcome = Outcome {
            user_id,
            ..Outcome::refused(event, flow.authenticator(), refusal)
        };
        self.record(attempt, outcome).await;
        let (code, reference) = (refusal.code().name(), ("dingtalkReference", reference));
        let page = flow.return_path();
        match flow.purpose() {
            FlowPurpose::SignIn => {
                let authenticator = ("authenticator", flow.authenticator());
                page.with(&[authenticator, ("error", code), reference])
            }
            FlowPurpose::Link(_) => page.with(&[("dingtalkLinkError", code), reference]),
        }
    }
}

/// The page that a flow began on, told which flow it is to complete. The page of a link is one among many, whose own
/// parameters have nothing to do with us.
fn page_to_complete(flow: &Flow) -> String {
    let (page, handle) = (flow.return_path(), flow.handle());
    match flow.purpose() {
        FlowPurpose::SignIn => page.with(&[("authenticator", flow.authenticator()), ("dingtalk", handle)]),
        FlowPurpose::Link(_) => page.with(&[("dingtalkLink", handle)]),
    }
}

/// Whether a text may be a code of DingTalk's.
pub fn is_code(code: &SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    let code = code.expose_secret();
    !code.is_empty() && code.len() <= CODE_LIMIT && code.bytes().all(|byte| byte.is_ascii_graphic())
}
