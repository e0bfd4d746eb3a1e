//! A database server that goes away and comes back while people sign in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::cluster::{Cluster, End};
use super::support::app::AUTHENTICATOR;
use super::support::browser::Browser;
use super::support::concurrent_sign_ins::{Made, key, mobile, person, signed_in_user};
use super::support::database::Kind;
use super::support::shared_site::SharedSite;
use super::{site, two_sidecars};

/// People who sign in one after the other, each at both replicas in turn.
const WORKERS: usize = 8;
/// How long the load runs before the server goes away.
const BEFORE: Duration = Duration::from_secs(2);
/// How long the server is away: longer than the sidecar waits for a connection.
const AWAY: Duration = Duration::from_secs(5);
/// How soon after its return somebody must get in, and the sidecar call itself ready.
const RECOVERY: Duration = Duration::from_secs(5);
/// No probe waits longer for `/readyz`.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(100);

/// Somebody tried to sign in.
struct Attempt {
    number: usize,
    begun: Instant,
    done: Instant,
    /// The user, or nobody because the database was away.
    user: Option<i64>,
}

/// `/readyz` was asked.
struct Probe {
    begun: Instant,
    done: Instant,
    status: u16,
}

/// What happened to the server, in this order.
struct Outage {
    stopping: Instant,
    away: Instant,
    launched: Instant,
    back: Instant,
}

/// Ends the server under load, starts it again, and checks everything that was said meanwhile.
pub async fn under_load(kind: Kind, cluster: Arc<Mutex<Cluster>>, end: End) -> String {
    let mut cluster = cluster.lock().await;
    let (site, _) = site(kind, Some(&cluster.url())).await;
    let (_sidecars, urls) = two_sidecars(&site);
    let stop = Arc::new(AtomicBool::new(false));
    let mut probes = JoinSet::new();
    for url in &urls {
        probes.spawn(probe(url.clone(), Arc::clone(&stop)));
    }
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(Arc::clone(&site), urls.clone(), worker, Arc::clone(&stop)));
    }

    tokio::time::sleep(BEFORE).await;
    let stopping = Instant::now();
    tokio::task::block_in_place(|| cluster.stop(end));
    let away = Instant::now();
    tokio::time::sleep(AWAY).await;
    let launched = Instant::now();
    cluster.launch();
    drop(cluster.answers().await);
    let back = Instant::now();
    tokio::time::sleep(RECOVERY + Duration::from_secs(1)).await;
    stop.store(true, Ordering::SeqCst);
    let outage = Outage {
        stopping,
        away,
        launched,
        back,
    };

    let attempts: Vec<Attempt> = workers.join_all().await.into_iter().flatten().collect();
    let probes = probes.join_all().await;
    let (people, signed_in) = check_people(&site, &attempts).await;
    let (first, last) = recovery(&attempts, &outage);
    let ready = probes
        .iter()
        .map(|probes| check_probes(probes, &outage))
        .max()
        .unwrap();
    let refused = attempts.iter().filter(|attempt| attempt.user.is_none()).count();
    let longest = attempts.iter().map(|attempt| attempt.done - attempt.begun).max();
    assert!(refused > 0, "nobody noticed");
    assert!(first <= RECOVERY, "the first one got in after {first:?}");
    assert!(ready <= RECOVERY, "ready after {ready:?}");
    format!(
        "away for {:.1} s; {people} people, {signed_in} sign-ins, {refused} refused as DATABASE_UNAVAILABLE (the longest \
         after {:.1} s), nothing else said, nobody lost or doubled; after its return the first got in after {:.2} s, \
         every one of {WORKERS} after {:.2} s, both ready after {:.2} s; {} probes of /readyz, none wrong",
        (back - stopping).as_secs_f64(),
        longest.unwrap_or_default().as_secs_f64(),
        first.as_secs_f64(),
        last.as_secs_f64(),
        ready.as_secs_f64(),
        probes.iter().map(Vec::len).sum::<usize>(),
    )
}

