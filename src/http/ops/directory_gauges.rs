//! How the sources of people and departments are, in Prometheus' terms: read from the database when it is asked, so that
//! every process says the same.

use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

use crate::directory::{DirectoryStatus, ReceiveMode, RunState, StreamState};
use crate::nocobase::{Store, StoreError};

/// A value for each source; a source that is gone has none.
#[derive(Clone)]
pub struct DirectoryGauges {
    last_success: IntGaugeVec,
    failed: IntGaugeVec,
    held: IntGaugeVec,
    pending: IntGaugeVec,
    lag: GaugeVec,
    connected: IntGaugeVec,
    last_event: IntGaugeVec,
}

impl DirectoryGauges {
    /// Registers them.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| -> Result<IntGaugeVec, prometheus::Error> {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["source"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let lag = GaugeVec::new(
            Opts::new(
                "directory_event_lag_seconds",
                "How long the oldest change has been waiting",
            ),
            &["source"],
        )?;
        registry.register(Box::new(lag.clone()))?;
        Ok(Self {
            last_success: gauge(
                "directory_last_success_timestamp_seconds",
                "When a synchronization last ended well",
            )?,
            failed: gauge(
                "directory_failed",
                "Whether the latest synchronization has failed",
            )?,
            held: gauge(
                "directory_held",
                "Whether the latest synchronization waits because too many people would be taken out",
            )?,
            pending: gauge("directory_events_pending", "Changes that wait to be written")?,
            lag,
            connected: gauge(
                "directory_stream_connected",
                "Whether the stream to DingTalk is there, for sources with one",
            )?,
            last_event: gauge(
                "directory_last_event_timestamp_seconds",
                "When a change last arrived",
            )?,
        })
    }

    /// Reads how the sources are. What could not be read has no value, rather than that of before.
    pub async fn read(&self, store: &Store, now_ms: i64) -> Result<(), StoreError> {
        for gauge in [
            &self.last_success,
            &self.failed,
            &self.held,
            &self.pending,
            &self.connected,
            &self.last_event,
        ] {
            gauge.reset();
        }
        self.lag.reset();
        for source in store.sync_sources().enabled().await? {
            let status = DirectoryStatus::read(store, &source).await?;
            self.tell(&source.name, &status, now_ms);
        }
        Ok(())
    }

    /// How one source is.
    pub fn tell(&self, source: &str, status: &DirectoryStatus, now_ms: i64) {
        let name = [source];
        if let Some(success) = status.last_success {
            self.last_success
                .with_label_values(&name)
                .set(success.timestamp());
        }
        let is = |state| i64::from(status.run.state == state);
        self.failed.with_label_values(&name).set(is(RunState::Failed));
        self.held.with_label_values(&name).set(is(RunState::Held));
        let pending = i64::try_from(status.events).unwrap_or(i64::MAX);
        self.pending.with_label_values(&name).set(pending);
        let oldest = status.oldest_event.map_or(now_ms, |at| at.timestamp_millis());
        #[expect(clippy::cast_precision_loss, reason = "a lag is no number of 52 bits")]
        let lag = (now_ms - oldest).max(0) as f64 / 1000.0;
        self.lag.with_label_values(&name).set(lag);
        if status.receive_mode == Some(ReceiveMode::Stream) {
            let is_connected = i64::from(status.stream.state == StreamState::Connected);
            self.connected.with_label_values(&name).set(is_connected);
        }
        if let Some(event) = status.last_event {
            self.last_event.with_label_values(&name).set(event.timestamp());
        }
    }
}
