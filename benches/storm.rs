//! Login storms: a company that comes at nine, against a DingTalk that lets 20 calls per second through.

#![expect(clippy::unwrap_used, reason = "a scenario stops at the first surprise")]

#[path = "../tests/it/support/mod.rs"]
#[expect(dead_code, reason = "the harness serves the tests too")]
mod support;

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "the other suite kills processes")]
mod long;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use dingtalk_simulator::CallKind;
use nocobase_dingtalk::clock::Clock;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use long::sidecar::Sidecar;
use long::suite::Suite;
use support::app::AUTHENTICATOR;
use support::browser::Browser;
use support::concurrent_sign_ins::{key, mobile, person, signed_in_user};
use support::database::{Kind, TestDatabase};
use support::shared_site::SharedSite;

/// DingTalk's usual limit for one app and one operation.
const PER_SECOND: u32 = 20;
/// Nobody may be served after so many who asked later: two seconds' worth, since a call that DingTalk turned away is
/// repeated after a second.
const OVERTAKEN: usize = 40;
/// The time between two calls. All 1000 ask within a fifth of a second, over a connection each, and requests of the
/// same moment are read in any order: nobody is late by what they lost on the way.
const MOMENT: Duration = Duration::from_millis(50);
/// People on the way to DingTalk and back at a time; whoever is back waits with all others.
const CHOOSING: usize = 100;
/// Calls in a thousand that DingTalk may refuse for their rate: the way there is not even. They are repeated.
const THROTTLED_PER_MILLE: u64 = 10;
/// What one person who waits may cost at the most, in KiB.
const WAITING_COST: u64 = 64;
/// What a second storm may leave on top of the first, in KiB.
const LEFT_BEHIND: u64 = 16 * 1024;

#[tokio::main]
async fn main() -> ExitCode {
    let mut suite = Suite::from_command_line();
    let stage = Arc::new(Stage::set().await);
    let storm = Arc::clone(&stage);
    suite
        .run("1000 people at once", async move { storm.passes(1000).await })
        .await;
    suite
        .run("1300 people, more than the queue takes", async move {
            stage.overflows(1300).await
        })
        .await;
    suite.finish()
}

/// A site with one sidecar, and DingTalk's limit in force.
struct Stage {
    site: SharedSite,
    sidecar: Sidecar,
    now: DateTime<Utc>,
}

/// Calls so far: redemptions, profiles.
struct Calls {
    asked: [u64; 2],
    good: [u64; 2],
    throttled: [u64; 2],
}

/// How a sign-in went.
struct Passed {
    number: usize,
    asked: Instant,
    done: Instant,
    /// The seconds that each refusal asked to wait.
    sent_away: Vec<u64>,
}

impl Stage {
    async fn set() -> Self {
        let now = Clock::system().now();
        let database = Arc::new(TestDatabase::create(Kind::Sqlite, None).await);
        let site = SharedSite::on(database, Clock::system()).await;
        site.dingtalk.enforce_qps(Some(PER_SECOND));
        let limit = PER_SECOND.to_string();
        let sidecar = Sidecar::start(&site, "1", &[("DINGTALK_QPS_PER_API", &limit)]);
        // One sign-in opens what is opened once.
        let stage = Self { site, sidecar, now };
        stage.invite(0, 1).await;
        stage.come(0, 1).await;
        stage
    }

    async fn passes(&self, people: usize) -> String {
        let first = 10_000;
        self.invite(first, people).await;
        let calls = self.calls().await;
        let (before, _) = self.sidecar.memory();
        let begun = Instant::now();
        let passed = self.come(first, people).await;
        let took = begun.elapsed();
        let (after, peak) = self.sidecar.memory();
        let throttled = self.check_calls(&calls, people).await;

        let refused = passed
            .iter()
            .filter(|person| !person.sent_away.is_empty())
            .count();
        assert_eq!(refused, 0, "refused");
        // A tenth more than the limit itself asks for.
        let longest = Duration::from_secs(people as u64) / PER_SECOND * 11 / 10;
        assert!(took <= longest, "{took:.1?}");
        let overtaken = most_overtaken(&passed, MOMENT);
        assert!(overtaken <= OVERTAKEN, "{overtaken} overtook one");
        let cost = (peak - before) / people as u64;
        assert!(cost <= WAITING_COST, "{cost} KiB a person");
        format!(
            "all signed in within {:.1} s (at most {:.0}), none refused; 2 calls each, {throttled} repeated after DingTalk throttled them; \
             at most {overtaken} of those who asked {MOMENT:?} later or more overtook one, {} of all; resident memory {before} KiB before, {peak} at most, {after} after",
            took.as_secs_f64(),
            longest.as_secs_f64(),
            most_overtaken(&passed, Duration::ZERO),
        )
    }

