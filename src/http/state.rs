//! What every request may use.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ops::metrics::Metrics;
use super::ops::packages::Packages;
use super::request::client_origin::TrustedProxies;
use super::throttle::cooldown::Cooldown;
use super::throttle::password_throttle::PasswordThrottle;
use super::throttle::sign_in_throttle::SignInThrottle;
use crate::audit::Audit;
use crate::clock::Clock;
use crate::config::{Cors, Managed, Mode};
use crate::dingtalk::DingTalk;
use crate::entropy::Entropy;
use crate::nocobase::{Store, StoreError, SubjectIndex};
use crate::origin::Origin;
use crate::session::{FirstPassword, Sessions};
use crate::sign_in::SignIn;

/// What every request may use.
pub struct AppState {
    /// How it runs.
    pub mode: Mode,
    /// Whether the demo's hints are shown.
    pub demo: Option<Demo>,
    /// NocoBase's tables.
    pub store: Store,
    /// Sessions.
    pub sessions: Sessions,
    /// The sign-in.
    pub sign_in: SignIn,
    /// What was made for the first administrator, until it is used.
    pub first_password: FirstPassword,
    /// DingTalk.
    pub dingtalk: DingTalk,
    /// The record of who signed in.
    pub audit: Audit,
    /// Counters.
    pub metrics: Metrics,
    /// When the doctor last asked DingTalk.
    pub diagnoses: Cooldown,
    /// When this program began to serve.
    pub started: DateTime<Utc>,
    /// What the plugin that started it has told.
    pub managed: Option<Managed>,
    /// What became of the one index in NocoBase's database.
    pub subject_index: Option<Result<SubjectIndex, StoreError>>,
    /// The plugin packages that were made.
    pub packages: Packages,
    /// How many sign-ins of an address may fail.
    pub limits: SignInThrottle,
    /// The passwords that were wrong.
    pub guesses: PasswordThrottle,
    /// The body of a request must have arrived within this.
    pub body_within: Duration,
    /// Proxies whose word counts.
    pub proxies: TrustedProxies,
    /// The one public origin, where it was set.
    pub public_origin: Option<Origin>,
    /// Where the doctor finds NocoBase.
    pub nocobase_url: Option<url::Url>,
    /// Where NocoBase finds us, where it was set.
    pub sidecar_url: Option<url::Url>,
    /// NocoBase's API base path.
    pub api_base: String,
    /// The path of the pages.
    pub public_path: String,
    /// Cross-origin rules.
    pub cors: Cors,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

/// What the demo has beside the sidecar.
pub struct Demo {
    /// The simulator's own page.
    pub simulator_url: String,
}