/// One person after the other: a first sign-in, then another one, each repeated until it succeeds.
async fn work(
    site: Arc<SharedSite>,
    urls: Vec<String>,
    worker: usize,
    stop: Arc<AtomicBool>,
) -> Vec<Attempt> {
    let browser = site.browser(&urls[0]);
    let mut attempts = Vec::new();
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let number = WORKERS * round + worker;
        site.dingtalk.add_person(person(number));
        for visit in 0..2 {
            loop {
                let browser = browser.clone().at(&urls[(worker + visit) % urls.len()]);
                let begun = Instant::now();
                let user = try_to_sign_in(browser, &site, number).await;
                attempts.push(Attempt {
                    number,
                    begun,
                    done: Instant::now(),
                    user,
                });
                if user.is_some() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    attempts
}

/// The user; `None` when the answer is that the database is away. Any other answer is a wrong one.
async fn try_to_sign_in(mut browser: Browser, site: &SharedSite, number: usize) -> Option<i64> {
    let begun = browser
        .get(&format!(
            "auth:redirect?authenticator={AUTHENTICATOR}&return=/signin"
        ))
        .await;
    if begun.status != 302 {
        assert_eq!(
            (begun.status, begun.page().0.as_str()),
            (503, "DATABASE_UNAVAILABLE")
        );
        return None;
    }
    let at_dingtalk = begun.location().parse().unwrap();
    let back = site.dingtalk.approve(&at_dingtalk, &key(number)).unwrap();
    let handle = browser.come_back(&back).await;
    let answer = browser.complete(AUTHENTICATOR, &handle).await;
    if answer.status != 200 {
        assert_eq!(
            (answer.status, answer.code()),
            (503, "DATABASE_UNAVAILABLE"),
            "{}",
            answer.text
        );
        return None;
    }
    assert_eq!(answer.json["data"]["user"]["phone"], mobile(number));
    Some(signed_in_user(&answer))
}

async fn probe(url: String, stop: Arc<AtomicBool>) -> Vec<Probe> {
    let mut browser = Browser::new(&url);
    let mut probes = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let status = browser.visit("/readyz").await.status;
        probes.push(Probe {
            begun,
            done: Instant::now(),
            status,
        });
        tokio::time::sleep(PAUSE).await;
    }
    probes
}

/// Everybody is one whole user, and the one that every answer spoke of: how many people, how many sign-ins.
async fn check_people(site: &SharedSite, attempts: &[Attempt]) -> (usize, usize) {
    let signed_in = attempts
        .iter()
        .filter_map(|attempt| Some((attempt.number, attempt.user?)));
    let mut users: Vec<(usize, i64)> = signed_in.collect();
    let sign_ins = users.len();
    users.sort_unstable();
    users.dedup();
    for (number, user) in &users {
        assert_eq!(site.linked_user(*number).await, *user, "person {number}");
        assert_eq!(site.made_of(*number).await, Made::WHOLE, "person {number}");
    }
    (users.len(), sign_ins)
}

/// From the server's return until somebody got in, and until every worker had.
fn recovery(attempts: &[Attempt], outage: &Outage) -> (Duration, Duration) {
    let of_worker = |worker: usize| {
        attempts
            .iter()
            .filter(|attempt| attempt.number % WORKERS == worker && attempt.user.is_some())
            .map(|attempt| attempt.done)
            .filter(|done| *done > outage.launched)
            .min()
            .unwrap()
            .saturating_duration_since(outage.back)
    };
    let all: Vec<Duration> = (0..WORKERS).map(of_worker).collect();
    (*all.iter().min().unwrap(), *all.iter().max().unwrap())
}

/// Checks what one replica said of itself; from the server's return until it called itself ready again.
fn check_probes(probes: &[Probe], outage: &Outage) -> Duration {
    for probe in probes {
        let (begun, done) = (probe.begun, probe.done);
        assert!(done - begun < PROBE_LIMIT, "/readyz took {:?}", done - begun);
        let is_sure_to_be_ready = done < outage.stopping || begun > outage.back + RECOVERY;
        let is_sure_to_be_away = begun > outage.away && done < outage.launched;
        if is_sure_to_be_ready {
            assert_eq!(probe.status, 200);
        }
        if is_sure_to_be_away {
            assert_eq!(probe.status, 503);
        }
    }
    let mut ready = probes
        .iter()
        .filter(|probe| probe.begun > outage.away && probe.status == 200);
    ready.next().unwrap().done.saturating_duration_since(outage.back)
}
