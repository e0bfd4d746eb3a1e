//! Callbacks that DingTalk gave up on, fetched when they may be some: DingTalk forgets them as it hands them out.

use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::event::{Notice, of_failed_callback};
use super::hold::{EventContext, stopped};
use super::inbox::Channel;
use super::source::EventSource;
use crate::causes::with_causes;
use crate::dingtalk::DingTalkError;
use crate::nocobase::StoreError;

/// DingTalk tries ten seconds later, and half a minute after that; then it has given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(45);
/// Somebody else's outage, before us or between DingTalk and here: whether such calls count against the month is not
/// known, so there are a hundred and twenty of them in one.
const ANYWAY_AFTER: Duration = Duration::from_hours(6);
/// The list is taken from DingTalk: it is stored, however long the database takes.
const STORE_ATTEMPTS: u32 = 5;
/// A list without an end.
const MOST_PAGES: u32 = 500;

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    DingTalk(#[from] DingTalkError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FetchError {
    /// Whether DingTalk may have forgotten what we do not have.
    const fn has_lost(&self) -> bool {
        match self {
            Self::DingTalk(error) => !error.was_not_processed() && error.is_passing(),
            Self::Store(_) => true,
        }
    }
}

/// Fetches the list at once, after every outage of ours, and now and then.
pub(super) async fn run(
    context: EventContext,
    source: EventSource,
    missed: Arc<Notify>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        match fetch(&context, &source).await {
            Ok(0) => {}
            Ok(fetched) => info!("{fetched} failed callbacks of {} were fetched", source.name),
            Err(error) => {
                warn!(
                    "the failed callbacks of {} were not fetched: {}",
                    source.name,
                    with_causes(&error)
                );
                if error.has_lost() {
                    context.comparison_wanted.notify_one();
                }
            }
        }
        let due = async {
            tokio::select! {
                () = missed.notified() => sleep(context.given_up_after.min(GIVEN_UP_AFTER)).await,
                () = sleep(ANYWAY_AFTER) => {}
            }
        };
        tokio::select! {
            () = due => {}
            () = stopped(&mut stop) => return,
        }
    }
}

async fn fetch(context: &EventContext, source: &EventSource) -> Result<usize, FetchError> {
    let mut fetched = 0;
    for _ in 0..MOST_PAGES {
        let failed = context.dingtalk.failed_callbacks(&source.credentials).await?;
        fetched += failed.entries.len();
        for entry in &failed.entries {
            match of_failed_callback(entry) {
                Some(Notice::Events(events)) => {
                    let mut attempts = 0;
                    while let Err(error) = context
                        .inbox
                        .add(source.id, Channel::FailedList, events.clone())
                        .await
                    {
                        attempts += 1;
                        if attempts == STORE_ATTEMPTS {
                            return Err(error.into());
                        }
                        sleep(Duration::from_secs(1) * attempts).await;
                    }
                }
                Some(Notice::Check | Notice::Irrelevant) => {
                    context.inbox.observe(Channel::FailedList, "irrelevant");
                }
                None => context.inbox.observe(Channel::FailedList, "not_understood"),
            }
        }
        if !failed.has_more || failed.entries.is_empty() {
            break;
        }
    }
    Ok(fetched)
}
