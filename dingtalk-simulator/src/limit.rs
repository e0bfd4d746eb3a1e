//! A limit: one of the ways in which DingTalk says that too much was asked, and the one it really counts.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::CallKind;

/// The limits of DingTalk that have an answer of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Calls per second of one app to one operation.
    AppAndApi,
    /// The same per second for third-party apps and one customer.
    SuiteAndApi,
    /// Calls per minute of one app to one operation.
    AppAndApiPerMinute,
    /// Calls per second of the whole platform to one operation.
    Api,
    /// Calls per month of one organization.
    MonthlyQuota,
}

impl Limit {
    /// Code of the new API, always with status 403.
    pub const fn open_api_code(self) -> &'static str {
        match self {
            Self::AppAndApi => "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
            Self::SuiteAndApi => "Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi",
            Self::AppAndApiPerMinute => "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi",
            Self::Api => "Forbidden.AccessDenied.QpsLimitForApi",
            Self::MonthlyQuota => "Forbidden.AccessDenied.ApiCountLimitForOrg",
        }
    }

    /// Number of the old API.
    pub const fn old_api_code(self) -> i64 {
        match self {
            Self::AppAndApi => 90018,
            Self::SuiteAndApi => 90005,
            Self::AppAndApiPerMinute => 90006,
            Self::Api => 90002,
            Self::MonthlyQuota => 90020,
        }
    }
}

/// Counts calls per app and operation in a sliding window of one second.
#[derive(Debug, Default)]
pub struct Throttle {
    per_second: Option<usize>,
    admitted: HashMap<(String, CallKind), VecDeque<Duration>>,
}

impl Throttle {
    const WINDOW: Duration = Duration::from_secs(1);

    /// Enforces a number of calls per second, or none at all.
    pub fn enforce(&mut self, per_second: Option<u32>) {
        self.per_second = per_second.map(|calls| usize::try_from(calls).unwrap_or(usize::MAX));
        self.admitted.clear();
    }

    /// The number of calls per second in force.
    pub fn per_second(&self) -> Option<usize> {
        self.per_second
    }

    /// Lets a call through, or not; a refused call does not count against later ones.
    pub fn admits(&mut self, client_id: &str, kind: CallKind, now: Duration) -> bool {
        let Some(per_second) = self.per_second else {
            return true;
        };
        let admitted = self.admitted.entry((client_id.to_owned(), kind)).or_default();
        while admitted
            .front()
            .is_some_and(|at| now.saturating_sub(*at) >= Self::WINDOW)
        {
            admitted.pop_front();
        }
        let admits = admitted.len() < per_second;
        if admits {
            admitted.push_back(now);
        }
        admits
    }
}
