//! The cookies of an answer: those of flows, and NocoBase's.

use actix_web::HttpResponse;
use actix_web::cookie::time::{Duration, OffsetDateTime};
use actix_web::cookie::{Cookie, CookieBuilder, SameSite};
use actix_web::http::header::{self, HeaderValue};

use crate::http::AppState;
use crate::http::request::context::Context;
use crate::session::{CookieLife, SessionCookie};
use crate::sign_in::CookieChange;

impl Context {
    /// Sets and removes flow cookies: for this host only, out of reach of scripts, sent along when DingTalk sends the
    /// browser back.
    pub fn set_flow_cookies(&self, response: &mut HttpResponse, changes: &[CookieChange]) {
        let now = self.state.clock.now().timestamp();
        for change in changes {
            let (name, value, seconds) = match change {
                CookieChange::Set { name, value, ends_at } => (name, value.as_str(), (ends_at - now).max(0)),
                CookieChange::Remove { name } => (name, "", 0),
            };
            let cookie = Cookie::build(name.as_str(), value)
                .path("/")
                .http_only(true)
                .max_age(Duration::seconds(seconds));
            set(response, cookie, self.origin.is_secure());
        }
    }

    /// Sets or removes NocoBase's cookies.
    pub fn set_session_cookies(&self, response: &mut HttpResponse, cookies: &[SessionCookie]) {
        of_session(&self.state, self.origin.is_secure(), response, cookies);
    }
}

/// NocoBase's cookies with NocoBase's attributes, also in answer to a request that was not read.
pub fn of_session(state: &AppState, is_secure: bool, response: &mut HttpResponse, cookies: &[SessionCookie]) {
    let path = match state.edge.public_path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    for item in cookies {
        let expires = match item.life {
            CookieLife::Removed => OffsetDateTime::UNIX_EPOCH,
            CookieLife::For(life) => {
                let ends = (state.clock.now() + life).timestamp();
                OffsetDateTime::from_unix_timestamp(ends).unwrap_or(OffsetDateTime::UNIX_EPOCH)
            }
        };
        let cookie = Cookie::build(item.name, item.value.as_str())
            .path(path)
            .http_only(item.http_only)
            .expires(expires);
        set(response, cookie, is_secure);
    }
}

fn set(response: &mut HttpResponse, cookie: CookieBuilder<'_>, is_secure: bool) {
    let cookie = cookie.same_site(SameSite::Lax).secure(is_secure).finish();
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
