//! The crowds of `tests/it/concurrency.rs` in full, through two processes.

use super::support::database::Kind;
use super::{site, two_sidecars};

const BROWSERS: usize = 100;
const PEOPLE: usize = 1000;
const PAIRS: usize = 50;

/// One person in many browsers, many different people, two people with one phone number.
pub async fn pass(kind: Kind, url: Option<String>) -> String {
    let (site, now) = site(kind, url.as_deref()).await;
    let (_sidecars, urls) = two_sidecars(&site);
    let one = site.one_person_in_many_browsers(&urls, 1, BROWSERS).await;
    let many = site.many_different_people(&urls, 1000, PEOPLE, now).await;
    site.one_phone_claimed_twice(&urls, 5000, PAIRS, now).await;
    format!(
        "{BROWSERS} first sign-ins of one person in {:.1} s: {BROWSERS} sessions, one user, link and role; \
         {PEOPLE} interleaved people in {:.1} s, none swapped; {PAIRS} phone numbers claimed twice, one each got in",
        one.as_secs_f64(),
        many.as_secs_f64()
    )
}
