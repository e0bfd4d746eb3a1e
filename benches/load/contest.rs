//! Contenders measured in turn, round by round, so that what else the machine does falls on all of them.

use std::rc::Rc;
use std::time::Duration;

use crate::Outcome;
use crate::drive::{People, Seen, Until, closed};
use crate::journey::Journey;
use crate::process::{machine_ticks, ticks};

/// One who is measured.
pub struct Contender {
    pub name: &'static str,
    pub journey: Rc<Journey>,
    pub people: People,
    /// Whose time on the processors is told: name and process.
    pub processes: Vec<(&'static str, u32)>,
}

/// How long, how often, how many at once.
#[derive(Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    pub lasting: Duration,
    pub connections: u64,
}

/// What came of one contender.
pub struct Standing {
    pub name: &'static str,
    pub seen: Seen,
    pub rates: Vec<f64>,
    /// Microseconds of processor time for one journey: the processes asked for, and everything else on the machine.
    pub costs: Vec<(&'static str, f64)>,
}

const WARM_UP: Duration = Duration::from_millis(800);
const MICROS_PER_TICK: f64 = 10_000.0;

/// Runs them in turn.
pub async fn contest(plan: Plan, contenders: &[Contender]) -> Outcome<Vec<Standing>> {
    let mut standings = Vec::new();
    for contender in contenders {
        closed(
            "warming up",
            &contender.journey,
            &contender.people,
            plan.connections,
            Until::Elapsed(WARM_UP),
        )
        .await?;
        standings.push(Standing {
            name: contender.name,
            seen: Seen::nothing(contender.journey.kind.steps())?,
            rates: Vec::new(),
            costs: Vec::new(),
        });
    }
    let mut spent: Vec<Vec<u64>> = vec![Vec::new(); contenders.len()];
    for round in 1..=plan.rounds {
        for ((contender, standing), spent) in contenders.iter().zip(&mut standings).zip(&mut spent) {
            let name = format!("{}, round {round} of {}", contender.name, plan.rounds);
            let before = clocks(contender)?;
            let until = Until::Elapsed(plan.lasting);
            let seen = closed(
                &name,
                &contender.journey,
                &contender.people,
                plan.connections,
                until,
            )
            .await?;
            let after = clocks(contender)?;
            spent.resize(before.len(), 0);
            for (sum, (before, after)) in spent.iter_mut().zip(before.iter().zip(&after)) {
                *sum += after - before;
            }
            standing.rates.push(seen.rate());
            standing.seen.add(&seen)?;
        }
    }
    for ((contender, standing), spent) in contenders.iter().zip(&mut standings).zip(&spent) {
        standing.costs = costs(contender, spent, standing.seen.done);
        standing.say();
    }
    Ok(standings)
}

/// Ticks of the machine, of the generator, of each process.
fn clocks(contender: &Contender) -> Outcome<Vec<u64>> {
    let mut all = vec![machine_ticks()?.0, ticks(std::process::id())?];
    for (_, pid) in &contender.processes {
        all.push(ticks(*pid)?);
    }
    Ok(all)
}

#[expect(clippy::cast_precision_loss, reason = "counts of ticks and journeys")]
fn costs(contender: &Contender, spent: &[u64], done: u64) -> Vec<(&'static str, f64)> {
    let for_one = |ticks: u64| ticks as f64 * MICROS_PER_TICK / done.max(1) as f64;
    let Some((machine, known)) = spent.split_first() else {
        return Vec::new();
    };
    let rest = machine.saturating_sub(known.iter().sum());
    let processes = contender.processes.iter().map(|(name, _)| *name);
    let names = std::iter::once("generator")
        .chain(processes)
        .chain(["everything else"]);
    let ticks = known.iter().copied().chain([rest]);
    names.zip(ticks.map(for_one)).collect()
}

impl Standing {
    /// The middle of the rounds.
    pub fn rate(&self) -> f64 {
        median(&self.rates)
    }

    fn say(&self) {
        let (low, high) = bounds(&self.rates);
        println!("{}: {:.0}/s ({low:.0} to {high:.0})", self.name, self.rate());
        say_steps(&self.seen);
        let costs: Vec<String> = self
            .costs
            .iter()
            .map(|(name, cost)| format!("{name} {cost:.0}"))
            .collect();
        println!("  processor time each, µs: {}", costs.join(", "));
    }
}

pub fn say_steps(seen: &Seen) {
    let steps = seen.steps.iter().map(|(name, histogram)| (*name, histogram));
    for (name, histogram) in steps.chain([("whole", &seen.whole)]) {
        let at = |part: f64| millis(histogram.value_at_quantile(part));
        let (p50, p90, p99, p999) = (at(0.5), at(0.9), at(0.99), at(0.999));
        println!("  {name:8} p50 {p50:.2} ms, p90 {p90:.2}, p99 {p99:.2}, p99.9 {p999:.2}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds for people to read")]
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// The first's rate in parts of the second's, round by round: the middle, the least, the most.
pub fn ratio(first: &Standing, second: &Standing) -> Spread {
    let ratios: Vec<f64> = first
        .rates
        .iter()
        .zip(&second.rates)
        .map(|(one, other)| one / other)
        .collect();
    let (low, high) = bounds(&ratios);
    Spread {
        middle: median(&ratios),
        low,
        high,
    }
}

/// A figure and how far its rounds lie apart.
#[derive(Clone, Copy)]
pub struct Spread {
    pub middle: f64,
    pub low: f64,
    pub high: f64,
}

impl std::fmt::Display for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.2} ({:.2} to {:.2})",
            self.middle, self.low, self.high
        )
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted[..] {
        [] => f64::NAN,
        _ if sorted.len().is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

fn bounds(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    (low, values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}
