//! The start: a cookie for the flow, and off to DingTalk.

use url::form_urlencoded;

use super::flow::{Flow, FlowPurpose, PendingFlow};
use super::{CookieChange, CookieIn, ReturnPath, SignIn, SignInError, credentials};
use crate::dingtalk::AuthorizationRequest;
use crate::origin::Origin;

/// A click on the button.
pub struct StartRequest<'a> {
    /// The authenticator's name.
    pub authenticator: &'a str,
    /// What is begun.
    pub purpose: FlowPurpose,
    /// The path and query of the page the button is on.
    pub return_path: Option<&'a str>,
    /// The origin the browser sees, as the settings say it, or the request.
    pub origin: &'a Origin,
    /// The origin as the request alone says it, which a proxy may hide.
    pub requested: Option<&'a Origin>,
    /// Whether the browser was already sent to the authenticator's own origin.
    pub was_moved: bool,
    /// Where the sign-in page is that people come back to without one; as the settings say it when nobody knows better.
    pub sign_in_page: Option<&'a str>,
    /// Whether DingTalk's page is shown in a frame of the page the button is on.
    pub is_framed: bool,
    /// The browser's cookies.
    pub cookies: &'a [CookieIn],
}

/// Where the browser goes, and what it keeps.
pub struct Started {
    /// DingTalk's authorization URL, or the same start on the authenticator's own origin.
    pub location: String,
    /// Changes to the flow cookies.
    pub cookies: Vec<CookieChange>,
}

/// Flows one browser may have under way; a fifth drops the oldest.
const FLOWS_PER_BROWSER: usize = 4;
/// Dead cookies that one answer removes; the next start goes on. NocoBase reads no answer with a head of more than 16 KiB,
/// and somebody may have planted hundreds.
const REMOVED_AT_ONCE: usize = 20;

impl SignIn {
    /// Begins a flow.
    pub async fn start(&self, request: StartRequest<'_>) -> Result<Started, SignInError> {
        let configured = self.registry.find(request.authenticator).await?;
        let name = &configured.authenticator.name;
        let return_path = ReturnPath::parse_or(request.return_path, &self.fallback(&request));
        let own_origin = configured
            .options
            .callback_origin
            .as_deref()
            .and_then(Origin::parse);
        let origin = own_origin.as_ref().unwrap_or(request.origin);
        // The flow is in a cookie of the host that the browser is on, and DingTalk sends it to this one. A proxy that hides
        // the host would send the browser round for ever; one move is enough.
        let is_elsewhere = match request.requested {
            // The settings say the origin; of the request's only the host is sure.
            Some(requested) if requested != request.origin => !requested.has_host_of(origin),
            Some(_) | None => origin != request.origin,
        };
        if request.is_framed && !configured.options.qr_code {
            return Err(SignInError::AuthenticatorNotFound);
        }
        if is_elsewhere && (request.is_framed || request.purpose != FlowPurpose::SignIn) {
            // The session is in the storage of this origin; the other one has none, and DingTalk answers no page of it.
            return Err(SignInError::OpenedElsewhere(origin.as_text().to_owned()));
        }
        if is_elsewhere && !request.was_moved {
            return Ok(Started {
                location: self.same_start_at(origin, name, &return_path),
                cookies: Vec::new(),
            });
        }
        let client_id = credentials(&configured.options)?.client_id;
        let flow =
            PendingFlow::new(name, return_path, &self.entropy, self.clock.now()).meant_for(request.purpose);
        let location = self.dingtalk.authorization_url(&AuthorizationRequest {
            client_id: &client_id,
            redirect_uri: &origin.with_path(&self.site.redirect_path()),
            state: flow.state(),
            corp_id: configured.options.corp_id.as_deref(),
            is_exclusive: configured.options.exclusive_login,
            is_framed: request.is_framed,
        });
        let mut cookies = self.make_room(request.cookies, request.origin.is_secure());
        cookies.push(self.keep(&flow.into(), request.origin.is_secure())?);
        Ok(Started { location, cookies })
    }

    fn fallback(&self, request: &StartRequest<'_>) -> String {
        match request.purpose {
            FlowPurpose::SignIn => self.sign_in_page(request.sign_in_page),
            FlowPurpose::Link(_) => self.site.home_page(),
        }
    }

    /// The plain sign-in page, where NocoBase says it is.
    pub(super) fn sign_in_page(&self, told: Option<&str>) -> String {
        let told = told.and_then(ReturnPath::parse);
        told.map_or_else(|| self.site.sign_in_page(), |page| page.as_str().to_owned())
    }

    fn same_start_at(&self, origin: &Origin, authenticator: &str, return_path: &ReturnPath) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("authenticator", authenticator)
            .append_pair("return", return_path.as_str())
            .append_pair("moved", "1")
            .finish();
        format!("{}?{query}", origin.with_path(&self.site.redirect_path()))
    }

    /// Removes dead flow cookies, and the oldest living ones until one more has room.
    fn make_room(&self, cookies: &[CookieIn], secure: bool) -> Vec<CookieChange> {
        let (mut flows, dead) = self.flows(cookies, secure);
        let mut changes: Vec<CookieChange> = dead
            .into_iter()
            .take(REMOVED_AT_ONCE)
            .map(|name| CookieChange::Remove { name })
            .collect();
        flows.sort_by_key(Flow::ends_at);
        let too_many = (flows.len() + 1).saturating_sub(FLOWS_PER_BROWSER);
        for flow in flows.iter().take(too_many) {
            changes.extend(remove(flow, cookies));
        }
        changes
    }

    /// The cookie that keeps a flow in the browser.
    pub(super) fn keep(&self, flow: &Flow, secure: bool) -> Result<CookieChange, SignInError> {
        let value = self.seal.seal(flow, secure).ok_or(SignInError::FlowNotFound)?;
        Ok(CookieChange::Set {
            name: flow.cookie_name(secure),
            value,
            ends_at: flow.ends_at(),
        })
    }
}

/// Removes the cookies of a flow, under whichever name the browser has it.
pub(super) fn remove(flow: &Flow, cookies: &[CookieIn]) -> Vec<CookieChange> {
    [true, false]
        .map(|secure| flow.cookie_name(secure))
        .into_iter()
        .filter(|name| cookies.iter().any(|cookie| cookie.name == *name))
        .map(|name| CookieChange::Remove { name })
        .collect()
}
