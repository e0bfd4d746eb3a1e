//! What receives a source's events while this process has the source in hand.

use std::sync::Arc;

use log::warn;

use super::callback::Callbacks;
use super::hold::{EventContext, Receive, hold};
use super::queue::{Apply, NotApplied};
use super::source::EventSource;
use crate::causes::with_causes;
use crate::directory::desk::Directory;
use crate::directory::keeper::Companion;
use crate::directory::options::ReceiveMode;
use crate::directory::run::Cause;
use crate::directory::source::Source;
use crate::nocobase::SyncSource;

/// Receives events as the source says, applies them, and asks for a run when some may have been lost.
pub fn companion(callbacks: Callbacks) -> Companion {
    Arc::new(move |directory, row| {
        let callbacks = callbacks.clone();
        Box::pin(async move { receive(&callbacks, directory, row).await })
    })
}

async fn receive(callbacks: &Callbacks, directory: Directory, row: SyncSource) {
    let parts = directory.parts();
    let source = match Source::of(&row, &parts.store, &parts.registry).await {
        Ok(source) => source,
        Err(error) => {
            warn!("no events of {} are received: {}", row.name, with_causes(&error));
            return;
        }
    };
    let receive = match source.options.receive_mode {
        ReceiveMode::Off => return,
        ReceiveMode::Callback => Receive::Callback(callbacks.missed()),
        ReceiveMode::Stream => Receive::Stream,
    };
    let context = EventContext::new(
        parts.store.clone(),
        parts.dingtalk.clone(),
        callbacks.inbox().clone(),
        parts.clock.clone(),
        parts.entropy.clone(),
    );
    let comparison_wanted = Arc::clone(&context.comparison_wanted);
    let (applying, id) = (directory.clone(), row.id);
    let apply: Apply = Arc::new(move |reread| {
        let directory = applying.clone();
        Box::pin(async move {
            let applied = directory.apply(id, reread).await;
            applied.map_err(|error| NotApplied(Box::new(error)))
        })
    });
    // Dropped with this future, when the source is not in hand any more.
    let _held = hold(context, EventSource::of(&source), receive, apply);
    loop {
        comparison_wanted.notified().await;
        if let Err(error) = directory.request(&row, Cause::Events, None, None).await {
            warn!(
                "events of {} may have been lost, and no run could be asked for: {}",
                row.name,
                with_causes(&error)
            );
        }
    }
}
