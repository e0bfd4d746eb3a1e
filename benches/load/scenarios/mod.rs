//! The scenarios, in the order of the table.

mod peer;
mod resources;
mod speed;

use futures_util::future::LocalBoxFuture;

use crate::Outcome;
use crate::report::Row;
use crate::stage::Stage;

pub struct Scenario {
    pub name: &'static str,
    pub run: for<'a> fn(&'a Stage) -> LocalBoxFuture<'a, Outcome<Vec<Row>>>,
}

#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "peer", run: |stage| Box::pin(peer::compare(stage)) },
    Scenario { name: "redirect", run: |stage| Box::pin(speed::redirect(stage)) },
    Scenario { name: "floor", run: |stage| Box::pin(speed::floor(stage)) },
    Scenario { name: "sign-up", run: |stage| Box::pin(speed::sign_up(stage)) },
    Scenario { name: "latency", run: |stage| Box::pin(speed::latency(stage)) },
    Scenario { name: "cost", run: |stage| Box::pin(resources::cost(stage)) },
    Scenario { name: "memory", run: |stage| Box::pin(resources::memory(stage)) },
    Scenario { name: "start-up", run: |stage| Box::pin(resources::start_up(stage)) },
    Scenario { name: "growth", run: |stage| Box::pin(resources::growth(stage)) },
    Scenario { name: "size", run: |stage| Box::pin(resources::size(stage)) },
    Scenario { name: "replicas", run: |stage| Box::pin(speed::replicas(stage)) },
];
