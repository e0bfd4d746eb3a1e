//! NocoBase's four cookies, as data; `http` writes them out.

use chrono::TimeDelta;

/// One of NocoBase's cookies. Path, `Secure` and `SameSite=Lax` are the same for all four.
pub struct SessionCookie {
    /// Its name, with the application's name behind it.
    pub name: &'static str,
    /// Its value; empty when it is removed.
    pub value: String,
    /// Whether scripts are kept from reading it.
    pub http_only: bool,
    /// How long it lives.
    pub life: CookieLife,
}

/// How long a cookie lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieLife {
    /// Until this much time has passed.
    For(TimeDelta),
    /// It is removed now.
    Removed,
}

const AUTH_TOKEN: &str = "nb_auth_token_main";
const AUTHENTICATOR: &str = "nb_authenticator_main";
const ROLE: &str = "nb_role_main";
const CSRF_TOKEN: &str = "nb_csrf_token_main";

/// The cookies of a session that begins or goes on; without a role, NocoBase sets no role cookie.
pub fn of_session(
    token: &str,
    authenticator: &str,
    role: Option<&str>,
    csrf_token: &str,
    lifetime: TimeDelta,
) -> Vec<SessionCookie> {
    let cookie = |name, value: &str, http_only| SessionCookie {
        name,
        value: value.to_owned(),
        http_only,
        life: CookieLife::For(lifetime),
    };
    let mut cookies = vec![
        cookie(AUTH_TOKEN, token, true),
        cookie(AUTHENTICATOR, authenticator, true),
        cookie(CSRF_TOKEN, csrf_token, false),
    ];
    cookies.extend(role.map(|role| cookie(ROLE, role, false)));
    cookies
}

/// The two cookies that follow a renewed token.
pub fn of_renewal(token: &str, authenticator: &str, lifetime: TimeDelta) -> Vec<SessionCookie> {
    let mut cookies = of_session(token, authenticator, None, "", lifetime);
    cookies.truncate(2);
    cookies
}

/// The removal of all four.
pub fn of_sign_out() -> Vec<SessionCookie> {
    [
        (AUTH_TOKEN, true),
        (AUTHENTICATOR, true),
        (ROLE, false),
        (CSRF_TOKEN, false),
    ]
    .into_iter()
    .map(|(name, http_only)| SessionCookie {
        name,
        value: String::new(),
        http_only,
        life: CookieLife::Removed,
    })
    .collect()
}