    async fn overflows(&self, people: usize) -> String {
        let first = 20_000;
        self.invite(first, people).await;
        let calls = self.calls().await;
        let (before, _) = self.sidecar.memory();
        let begun = Instant::now();
        let passed = self.come(first, people).await;
        let took = begun.elapsed();
        let (after, peak) = self.sidecar.memory();
        let throttled = self.check_calls(&calls, people).await;

        let sent_away: Vec<&Passed> = passed
            .iter()
            .filter(|person| !person.sent_away.is_empty())
            .collect();
        assert!(!sent_away.is_empty(), "the queue took everybody");
        let rounds = sent_away.iter().map(|person| person.sent_away.len()).max();
        let waits = sent_away.iter().flat_map(|person| &person.sent_away);
        let longest_wait = waits.clone().max().unwrap();
        let shortest_wait = waits.min().unwrap();
        assert!(
            after <= before + LEFT_BEHIND,
            "{before} KiB before, {after} after"
        );
        format!(
            "all signed in within {:.1} s; {} were told to come back in {shortest_wait} to {longest_wait} s \
             and got in with the same flow, the last in round {}; 2 calls each, {throttled} repeated; \
             resident memory {before} KiB before, {peak} at most, {after} after",
            took.as_secs_f64(),
            sent_away.len(),
            rounds.unwrap_or_default() + 1,
        )
    }

    /// Gives people an account at DingTalk; every other one is known to the site by phone number.
    async fn invite(&self, first: usize, people: usize) {
        for number in first..first + people {
            self.site.dingtalk.add_person(person(number));
            if number % 2 == 0 {
                self.site.add_user_for(number, self.now).await;
            }
        }
    }

    /// What DingTalk has had of the two calls of a sign-in, as it counts them and as the sidecar does.
    async fn calls(&self) -> Calls {
        let metrics = Browser::new(&self.sidecar.url).visit("/metrics").await.text;
        let answered = |outcome: &str| {
            ["user_access_token", "profile"].map(|call| {
                let name = format!(
                    "nocobase_dingtalk_dingtalk_call_seconds_count{{call=\"{call}\",outcome=\"{outcome}\"}} "
                );
                let count = metrics.lines().find_map(|line| line.strip_prefix(name.as_str()));
                count.map_or(0, |count| count.parse().unwrap())
            })
        };
        let dingtalk = &self.site.dingtalk;
        Calls {
            asked: [CallKind::UserAccessToken, CallKind::Profile].map(|kind| dingtalk.calls(kind) as u64),
            good: answered("ok"),
            throttled: answered("throttled"),
        }
    }

    /// Everybody took two good calls; tells how many were repeated.
    async fn check_calls(&self, before: &Calls, people: usize) -> u64 {
        let calls = self.calls().await;
        let people = people as u64;
        for kind in [0, 1] {
            let good = calls.good[kind] - before.good[kind];
            let throttled = calls.throttled[kind] - before.throttled[kind];
            assert_eq!(good, people);
            assert_eq!(calls.asked[kind] - before.asked[kind], good + throttled);
            assert!(
                throttled * 1000 <= people * THROTTLED_PER_MILLE,
                "{throttled} throttled"
            );
        }
        let sum = |calls: &Calls| calls.throttled.iter().sum::<u64>();
        sum(&calls) - sum(before)
    }

    /// Lets everybody in at once: click, approve, come back, be signed in. Who is told to come back later does so.
    async fn come(&self, first: usize, people: usize) -> Vec<Passed> {
        let mut journeys = JoinSet::new();
        let browser = self.site.browser(&self.sidecar.url);
        let room = Arc::new(Semaphore::new(CHOOSING));
        for number in first..first + people {
            let (mut browser, dingtalk) = (browser.clone(), self.site.dingtalk.clone());
            let room = Arc::clone(&room);
            journeys.spawn(async move {
                let choosing = room.acquire().await.unwrap();
                let handle = browser.return_from_dingtalk(&dingtalk, &key(number)).await;
                drop(choosing);
                let asked = Instant::now();
                let mut sent_away = Vec::new();
                loop {
                    let answer = browser.complete(AUTHENTICATOR, &handle).await;
                    if answer.code() == "DINGTALK_BUSY" {
                        let seconds = answer.header("retry-after");
                        assert_eq!(answer.status, 503, "{}", answer.text);
                        assert!(answer.text.contains(&format!(" {seconds} ")), "{}", answer.text);
                        sent_away.push(seconds.parse().unwrap());
                        tokio::time::sleep(Duration::from_secs(sent_away[sent_away.len() - 1])).await;
                        continue;
                    }
                    signed_in_user(&answer);
                    assert_eq!(answer.json["data"]["user"]["phone"], mobile(number));
                    let done = Instant::now();
                    return Passed {
                        number,
                        asked,
                        done,
                        sent_away,
                    };
                }
            });
        }
        let mut passed = journeys.join_all().await;
        assert_eq!(passed.len(), people);
        passed.sort_by_key(|person| person.number);
        passed
    }
}

/// The most people who asked so much later than somebody and were signed in before them.
fn most_overtaken(passed: &[Passed], later: Duration) -> usize {
    let overtaken = |one: &Passed| {
        let faster = |other: &&Passed| other.asked > one.asked + later && other.done < one.done;
        passed.iter().filter(faster).count()
    };
    passed.iter().map(overtaken).max().unwrap_or_default()
}
