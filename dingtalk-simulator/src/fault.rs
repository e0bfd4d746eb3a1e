//! A fault: something that goes wrong between a client and DingTalk, for as many calls as wished.

use serde::{Deserialize, Serialize};

use super::call::CallKind;
use super::limit::Limit;

/// A fault in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The operation it strikes; none means any.
    #[serde(default)]
    pub call: Option<CallKind>,
    /// Key of the person whose calls it strikes; none means everybody's, and an app's own.
    #[serde(default)]
    pub person: Option<String>,
    /// What goes wrong.
    pub effect: Effect,
    /// How many calls it strikes; none means until it is cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// Whether DingTalk has done its work when it strikes.
    #[serde(default)]
    pub timing: Timing,
}

/// Whether the call has been processed when a fault strikes.
///
/// After it, a code is used up though the client never learns what became of it.
/// Effects that distort a true answer always strike after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// Nothing was processed.
    #[default]
    Before,
    /// Everything was processed.
    After,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The connection closes without an answer.
    Reset,
    /// No answer ever comes, and the connection stays open.
    Hang,
    /// The true answer comes after three seconds, DingTalk's own time limit.
    Late,
    /// The true answer comes byte by byte.
    SlowDrip,
    /// A limit of DingTalk is exceeded.
    Limited(Limit),
    /// The limit per address is exceeded: JSON of the gateway in front, in nobody's envelope.
    LimitedPerAddress,
    /// HTTP 429 with `Retry-After`.
    TooManyRequests,
    /// HTTP 500 with an unknown error of the new API, error number -1 of the old.
    SystemBusy,
    /// HTTP 502 with a page.
    BadGatewayPage,
    /// HTTP 504 of the new API, error number 15 of the old.
    GatewayTimeout,
    /// Error number 88 without a number inside, which is how the old API's own authorization times out.
    AuthorizationTimeout,
    /// HTTP 200 with a page.
    Page,
    /// HTTP 200 with nothing.
    Empty,
    /// The true answer, cut in the middle.
    Truncated,
    /// The true answer, with the connection closed in the middle of it.
    CutOff,
    /// The true answer, with the connection closed behind it.
    Closing,
    /// The true answer with every value of another type.
    WrongTypes,
    /// The true answer made 5 MB long.
    Huge,
    /// HTTP 302 to another address of the simulator, where nobody should go.
    Redirect,
    /// The true answer or refusal, always with HTTP 200.
    Status200,
    /// The true answer with `errcode` as text.
    ErrcodeAsText,
    /// The true refusal of the old API with its inner number only within the message.
    SubcodeOnlyInMessage,
    /// Exactly this.
    #[serde(rename_all = "camelCase")]
    Answer {
        /// HTTP status.
        status: u16,
        /// Content type.
        content_type: String,
        /// Body.
        body: String,
    },
}

impl Effect {
    /// Every effect that needs no further words, for forms and for tests that go through them all.
    pub const ALL: [Self; 26] = [
        Self::Reset,
        Self::Hang,
        Self::Late,
        Self::SlowDrip,
        Self::Limited(Limit::AppAndApi),
        Self::Limited(Limit::SuiteAndApi),
        Self::Limited(Limit::AppAndApiPerMinute),
        Self::Limited(Limit::Api),
        Self::Limited(Limit::MonthlyQuota),
        Self::LimitedPerAddress,
        Self::TooManyRequests,
        Self::SystemBusy,
        Self::BadGatewayPage,
        Self::GatewayTimeout,
        Self::AuthorizationTimeout,
        Self::Page,
        Self::Empty,
        Self::Truncated,
        Self::CutOff,
        Self::Closing,
        Self::WrongTypes,
        Self::Huge,
        Self::Redirect,
        Self::Status200,
        Self::ErrcodeAsText,
        Self::SubcodeOnlyInMessage,
    ];

    /// Whether the effect needs a true answer to work on.
    pub const fn distorts(&self) -> bool {
        matches!(
            self,
            Self::Late
                | Self::SlowDrip
                | Self::Truncated
                | Self::CutOff
                | Self::Closing
                | Self::WrongTypes
                | Self::Huge
                | Self::Status200
                | Self::ErrcodeAsText
                | Self::SubcodeOnlyInMessage
        )
    }

    /// Name in forms and lists.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Hang => "hang",
            Self::Late => "late",
            Self::SlowDrip => "slow-drip",
            Self::Limited(Limit::AppAndApi) => "limited-app-and-api",
            Self::Limited(Limit::SuiteAndApi) => "limited-suite-and-api",
            Self::Limited(Limit::AppAndApiPerMinute) => "limited-app-and-api-per-minute",
            Self::Limited(Limit::Api) => "limited-api",
            Self::Limited(Limit::MonthlyQuota) => "limited-monthly-quota",
            Self::LimitedPerAddress => "limited-per-address",
            Self::TooManyRequests => "too-many-requests",
            Self::SystemBusy => "system-busy",
            Self::BadGatewayPage => "bad-gateway-page",
            Self::GatewayTimeout => "gateway-timeout",
            Self::AuthorizationTimeout => "authorization-timeout",
            Self::Page => "page",
            Self::Empty => "empty",
            Self::Truncated => "truncated",
            Self::CutOff => "cut-off",
            Self::Closing => "closing",
            Self::WrongTypes => "wrong-types",
            Self::Huge => "huge",
            Self::Redirect => "redirect",
            Self::Status200 => "status200",
            Self::ErrcodeAsText => "errcode-as-text",
            Self::SubcodeOnlyInMessage => "subcode-only-in-message",
            Self::Answer { .. } => "answer",
        }
    }

    /// The effect of a form's choice.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.label() == label)
    }
}

impl Fault {
    /// A fault of one operation, until it is cleared.
    pub const fn on(call: CallKind, effect: Effect) -> Self {
        Self {
            call: Some(call),
            person: None,
            effect,
            times: None,
            timing: Timing::Before,
        }
    }

    /// A fault of every operation, until it is cleared.
    pub const fn everywhere(effect: Effect) -> Self {
        Self {
            call: None,
            person: None,
            effect,
            times: None,
            timing: Timing::Before,
        }
    }

    /// Only for so many calls.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Only the calls of one person.
    #[must_use]
    pub fn of(self, person: &str) -> Self {
        Self {
            person: Some(person.to_owned()),
            ..self
        }
    }

    /// Striking once the call has been processed.
    #[must_use]
    pub fn after_processing(self) -> Self {
        Self {
            timing: Timing::After,
            ..self
        }
    }
}

/// The faults in force, oldest first.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Puts one in force.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Ends them all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Those that still have calls to strike.
    pub fn in_force(&self) -> &[Fault] {
        &self.0
    }

    /// The fault that strikes this call for this person; the oldest one goes first.
    pub fn strike(&mut self, kind: CallKind, person: Option<&str>) -> Option<(Effect, Timing)> {
        let position = self.0.iter().position(|fault| {
            fault.times != Some(0)
                && fault.call.is_none_or(|call| call == kind)
                && fault.person.as_deref().is_none_or(|key| person == Some(key))
        })?;
        let fault = self.0.get_mut(position)?;
        let struck = (fault.effect.clone(), fault.timing);
        if let Some(times) = fault.times.as_mut() {
            *times -= 1;
            if *times == 0 {
                self.0.remove(position);
            }
        }
        Some(struck)
    }
}
