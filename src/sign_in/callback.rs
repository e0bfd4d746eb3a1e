//! The return: DingTalk's answer goes into the flow, the browser to the sign-in page.

use log::info;
use secrecy::SecretString;

use super::flow::Flow;
use super::start::remove;
use super::{CookieChange, CookieIn, Outcome, Requester, ReturnPath, SignIn, SignInError};
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
        let begun = match flow.ok_or(SignInError::FlowNotFound)? {
            Flow::Pending(begun) => begun,
            Flow::Authorized(returned) => {
                let is_the_same = code.is_some_and(|code| returned.has_code(&code));
                let flow = is_the_same
                    .then(|| Flow::from(returned))
                    .ok_or(SignInError::FlowNotFound)?;
                return Ok(self.at_page_again(&flow, ("dingtalk", flow.handle())));
            }
            Flow::Completed(used) => {
                let code = SignInError::FlowUsed.code().name();
                return Ok(self.at_page_again(&used.into(), ("error", code)));
            }
        };
        if let Some(code) = code.filter(is_code) {
            let flow = Flow::from(begun.returned(code));
            let page = page_of(&flow, &self.site.sign_in_page());
            let location = page.with(&[
                ("authenticator", flow.authenticator()),
                ("dingtalk", flow.handle()),
            ]);
            return Ok(CallbackAnswer {
                location,
                cookies: vec![self.keep(&flow, origin.is_secure())?],
                outcome: CallbackKind::Answer,
            });
        }
        let flow = Flow::from(begun);
        let refusal = if answer.is_refusal {
            SignInError::Denied
        } else {
            SignInError::FlowNotFound
        };
        info!(
            "sign-in through {} ended at DingTalk: {refusal}",
            flow.authenticator()
        );
        let outcome = Outcome {
            authenticator: flow.authenticator(),
            result: Err(refusal.code()),
            matched: None,
            user_id: None,
            dingtalk_request_id: None,
            detail: None,
        };
        self.record(attempt, outcome).await;
        let page = page_of(&flow, &self.site.sign_in_page());
        let location = page.with(&[
            ("authenticator", flow.authenticator()),
            ("error", refusal.code().name()),
        ]);
        Ok(CallbackAnswer {
            location,
            cookies: remove(&flow, cookies),
            outcome: CallbackKind::Refusal,
        })
    }

    fn at_page_again(&self, flow: &Flow, what: (&str, &str)) -> CallbackAnswer {
        let page = page_of(flow, &self.site.sign_in_page());
        CallbackAnswer {
            location: page.with(&[("authenticator", flow.authenticator()), what]),
            cookies: Vec::new(),
            outcome: CallbackKind::Repetition,
        }
    }
}

fn is_code(code: &SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    let code = code.expose_secret();
    !code.is_empty() && code.len() <= CODE_LIMIT && code.bytes().all(|byte| byte.is_ascii_graphic())
}

fn page_of(flow: &Flow, fallback: &str) -> ReturnPath {
    ReturnPath::parse_or(Some(flow.return_path()), fallback)
}
