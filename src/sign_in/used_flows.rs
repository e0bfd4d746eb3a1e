//! The flows whose sign-in was completed, so that none is completed twice in this process.
//!
//! The last word has `issuedTokens`, whose key is the flow's id; this keeps a second request from redeeming the code
//! meanwhile. Not a general cache, which keeps several nodes for each key: there may be many.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::flow::FlowStep;

/// At twenty sign-ins a second, ten minutes are 12,000.
const MOST: usize = 50_000;

/// Steps that were taken, each until its flow has ended.
#[derive(Default)]
pub(super) struct UsedFlows(Mutex<TakenSteps>);

#[derive(Default)]
struct TakenSteps {
    steps: HashSet<FlowStep>,
    /// In the order in which they were taken, with the end of the flow (seconds).
    order: VecDeque<(FlowStep, i64)>,
}

impl TakenSteps {
    fn forget_oldest(&mut self) {
        if let Some((oldest, _)) = self.order.pop_front() {
            self.steps.remove(&oldest);
        }
    }
}

impl UsedFlows {
    /// Takes a step; false when it was taken before.
    pub(super) fn take(&self, step: FlowStep, ends_at: i64, now: i64) -> bool {
        let mut taken = self.lock();
        while taken.order.front().is_some_and(|(_, ends_at)| *ends_at <= now) {
            taken.forget_oldest();
        }
        let is_first = taken.steps.insert(step);
        if is_first {
            taken.order.push_back((step, ends_at));
            if taken.order.len() > MOST {
                taken.forget_oldest();
            }
        }
        is_first
    }

    /// Gives a step back: it may be taken once more.
    pub(super) fn give_back(&self, step: FlowStep) {
        let mut taken = self.lock();
        taken.steps.remove(&step);
        // It was among the last: whoever comes again and again must not push out the others.
        if let Some(place) = taken.order.iter().rposition(|(other, _)| *other == step) {
            taken.order.remove(place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, TakenSteps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn code(number: usize) -> FlowStep {
        FlowStep::Code(Uuid::from_u128(number.try_into().unwrap()))
    }

    #[test]
    fn a_step_is_taken_once_until_its_flow_ends() {
        let used_flows = UsedFlows::default();

        assert!(used_flows.take(code(1), 600, 0));
        assert!(!used_flows.take(code(1), 600, 599));
        assert!(used_flows.take(FlowStep::Token(Uuid::from_u128(1)), 600, 599));
        assert!(used_flows.take(code(1), 600, 600));
    }

    #[test]
    fn a_step_that_was_given_back_is_taken_once_more() {
        let used_flows = UsedFlows::default();
        used_flows.take(code(1), 600, 0);
        used_flows.give_back(code(1));

        assert!(used_flows.take(code(1), 600, 1));
        assert!(!used_flows.take(code(1), 600, 2));
    }

    #[test]
    fn a_flow_that_comes_again_and_again_pushes_nobody_out() {
        let used_flows = UsedFlows::default();
        used_flows.take(code(1), 600, 0);
        for _ in 0..=MOST {
            assert!(used_flows.take(code(2), 600, 0));
            used_flows.give_back(code(2));
        }

        assert!(!used_flows.take(code(1), 600, 0));
    }

    #[test]
    fn of_too_many_the_oldest_are_forgotten() {
        let used_flows = UsedFlows::default();
        for number in 0..=MOST {
            assert!(used_flows.take(code(number), 600, 0));
        }

        assert_eq!(used_flows.lock().order.len(), MOST);
        assert!(!used_flows.take(code(2), 600, 0));
        assert!(used_flows.take(code(0), 600, 0));
    }
}
