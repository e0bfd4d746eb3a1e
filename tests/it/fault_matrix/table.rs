//! The table: what each fault must come to, at each call and on either side of the redemption.
//!
//! Written from the design: a call refused for throttling, or never connected, is no redemption; it may repeat, and the
//! flow is kept. Anything else after which the code may have been used ends the flow. What is no JSON is never taken for
//! an answer.

use dingtalk_simulator::{CallKind, Effect, Limit};

/// Whether the browser still has the flow after the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Kept,
    Gone,
}

/// A refusal.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    pub status: u16,
    pub code: &'static str,
    pub sentence: &'static str,
    /// In the sentence and in `Retry-After`.
    pub seconds: Option<u32>,
    pub flow: Flow,
    /// How often DingTalk saw the call.
    pub sent: usize,
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The redemption, and DingTalk did nothing.
    RedemptionBefore,
    /// The redemption, and DingTalk has consumed the code.
    RedemptionDuring,
    /// Who the person is, the code being consumed.
    Profile,
    /// The app's own token, likewise. The token of an organization (`/v1.0/oauth2/{corpId}/token`) is never asked for.
    AppToken,
    /// The id in the organization, likewise.
    UserId,
    /// Whether the person is a member, likewise: the same call, and the same refusals.
    Membership,
}

impl Column {
    /// Those of the table.
    pub const ALL: [Self; 5] = [
        Self::RedemptionBefore,
        Self::RedemptionDuring,
        Self::Profile,
        Self::AppToken,
        Self::UserId,
    ];

    pub const fn call(self) -> CallKind {
        match self {
            Self::RedemptionBefore | Self::RedemptionDuring => CallKind::UserAccessToken,
            Self::Profile => CallKind::Profile,
            Self::AppToken => CallKind::AppAccessToken,
            Self::UserId | Self::Membership => CallKind::UserIdByUnionId,
        }
    }
}

type Cell = Option<Refused>;

/// There is no such thing.
const X: Cell = None;

const UNAVAILABLE: Refused = Refused {
    status: 502,
    code: "DINGTALK_UNAVAILABLE",
    sentence: "DingTalk gave no usable answer. Start again in a moment.",
    seconds: None,
    flow: Flow::Gone,
    sent: 1,
};

/// No usable answer.
const U: Cell = Some(UNAVAILABLE);

/// Never connected.
pub const AWAY: Refused = Refused {
    flow: Flow::Kept,
    sent: 0,
    ..UNAVAILABLE
};

/// Connected, and reset before the answer: DingTalk may have seen it, though the simulator did not.
pub const CUT: Refused = Refused {
    sent: 0,
    ..UNAVAILABLE
};

/// The month's quota: refused without a look, and no waiting of ours helps.
const Q: Cell = Some(Refused {
    code: "QUOTA_USED_UP",
    sentence: "Your organization has used up its DingTalk calls of this month. Sign in with your password, or ask your \
               administrator to buy more.",
    flow: Flow::Kept,
    ..UNAVAILABLE
});

/// Refused for a reason that lasts.
const R: Cell = Some(Refused {
    code: "DINGTALK_REFUSED",
    sentence: "DingTalk refused this sign-in, and trying again will not help. Give your administrator the reference.",
    ..UNAVAILABLE
});

/// No answer in time, or none behind DingTalk's gateway.
const T: Cell = Some(Refused {
    status: 504,
    code: "DINGTALK_TIMEOUT",
    sentence: "DingTalk did not answer in time. Start again in a moment.",
    ..UNAVAILABLE
});

/// The code is no good.
const C: Cell = Some(Refused {
    status: 401,
    code: "CODE_REJECTED",
    sentence: "DingTalk no longer accepts this sign-in. Start again.",
    ..UNAVAILABLE
});

const fn busy(seconds: u32, sent: usize) -> Refused {
    Refused {
        status: 503,
        code: "DINGTALK_BUSY",
        sentence: "Many people are signing in right now. Try again in {{seconds}} s.",
        seconds: Some(seconds),
        flow: Flow::Kept,
        sent,
    }
}

/// Refused for a second: asked again twice.
const B: Cell = Some(busy(1, 3));
/// Refused for a minute, which the person waits for.
const M: Cell = Some(busy(60, 1));
/// The address is blocked.
const A: Cell = Some(busy(300, 1));

