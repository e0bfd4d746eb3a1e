//! What every request may use, in parts by what for.

use std::time::Duration;

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};

use super::ops::metrics::Metrics;
use super::ops::packages::Packages;
use super::request::client_origin::TrustedProxies;
use super::request::context::way_here;
use super::throttle::cooldown::Cooldown;
use super::throttle::in_client_throttle::InClientThrottle;
use super::throttle::password_throttle::PasswordThrottle;
use super::throttle::sign_in_throttle::SignInThrottle;
use crate::audit::Audit;
use crate::call_counts::CallCounts;
use crate::clock::Clock;
use crate::config::{Cors, Managed, Mode};
use crate::dingtalk::DingTalk;
use crate::directory::Directory;
use crate::directory::events::Callbacks;
use crate::entropy::Entropy;
use crate::nocobase::{Store, StoreError, SubjectIndex};
use crate::origin::Origin;
use crate::session::{FirstPassword, Sessions};
use crate::sign_in::SignIn;

/// What every request may use.
pub struct AppState {
    /// How it runs.
    pub mode: Mode,
    /// NocoBase's tables.
    pub store: Store,
    /// Sessions.
    pub sessions: Sessions,
    /// What was made for the first administrator, until it is used.
    pub first_password: FirstPassword,
    /// The sign-in.
    pub sign_in: SignIn,
    /// DingTalk.
    pub dingtalk: DingTalk,
    /// The organizations that are kept in step.
    pub directory: Directory,
    /// What DingTalk posts.
    pub events: Callbacks,
    /// How requests are read.
    pub edge: Edge,
    /// What an address or an account may try.
    pub throttles: Throttles,
    /// What operators look at.
    pub ops: Ops,
    /// What this process was started with.
    pub installation: Installation,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
}

/// Where requests are answered, and what of them counts.
pub struct Edge {
    /// NocoBase's API base path.
    pub api_base: String,
    /// The path of the pages.
    pub public_path: String,
    /// The one public origin, where it was set.
    pub public_origin: Option<Origin>,
    /// Proxies whose word counts.
    pub proxies: TrustedProxies,
    /// Cross-origin rules.
    pub cors: Cors,
    /// The body of a request must have arrived within this.
    pub body_within: Duration,
}

impl Edge {
    /// The origin under which people see us, also for a request that could not be read.
    pub fn origin_of(&self, request: &HttpRequest) -> Option<Origin> {
        let public = self.public_origin.clone();
        public.or_else(|| self.proxies.origin(&way_here(request)).ok())
    }
}

/// What an address or an account may try.
pub struct Throttles {
    /// How many sign-ins of an address may fail.
    pub sign_ins: SignInThrottle,
    /// How many codes of DingTalk's client may be refused.
    pub in_client: InClientThrottle,
    /// The passwords that were wrong.
    pub passwords: PasswordThrottle,
    /// When the doctor last asked DingTalk.
    pub diagnoses: Cooldown,
}

impl Throttles {
    /// `attempts` is how many sign-ins of one address may fail in ten minutes; 0 does not limit them.
    pub fn new(attempts: u32, clock: &Clock) -> Self {
        Self {
            sign_ins: SignInThrottle::new(attempts, clock.clone()),
            in_client: InClientThrottle::new(attempts, clock.clone()),
            passwords: PasswordThrottle::new(clock.clone()),
            diagnoses: Cooldown::default(),
        }
    }
}

/// What operators look at.
pub struct Ops {
    /// The record of who signed in.
    pub audit: Audit,
    /// How often DingTalk was called.
    pub calls: CallCounts,
    /// Counters.
    pub metrics: Metrics,
    /// The plugin packages that were made.
    pub packages: Packages,
    /// Where NocoBase finds us, where it was set: it is written into the packages.
    pub sidecar_url: Option<url::Url>,
}

/// What this process was started with, and what it found.
pub struct Installation {
    /// When it began to serve.
    pub started: DateTime<Utc>,
    /// What the plugin that started it has told.
    pub managed: Option<Managed>,
    /// What became of the one index in NocoBase's database.
    pub subject_index: Option<Result<SubjectIndex, StoreError>>,
    /// Where the doctor finds NocoBase.
    pub nocobase_url: Option<url::Url>,
    /// What the demo's pages point at.
    pub demo: Option<Demo>,
}

/// What the demo has beside the sidecar.
pub struct Demo {
    /// The simulator's own page.
    pub simulator_url: String,
}
