//! Drives a journey: closed loop (so many people at once, each beginning anew as soon as they are done) and open loop
//! (so many a second, whether the earlier ones are done or not, counted from the moment each was meant to begin).

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Outcome;
use crate::connection::Connections;
use crate::journey::{Journey, Turn};

/// Who takes part.
#[derive(Clone)]
pub enum People {
    /// These many, over and over.
    Known(u64),
    /// The same, from this number on.
    KnownFrom(u64, u64),
    /// These many, in an order that no cache can guess.
    Scattered(u64),
    /// Each time somebody who was never here.
    New(Arc<AtomicU64>),
}

impl People {
    fn turn(&self, attempt: u64) -> Turn {
        let person = match self {
            Self::Known(count) => attempt % count,
            Self::KnownFrom(first, count) => first + attempt % count,
            Self::Scattered(count) => attempt.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29) % count,
            Self::New(next) => next.fetch_add(1, Ordering::Relaxed),
        };
        Turn { person, attempt }
    }
}

/// For how long.
#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    Done(u64),
}

/// What was seen, in microseconds.
pub struct Seen {
    pub whole: Histogram<u64>,
    pub steps: Vec<(&'static str, Histogram<u64>)>,
    pub elapsed: Duration,
    pub done: u64,
}

/// Attempts never repeat within a run of the program: a code is good once.
static ATTEMPTS: AtomicU64 = AtomicU64::new(1);
/// A minute; nobody waits longer.
const LONGEST_MICROS: u64 = 60_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;
const OPEN_CONNECTIONS: u64 = 256;
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

impl Seen {
    pub fn nothing(steps: &[&'static str]) -> Outcome<Self> {
        Ok(Self {
            whole: histogram()?,
            steps: steps
                .iter()
                .map(|step| Ok((*step, histogram()?)))
                .collect::<Outcome<_>>()?,
            elapsed: Duration::ZERO,
            done: 0,
        })
    }

    pub fn rate(&self) -> f64 {
        per_second(self.done, self.elapsed)
    }

    pub fn add(&mut self, other: &Self) -> Outcome<()> {
        self.whole.add(&other.whole)?;
        for ((_, all), (_, more)) in self.steps.iter_mut().zip(&other.steps) {
            all.add(more)?;
        }
        self.elapsed += other.elapsed;
        self.done += other.done;
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of journeys")]
pub fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64()
}

/// `connections` people at once.
pub async fn closed(
    name: &str,
    journey: &Rc<Journey>,
    people: &People,
    connections: u64,
    until: Until,
) -> Outcome<Seen> {
    let steps = journey.kind.steps();
    let begun = Instant::now();
    let begins = Rc::new(std::cell::Cell::new(0_u64));
    let progress = Rc::new(Progress::new(name));
    let tasks = (0..connections).map(|_| {
        let (journey, people, begins, progress) = (
            Rc::clone(journey),
            people.clone(),
            Rc::clone(&begins),
            Rc::clone(&progress),
        );
        async move {
            let mut connections = Connections::to(&journey.at);
            let mut seen = Seen::nothing(steps)?;
            loop {
                let is_over = match until {
                    Until::Elapsed(limit) => begun.elapsed() >= limit,
                    Until::Done(count) => begins.get() >= count,
                };
                if is_over {
                    return Ok(seen);
                }
                begins.set(begins.get() + 1);
                let turn = people.turn(ATTEMPTS.fetch_add(1, Ordering::Relaxed));
                once(&journey, &mut connections, turn, Instant::now(), &mut seen).await?;
                progress.tick(begun, begins.get());
            }
        }
    });
    let mut all = together(steps, tasks).await?;
    progress.end();
    all.elapsed = begun.elapsed();
    Ok(all)
}

/// `rate` people a second for a while; also tells how long each attempt took.
pub async fn open(
    name: &str,
    journey: &Rc<Journey>,
    people: &People,
    rate: u64,
    lasting: Duration,
) -> Outcome<(Seen, HashMap<u64, Duration>)> {
    let steps = journey.kind.steps();
    let count = rate * lasting.as_secs();
    let begins = Arc::new(Semaphore::new(0));
    let begun = Instant::now() + Duration::from_millis(50);
    let meant = move |index: u64| begun + Duration::from_nanos(1_000_000_000 / rate * index);
    // A thread of its own: the runtime's timer counts in milliseconds.
    let ticker = std::thread::spawn({
        let begins = Arc::clone(&begins);
        move || {
            for index in 0..count {
                std::thread::sleep(meant(index).saturating_duration_since(Instant::now()));
                begins.add_permits(1);
            }
            begins.add_permits(usize::try_from(OPEN_CONNECTIONS).unwrap_or_default());
        }
    });
    let next = Rc::new(std::cell::Cell::new(0_u64));
    let took = Rc::new(std::cell::RefCell::new(HashMap::new()));
    let progress = Rc::new(Progress::new(name));
    let tasks = (0..OPEN_CONNECTIONS).map(|_| {
        let (journey, people, begins, next) = (
            Rc::clone(journey),
            people.clone(),
            Arc::clone(&begins),
            Rc::clone(&next),
        );
        let (took, progress) = (Rc::clone(&took), Rc::clone(&progress));
        async move {
            let mut connections = Connections::to(&journey.at);
            let mut seen = Seen::nothing(steps)?;
            loop {
                begins.acquire().await?.forget();
                let index = next.replace(next.get() + 1);
                if index >= count {
                    return Ok(seen);
                }
                let turn = people.turn(ATTEMPTS.fetch_add(1, Ordering::Relaxed));
                let whole = once(&journey, &mut connections, turn, meant(index), &mut seen).await?;
                took.borrow_mut().insert(turn.attempt, whole);
                progress.tick(begun, index);
            }
        }
    });
    let mut all = together(steps, tasks).await?;
    progress.end();
    all.elapsed = begun.elapsed();
    ticker.join().map_err(|_| "the ticker failed")?;
    Ok((all, took.take()))
}

async fn once(
    journey: &Journey,
    connections: &mut Connections,
    turn: Turn,
    begun: Instant,
    seen: &mut Seen,
) -> Outcome<Duration> {
    let mut last = begun;
    let steps = &mut seen.steps;
    let mut stamp = |step: usize| {
        let now = Instant::now();
        steps[step].1.saturating_record(micros(now - last));
        last = now;
    };
    journey.go(connections, turn, &mut stamp).await?;
    let whole = begun.elapsed();
    seen.whole.saturating_record(micros(whole));
    seen.done += 1;
    Ok(whole)
}

/// For microseconds.
pub fn histogram() -> Outcome<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST_MICROS, SIGNIFICANT_DIGITS)?)
}

pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

async fn together<F: Future<Output = Outcome<Seen>> + 'static>(
    steps: &[&'static str],
    tasks: impl Iterator<Item = F>,
) -> Outcome<Seen> {
    let mut running = JoinSet::new();
    for task in tasks {
        running.spawn_local(task);
    }
    let mut all = Seen::nothing(steps)?;
    while let Some(seen) = running.join_next().await {
        all.add(&seen??)?;
    }
    Ok(all)
}

/// A line that says how far it is, where somebody looks.
struct Progress {
    name: String,
    is_watched: bool,
    last: std::cell::Cell<Instant>,
}

impl Progress {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_watched: std::io::stderr().is_terminal(),
            last: std::cell::Cell::new(Instant::now()),
        }
    }

    fn tick(&self, begun: Instant, done: u64) {
        if self.is_watched && self.last.get().elapsed() >= PROGRESS_EVERY {
            self.last.set(Instant::now());
            let rate = per_second(done, begun.elapsed());
            eprint!(
                "\r\x1b[K{}: {done} in {:.1} s, {rate:.0}/s",
                self.name,
                begun.elapsed().as_secs_f64()
            );
            drop(std::io::stderr().flush());
        }
    }

    fn end(&self) {
        if self.is_watched {
            eprint!("\r\x1b[K");
        }
    }
}
