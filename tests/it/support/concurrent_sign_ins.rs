//! Many sign-ins at once on a site whose sidecars share one database, and what must hold after them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use dingtalk_simulator::Person;
use nocobase_dingtalk::nocobase::NewUser;
use serde_json::Value;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use super::app::AUTHENTICATOR;
use super::browser::Answer;
use super::shared_site::SharedSite;

/// Sign-ins of different people under way at a time.
const AT_ONCE: usize = 100;

/// The person of this number; each number has its own name, subject and phone number.
pub fn person(number: usize) -> Person {
    Person::employee(
        &key(number),
        &format!("Person {number}"),
        &subject(number),
        &mobile(number),
    )
}

/// What the simulator calls a person.
pub fn key(number: usize) -> String {
    format!("person-{number}")
}

/// A person's phone number.
pub fn mobile(number: usize) -> String {
    format!("139{number:08}")
}

fn subject(number: usize) -> String {
    format!("union{number:07}iEiE")
}

/// The rows that a first sign-in makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub users: i64,
    pub roles: i64,
    pub links: i64,
}

impl Made {
    /// A whole user.
    pub const WHOLE: Self = Self {
        users: 1,
        roles: 1,
        links: 1,
    };
}

/// The user a session was issued to, by the answer and by the token.
pub fn signed_in_user(answer: &Answer) -> i64 {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = answer.json["data"]["user"]["id"].as_i64().unwrap();
    let token = answer.json["data"]["token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["userId"], id);
    id
}

impl SharedSite {
    /// A user with the phone number of this person, made by an administrator.
    pub async fn add_user_for(&self, number: usize, now: DateTime<Utc>) {
        let store = &self.database.store;
        let mut linking = store.begin_link("basic").await.unwrap().unwrap();
        let user = NewUser {
            nickname: Some(format!("Known {number}")),
            phone: Some(mobile(number)),
        };
        linking.create_user(user, now).await.unwrap();
        linking.commit().await.unwrap();
    }

    /// What there is of a person in the database.
    pub async fn made_of(&self, number: usize) -> Made {
        let (mobile, subject) = (mobile(number), subject(number));
        Made {
            users: self
                .database
                .number_about("SELECT COUNT(*) FROM `@users` WHERE `phone` = ?", &mobile)
                .await,
            roles: self
                .database
                .number_about(
                    "SELECT COUNT(*) FROM `@rolesUsers` WHERE `userId` IN \
                     (SELECT `id` FROM `@users` WHERE `phone` = ?)",
                    &mobile,
                )
                .await,
            links: self
                .database
                .number_about(
                    "SELECT COUNT(*) FROM `@usersAuthenticators` WHERE `uuid` = ?",
                    &subject,
                )
                .await,
        }
    }

    /// Whose link a person's subject is.
    pub async fn linked_user(&self, number: usize) -> i64 {
        let sql = "SELECT `userId` FROM `@usersAuthenticators` WHERE `uuid` = ?";
        self.database.number_about(sql, &subject(number)).await
    }

    /// `times` first sign-ins of one new person at the same moment, spread over the sidecars.
    pub async fn one_person_in_many_browsers(
        &self,
        sidecars: &[String],
        number: usize,
        times: usize,
    ) -> Duration {
        self.dingtalk.add_person(person(number));
        let flows = (0..times).map(|_| key(number)).collect();
        let (answers, took) = self.complete_together(sidecars, flows).await;

        let user = signed_in_user(&answers[0]);
        let mut tokens = Vec::new();
        for answer in &answers {
            assert_eq!(signed_in_user(answer), user);
            tokens.push(answer.json["data"]["token"].to_string());
        }
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), times);
        assert_eq!(self.made_of(number).await, Made::WHOLE);
        let sessions = format!("SELECT COUNT(*) FROM `@issuedTokens` WHERE `userId` = {user}");
        assert_eq!(
            self.database.number(&sessions).await,
            i64::try_from(times).unwrap()
        );
        took
    }

    /// `count` people, every other one known to the site by phone number; each passes three sidecars on the way.
    pub async fn many_different_people(
        self: &Arc<Self>,
        sidecars: &[String],
        first: usize,
        count: usize,
        now: DateTime<Utc>,
    ) -> Duration {
        for number in first..first + count {
            self.dingtalk.add_person(person(number));
            if number % 2 == 0 {
                self.add_user_for(number, now).await;
            }
        }
        let begun = Instant::now();
        let room = Arc::new(Semaphore::new(AT_ONCE));
        let mut journeys = JoinSet::new();
        let browser = self.browser(&sidecars[0]);
        for number in first..first + count {
            let (site, room, browser) = (Arc::clone(self), Arc::clone(&room), browser.clone());
            let [first_sidecar, second_sidecar, third_sidecar] =
                [0, 1, 3].map(|step| sidecars[(number + step) % sidecars.len()].clone());
            journeys.spawn(async move {
                let _room = room.acquire().await.unwrap();
                let mut browser = browser.at(&first_sidecar);
                let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
                let back = site.dingtalk.approve(&at_dingtalk, &key(number)).unwrap();
                let mut browser = browser.at(&second_sidecar);
                let handle = browser.come_back(&back).await;
                (
                    number,
                    browser.at(&third_sidecar).complete(AUTHENTICATOR, &handle).await,
                )
            });
        }
        let answers = journeys.join_all().await;
        let took = begun.elapsed();
        assert_eq!(answers.len(), count);
        for (number, answer) in answers {
            let user = signed_in_user(&answer);
            assert_eq!(answer.json["data"]["user"]["phone"], mobile(number));
            assert_eq!(self.linked_user(number).await, user);
            assert_eq!(self.made_of(number).await, Made::WHOLE);
        }
        took
    }

    /// Pairs of new people with one phone number each, at the same moment; for every other pair there is a user with
    /// that number already.
    pub async fn one_phone_claimed_twice(
        &self,
        sidecars: &[String],
        first: usize,
        pairs: usize,
        now: DateTime<Utc>,
    ) {
        for pair in 0..pairs {
            let (one, other) = (first + 2 * pair, first + 2 * pair + 1);
            self.dingtalk.add_person(person(one));
            self.dingtalk.add_person(Person {
                mobile: Some(mobile(one)),
                ..person(other)
            });
            if pair % 2 == 0 {
                self.add_user_for(one, now).await;
            }
        }
        let flows = (first..first + 2 * pairs).map(key).collect();
        let (answers, _) = self.complete_together(sidecars, flows).await;
        for (pair, answers) in answers.chunks(2).enumerate() {
            let (one, other) = (first + 2 * pair, first + 2 * pair + 1);
            let mut outcomes: Vec<_> = answers
                .iter()
                .map(|answer| (answer.status, answer.code()))
                .collect();
            outcomes.sort_unstable();
            assert_eq!(
                outcomes,
                [(200, ""), (401, "PHONE_ALREADY_LINKED")],
                "pair {pair}"
            );
            let (ours, theirs) = (self.made_of(one).await, self.made_of(other).await);
            assert_eq!((ours.users, ours.roles, ours.links + theirs.links), (1, 1, 1));
        }
    }

    /// Brings a browser for each of these people back from DingTalk, then lets all of them sign in at one moment.
    async fn complete_together(&self, sidecars: &[String], people: Vec<String>) -> (Vec<Answer>, Duration) {
        let start = Arc::new(Barrier::new(people.len() + 1));
        let mut waiting = Vec::new();
        let browser = self.browser(&sidecars[0]);
        for (index, person) in people.iter().enumerate() {
            let mut browser = browser.clone().at(&sidecars[index % sidecars.len()]);
            let handle = browser.return_from_dingtalk(&self.dingtalk, person).await;
            let start = Arc::clone(&start);
            waiting.push(tokio::spawn(async move {
                start.wait().await;
                browser.complete(AUTHENTICATOR, &handle).await
            }));
        }
        start.wait().await;
        let begun = Instant::now();
        let mut answers = Vec::new();
        for answer in waiting {
            answers.push(answer.await.unwrap());
        }
        (answers, begun.elapsed())
    }
}
