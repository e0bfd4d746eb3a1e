//! Sidecars that die by kill -9, in the middle of what they do.

use std::time::Duration;

use super::long::sidecar::Sidecar;
use super::proxy::{Proxy, Side};
use super::support::app::AUTHENTICATOR;
use super::support::concurrent_sign_ins::{Made, key, mobile, person, signed_in_user};
use super::support::database::Kind;
use super::support::shared_site::SharedSite;
use super::{WITHOUT_TLS, site, two_sidecars};

const NOTHING: Made = Made {
    users: 0,
    roles: 0,
    links: 0,
};
/// A first sign-in has fewer statements.
const MOST_STATEMENTS: usize = 60;
/// Moments of a sign-in on SQLite at which the process is killed.
const MOMENTS: u32 = 40;

/// What was begun at a replica that died is finished at another one, from wherever it was.
pub async fn handed_over(kind: Kind, url: Option<String>) -> String {
    let (site, _) = site(kind, url.as_deref()).await;
    let ([first, _second], urls) = two_sidecars(&site);
    let [begun, returned] = [1, 2];
    for number in [begun, returned] {
        site.dingtalk.add_person(person(number));
    }
    let mut early = site.browser(&urls[0]);
    let at_dingtalk = early.click(AUTHENTICATOR, "/signin").await;
    let mut late = site.browser(&urls[0]);
    let handle_of_late = late.return_from_dingtalk(&site.dingtalk, &key(returned)).await;

    first.kill();

    let mut early = early.at(&urls[1]);
    let back = site.dingtalk.approve(&at_dingtalk, &key(begun)).unwrap();
    let handle_of_early = early.come_back(&back).await;
    for (mut browser, handle, number) in [
        (early, handle_of_early, begun),
        (late.at(&urls[1]), handle_of_late, returned),
    ] {
        let answer = browser.complete(AUTHENTICATOR, &handle).await;
        assert_eq!(signed_in_user(&answer), site.linked_user(number).await);
        assert_eq!(site.made_of(number).await, Made::WHOLE);
    }
    "killed before and after the way back from DingTalk; both signed in at the other replica".to_owned()
}

/// Kills a sidecar before and after each statement of a first sign-in.
pub async fn at_every_statement(kind: Kind, url: String, port: u16) -> String {
    let (site, _) = site(kind, Some(&url)).await;
    let proxy = Proxy::start(kind, port).await;
    let proxy_port = proxy.port().to_string();
    let through_proxy = [WITHOUT_TLS[0], ("DB_PORT", &proxy_port)];
    let survivor = Sidecar::start(&site, "survivor", &WITHOUT_TLS);
    let mut tally = Tally::default();
    for nth in 1..=MOST_STATEMENTS {
        for side in [Side::Before, Side::After] {
            let number = 10 * nth + usize::from(side == Side::After);
            site.dingtalk.add_person(person(number));
            let victim = Sidecar::start(&site, "victim", &through_proxy);
            let mut browser = site.browser(&victim.url);
            let handle = browser.return_from_dingtalk(&site.dingtalk, &key(number)).await;

            proxy.arm(victim.process(), nth, side);
            let answer = browser.try_complete(AUTHENTICATOR, &handle).await;
            let was_killed = proxy.disarm();
            if !was_killed {
                assert_eq!(signed_in_user(&answer.unwrap()), site.linked_user(number).await);
                return format!("{} statements, before and after each: {tally}", nth - 1);
            }
            assert!(answer.is_err(), "{side:?} {nth}: it answered and was killed");
            proxy.settled().await;
            tally
                .check(&site, number, &survivor, &format!("{side:?} {nth}"))
                .await;
        }
    }
    panic!("a first sign-in has more than {MOST_STATEMENTS} statements");
}

/// Kills a sidecar on SQLite at moments spread over the time that a first sign-in takes.
pub async fn at_any_time() -> String {
    let (site, _) = site(Kind::Sqlite, None).await;
    let mut sidecar = Sidecar::start(&site, "1", &[]);
    let takes = usual_time(&site, &sidecar).await;
    let mut tally = Tally::default();
    for moment in 0..MOMENTS {
        let number = 1000 + moment as usize;
        site.dingtalk.add_person(person(number));
        let mut browser = site.browser(&sidecar.url);
        let handle = browser.return_from_dingtalk(&site.dingtalk, &key(number)).await;
        let under_way = tokio::spawn(async move { browser.try_complete(AUTHENTICATOR, &handle).await });
        tokio::time::sleep(takes * moment / (MOMENTS - 1)).await;
        sidecar.kill();
        // Whether it had answered by then is a matter of luck.
        drop(under_way.await);
        sidecar = Sidecar::start(&site, "1", &[]);
        tally
            .check(&site, number, &sidecar, &format!("moment {moment}"))
            .await;
    }
    format!(
        "{MOMENTS} moments over {:.0} ms: {tally}",
        takes.as_secs_f64() * 1000.0
    )
}

/// How long a first sign-in takes, and a little more.
async fn usual_time(site: &SharedSite, sidecar: &Sidecar) -> Duration {
    let mut longest = Duration::ZERO;
    for number in 1..=5 {
        site.dingtalk.add_person(person(number));
        let mut browser = site.browser(&sidecar.url);
        let handle = browser.return_from_dingtalk(&site.dingtalk, &key(number)).await;
        let begun = std::time::Instant::now();
        signed_in_user(&browser.complete(AUTHENTICATOR, &handle).await);
        longest = longest.max(begun.elapsed());
    }
    longest + longest / 4
}

/// What the dead left behind.
#[derive(Default)]
struct Tally {
    whole: usize,
    nothing: usize,
}

impl Tally {
    /// The whole user is there or nothing, and a new attempt ends with exactly one.
    async fn check(&mut self, site: &SharedSite, number: usize, survivor: &Sidecar, when: &str) {
        match site.made_of(number).await {
            Made::WHOLE => self.whole += 1,
            NOTHING => self.nothing += 1,
            half => panic!("{when}: {half:?}"),
        }
        let mut browser = site.browser(&survivor.url);
        let answer = browser.sign_in(&site.dingtalk, &key(number)).await;
        assert_eq!(signed_in_user(&answer), site.linked_user(number).await, "{when}");
        assert_eq!(answer.json["data"]["user"]["phone"], mobile(number), "{when}");
        assert_eq!(site.made_of(number).await, Made::WHOLE, "{when}");
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kills = self.whole + self.nothing;
        write!(
            f,
            "{kills} kills, {} left a whole user and {} nothing, every new attempt got in",
            self.whole, self.nothing
        )
    }
}