fn page(status: u16) -> Effect {
    answer(status, "text/html", "<html><h1>Blocked</h1></html>")
}

fn json(status: u16, body: &str) -> Effect {
    answer(status, "application/json", body)
}

fn answer(status: u16, content_type: &str, body: &str) -> Effect {
    Effect::Answer {
        status,
        content_type: content_type.to_owned(),
        body: body.to_owned(),
    }
}

/// One row a fault, one column a place.
#[rustfmt::skip]
pub fn table() -> Vec<(&'static str, Effect, [Cell; 5])> {
    let qpm = r#"{"code":"Forbidden.AccessDenied.QpmLimitForSuitekeyAndOrgAndApi","requestid":"R"}"#;
    let unknown = r#"{"code":"unknownError","message":"no","requestid":"R"}"#;
    let stale = r#"{"code":"invalidParameter.authCode.notFound","message":"no","requestid":"R"}"#;
    vec![
        //                                                                            redemption  profile  app token  user id
        //                                                                            before during
        ("closed without an answer",   Effect::Reset,                                    [U, U,      U,       U,         U]),
        ("accepted and never answered", Effect::Hang,                                    [T, T,      T,       T,         T]),
        ("a slow drip",                Effect::SlowDrip,                                 [X, T,      T,       T,         T]),
        ("429",                        Effect::TooManyRequests,                          [B, X,      B,       B,         B]),
        ("429 in JSON without a code", json(429, r#"{"message":"slow down"}"#),          [B, X,      B,       B,         B]),
        ("calls per second",           Effect::Limited(Limit::AppAndApi),                [B, X,      B,       B,         B]),
        ("the same with status 200",   json(200, r#"{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"}"#), [B, X, B, B, X]),
        ("a customer's calls",         Effect::Limited(Limit::SuiteAndApi),              [B, X,      B,       B,         B]),
        ("calls per minute",           Effect::Limited(Limit::AppAndApiPerMinute),       [M, X,      M,       M,         B]),
        ("a customer's per minute",    json(403, qpm),                                   [M, X,      M,       M,         X]),
        ("the platform's calls",       Effect::Limited(Limit::Api),                      [B, X,      B,       B,         B]),
        ("the month's quota",          Effect::Limited(Limit::MonthlyQuota),             [Q, X,      Q,       Q,         Q]),
        ("the address is blocked",     Effect::LimitedPerAddress,                        [A, X,      A,       A,         A]),
        // Which status such a page has is not known, so it cannot be told from any other page.
        ("the same as a page",         page(403),                                        [U, X,      U,       U,         U]),
        ("the gateway's time limit",   Effect::GatewayTimeout,                           [T, T,      T,       T,         T]),
        ("its authorization's",        Effect::AuthorizationTimeout,                     [T, T,      T,       T,         T]),
        ("504 with a page",            page(504),                                        [T, T,      T,       T,         T]),
        ("500, or system busy",        Effect::SystemBusy,                               [U, U,      U,       U,         B]),
        ("500 without a word",         answer(500, "text/plain", ""),                    [U, U,      U,       U,         U]),
        ("502 with a page",            Effect::BadGatewayPage,                           [U, U,      U,       U,         U]),
        ("503 with a page",            page(503),                                        [U, U,      U,       U,         U]),
        ("200 with a page",            Effect::Page,                                     [U, U,      U,       U,         U]),
        ("200 with nothing",           Effect::Empty,                                    [U, U,      U,       U,         U]),
        ("truncated JSON",             Effect::Truncated,                                [X, U,      U,       U,         U]),
        ("closed within the answer",   Effect::CutOff,                                   [X, U,      U,       U,         U]),
        ("wrong types",                Effect::WrongTypes,                               [X, U,      U,       U,         U]),
        ("5 MB",                       Effect::Huge,                                     [X, U,      U,       U,         U]),
        ("a redirect",                 Effect::Redirect,                                 [U, U,      U,       U,         U]),
        ("an error with status 200",   json(200, unknown),                               [R, R,      R,       R,         X]),
        ("the old API's error",        json(200, r#"{"errcode":33001,"errmsg":"no"}"#),  [X, X,      X,       X,         R]),
        ("a refused code with 200",    json(200, stale),                                 [C, C,      X,       X,         X]),
    ]
}
