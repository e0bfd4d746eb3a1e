//! The fair_turns of one queue: one for each address, first come first served within it, and the fair_turns take turns.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::QueueKey;

/// Those who stand in the fair_turns, and whose turn it is.
#[derive(Default)]
pub(super) struct FairTurns(Mutex<Standing>);

#[derive(Default)]
struct Standing {
    /// Somebody has the turn.
    is_taken: bool,
    callers: HashMap<QueueKey, VecDeque<oneshot::Sender<Turn>>>,
    /// The fair_turns in which somebody waits, in the order of their turns.
    order: VecDeque<QueueKey>,
    /// How many there are in each key, with the one who has the turn.
    counts: HashMap<QueueKey, u32>,
}

/// The turn of one caller; the next one's when it is dropped.
pub(super) struct Turn(Option<Arc<FairTurns>>);

impl FairTurns {
    /// Waits for the turn of a caller in this key.
    pub(super) async fn turn(fair_turns: &Arc<Self>, key: QueueKey) -> Turn {
        let called = {
            let mut standing = fair_turns.lock();
            if !standing.is_taken {
                standing.is_taken = true;
                return Turn(Some(Arc::clone(fair_turns)));
            }
            let (call, called) = oneshot::channel();
            let callers = standing.callers.entry(key).or_default();
            callers.push_back(call);
            if callers.len() == 1 {
                standing.order.push_back(key);
            }
            called
        };
        // Who calls holds the fair_turns; nobody drops a call that is waited for.
        called.await.unwrap_or(Turn(None))
    }

    /// How many are served before somebody who comes to this line now, as far as is known now.
    pub(super) fn ahead_of_next(&self, key: QueueKey) -> u32 {
        let standing = self.lock();
        let own = standing.counts.get(&key).copied().unwrap_or_default();
        let others = standing.counts.iter().filter(|(other, _)| **other != key);
        own + others.map(|(_, count)| *count.min(&(own + 1))).sum::<u32>()
    }

    /// Whether nobody is here.
    pub(super) fn are_empty(&self) -> bool {
        self.lock().counts.is_empty()
    }

    /// One more is in this key.
    pub(super) fn enter(&self, key: QueueKey) {
        *self.lock().counts.entry(key).or_default() += 1;
    }

    /// One is not in this line any more.
    pub(super) fn leave(&self, key: QueueKey) {
        let mut standing = self.lock();
        if let Some(count) = standing.counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                standing.counts.remove(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// The first of the line whose turn it is; its line goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(key) = self.order.pop_front() {
            let callers = self.callers.get_mut(&key)?;
            let call = callers.pop_front();
            if callers.is_empty() {
                self.callers.remove(&key);
            } else {
                self.order.push_back(key);
            }
            // Who went away has left an end that nobody listens to.
            if let Some(call) = call.filter(|call| !call.is_closed()) {
                return Some(call);
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(fair_turns) = self.0.take() else { return };
        loop {
            let call = {
                let mut standing = fair_turns.lock();
                let call = standing.next();
                standing.is_taken = call.is_some();
                call
            };
            let Some(call) = call else { return };
            match call.send(Turn(Some(Arc::clone(&fair_turns)))) {
                Ok(()) => return,
                // Gone just now: the turn is still here to be given.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}
