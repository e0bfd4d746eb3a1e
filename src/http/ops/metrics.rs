//! Counters for operators, in Prometheus' terms. `docs/operations.md` says what each means.

use std::time::Duration;

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

use super::directory_gauges::DirectoryGauges;
use crate::causes::with_causes;
use crate::directory::DirectoryStatus;
use crate::error_code::{Code, result_name};
use crate::nocobase::Store;

/// Seconds, from a cached answer to DingTalk's time limit.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];

/// Prometheus asks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everything that is counted; clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    refusals: IntCounterVec,
    sign_ins: IntCounterVec,
    flows_started: IntCounter,
    flows_returned: IntCounter,
    flows_finished: IntCounter,
    limited: IntCounterVec,
    passwords: Histogram,
    dingtalk_calls: IntCounterVec,
    dingtalk_seconds: HistogramVec,
    dingtalk_queue: IntGauge,
    statements: HistogramVec,
    directory: DirectoryGauges,
    events: IntCounterVec,
}

impl Metrics {
    /// Fresh counters.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("nocobase_dingtalk".to_owned()), None)?;
        let histogram = |name, help, labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(BUCKETS.to_vec()), labels)
        };
        let metrics = Self {
            requests: histogram(
                "request_seconds",
                "Time to answer a request of the API, queueing included",
                &["action", "status"],
            )?,
            refusals: IntCounterVec::new(Opts::new("refusals_total", "Requests refused"), &["code"])?,
            sign_ins: IntCounterVec::new(
                Opts::new("sign_ins_total", "Sign-ins through DingTalk that were posted"),
                &["result"],
            )?,
            flows_started: IntCounter::new("flows_started_total", "Browsers sent to DingTalk")?,
            flows_returned: IntCounter::new(
                "flows_returned_total",
                "Browsers that came back from DingTalk, with a code or a refusal",
            )?,
            flows_finished: IntCounter::new(
                "flows_finished_total",
                "Flows that came to an end, signed in or refused",
            )?,
            limited: IntCounterVec::new(
                Opts::new(
                    "limited_total",
                    "Attempts refused because an address had too many",
                ),
                &["attempt"],
            )?,
            passwords: Histogram::with_opts(
                HistogramOpts::new("password_seconds", "Time to check one password")
                    .buckets(BUCKETS.to_vec()),
            )?,
            dingtalk_calls: IntCounterVec::new(
                Opts::new("dingtalk_calls_total", "Calls that were sent to DingTalk"),
                &["app", "call"],
            )?,
            dingtalk_seconds: histogram(
                "dingtalk_call_seconds",
                "Time of one call to DingTalk, without its time in the queue",
                &["call", "outcome"],
            )?,
            dingtalk_queue: IntGauge::new(
                "dingtalk_queue_length",
                "Calls waiting for their turn at this moment",
            )?,
            statements: histogram("database_seconds", "Time of one SQL statement", &["outcome"])?,
            directory: DirectoryGauges::new(&registry)?,
            events: IntCounterVec::new(
                Opts::new("events_total", "Events of the directory that DingTalk sent"),
                &["channel", "outcome"],
            )?,
            registry,
        };
        let all: [Box<dyn prometheus::core::Collector>; 13] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.refusals.clone()),
            Box::new(metrics.sign_ins.clone()),
            Box::new(metrics.flows_started.clone()),
            Box::new(metrics.flows_returned.clone()),
            Box::new(metrics.flows_finished.clone()),
            Box::new(metrics.limited.clone()),
            Box::new(metrics.passwords.clone()),
            Box::new(metrics.dingtalk_calls.clone()),
            Box::new(metrics.dingtalk_seconds.clone()),
            Box::new(metrics.dingtalk_queue.clone()),
            Box::new(metrics.statements.clone()),
            Box::new(metrics.events.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector)?;
        }
        Ok(metrics)
    }

    /// A request was answered.
    pub fn answered(&self, action: &str, status: u16, elapsed: Duration) {
        self.requests
            .with_label_values(&[action, &status.to_string()])
            .observe(elapsed.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, code: Code) {
        self.refusals.with_label_values(&[code.name()]).inc();
    }

    /// A sign-in through DingTalk ended.
    pub fn signed_in(&self, result: Result<(), Code>) {
        self.sign_ins.with_label_values(&[result_name(result)]).inc();
    }

    /// A browser was sent to DingTalk.
    pub fn flow_started(&self) {
        self.flows_started.inc();
    }

    /// A browser came back.
    pub fn flow_returned(&self) {
        self.flows_returned.inc();
    }

    /// A flow came to its end.
    pub fn flow_finished(&self) {
        self.flows_finished.inc();
    }

    /// An address had to wait.
    pub fn limited(&self, attempt: &str) {
        self.limited.with_label_values(&[attempt]).inc();
    }

    /// A password was checked.
    pub fn password_checked(&self, elapsed: Duration) {
        self.passwords.observe(elapsed.as_secs_f64());
    }

    /// DingTalk answered a call, or did not.
    pub fn dingtalk_called(&self, app: &str, call: &str, outcome: &str, elapsed: Duration) {
        self.dingtalk_calls.with_label_values(&[app, call]).inc();
        self.dingtalk_seconds
            .with_label_values(&[call, outcome])
            .observe(elapsed.as_secs_f64());
    }

    /// How many calls wait.
    pub fn queue_length(&self, length: usize) {
        self.dingtalk_queue.set(i64::try_from(length).unwrap_or(i64::MAX));
    }

    /// The database answered a statement, or did not.
    pub fn statement_ran(&self, failed: bool, elapsed: Duration) {
        let outcome = if failed { "error" } else { "ok" };
        self.statements
            .with_label_values(&[outcome])
            .observe(elapsed.as_secs_f64());
    }

    /// How a source of people and departments is.
    pub fn source_is(&self, source: &str, status: &DirectoryStatus, now_ms: i64) {
        self.directory.tell(source, status, now_ms);
    }

    /// Reads how the sources of people and departments are; a database that does not answer leaves them out.
    pub async fn read_directory(&self, store: &Store, now_ms: i64) {
        match tokio::time::timeout(PATIENCE, self.directory.read(store, now_ms)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::warn!("how the sources are could not be read: {}", with_causes(&error)),
            Err(_) => log::warn!("how the sources are could not be read in time"),
        }
    }

    /// DingTalk sent an event, or something else happened to the way they come.
    pub fn event_arrived(&self, channel: &str, outcome: &str) {
        self.events.with_label_values(&[channel, outcome]).inc();
    }

    /// The text Prometheus reads.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            log::error!(
                "the metrics could not be written: {}",
                crate::causes::with_causes(&error)
            );
        }
        text
    }
}
