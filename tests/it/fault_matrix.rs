//! Every way in which a call of DingTalk's can go wrong, at every call of a sign-in, before and after the code was
//! consumed: what the person is told, what is written, and how often the code is redeemed.

mod table;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use dingtalk_simulator::{CallKind, DEMO_CORP_ID, Effect, Fault, Person};
use nocobase_dingtalk::dingtalk::Limits;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::json;

use crate::languages::{LANGUAGES, assert_says, text};
use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::app_internals::Rows;
use crate::support::browser::{Answer, Browser, handle_in};
use crate::support::tcp_proxy::{Closed, TcpProxy};
use table::{AWAY, CUT, Column, Flow, Refused, table};

/// An authenticator whose subject needs all four calls.
const BY_USER_ID: &str = "s_by_user_id";
/// An authenticator for the members of an organization.
const FOR_MEMBERS: &str = "s_for_members";
/// Somebody who is known already, and signs in meanwhile.
const SOMEBODY_ELSE: &str = "li-lei";
/// For one call; long enough for an honest answer on a busy machine.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// For a sign-in in which one call uses its time up.
const BOUND: Duration = Duration::from_secs(15);
/// Apps that take cells from the table side by side.
const LANES: usize = 6;

fn quick(limits: &mut Limits) {
    limits.call_timeout = CALL_TIMEOUT;
    limits.window = Duration::from_millis(10);
}

/// What goes wrong, and where.
struct Cell {
    number: usize,
    name: String,
    column: Column,
    cause: Cause,
    expected: Refused,
}

enum Cause {
    Fault(Effect),
    Connection(Closed),
}

/// What was not as the table says.
struct Differences(Vec<String>, String);

impl Differences {
    fn compare<T: PartialEq + std::fmt::Debug + ?Sized>(&mut self, what: &str, seen: &T, expected: &T) {
        if seen != expected {
            let name = &self.1;
            self.0
                .push(format!("{name}: {what} is {seen:?}, expected {expected:?}"));
        }
    }
}

/// An app that goes through cells one after the other, so that every row it writes is of one cell.
struct Trial {
    app: TestApp,
    browser: Browser,
    tables: DatabaseConnection,
    proxy: Option<TcpProxy>,
}

impl Trial {
    async fn start(mut proxy: Option<TcpProxy>) -> Self {
        let address = proxy.as_ref().map(TcpProxy::url).unwrap_or_default();
        let settings = [
            ("DINGTALK_API_URL", address.as_str()),
            ("DINGTALK_OAPI_URL", address.as_str()),
        ];
        let settings = if proxy.is_some() { &settings[..] } else { &[] };
        let app = TestApp::with_limits(settings, quick).await;
        app.enable_plugin().await;
        app.add_authenticator(json!({ "public": { "autoSignup": true } }))
            .await;
        app.add_authenticator_named(
            BY_USER_ID,
            json!({ "subject": "userId", "public": { "autoSignup": true } }),
        )
        .await;
        app.add_authenticator_named(
            FOR_MEMBERS,
            json!({ "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } }),
        )
        .await;
        if let Some(proxy) = &mut proxy {
            proxy
                .admit(usize::MAX, &app.dingtalk_url(), Closed::Refused)
                .await;
        }
        let (browser, tables) = (app.browser(), app.tables().await);
        let trial = Self {
            app,
            browser,
            tables,
            proxy,
        };
        trial.mend();
        for authenticator in [AUTHENTICATOR, BY_USER_ID, FOR_MEMBERS] {
            assert_eq!(trial.journey(authenticator, SOMEBODY_ELSE).await, 200);
        }
        trial
    }

    /// Ends all faults; behind a proxy, each call keeps to a connection of its own, so that they can be counted.
    fn mend(&self) {
        self.app.dingtalk.clear_faults();
        if self.proxy.is_some() {
            self.app.dingtalk.set_fault(Fault::everywhere(Effect::Closing));
        }
    }

    /// Goes to DingTalk and back: the handle of the flow.
    async fn come_back(&self, browser: &mut Browser, authenticator: &str, person: &str) -> String {
        let at_dingtalk = browser.click(authenticator, "/signin").await;
        let back = self.app.dingtalk.approve(&at_dingtalk, person).unwrap();
        handle_in(&browser.follow(&back).await.location())
    }

    /// A whole sign-in in a browser of its own: how it ends.
    async fn journey(&self, authenticator: &str, person: &str) -> u16 {
        let mut browser = self.browser.clone();
        let handle = self.come_back(&mut browser, authenticator, person).await;
        browser.complete(authenticator, &handle).await.status
    }

    async fn rows(&self) -> Rows {
        let count = |table: &str| format!(r#"(SELECT COUNT(*) FROM "{table}")"#);
        let tables = ["users", "rolesUsers", "usersAuthenticators", "issuedTokens"].map(count);
        let sql = format!("SELECT {}", tables.join(", "));
        let statement = Statement::from_string(self.tables.get_database_backend(), sql);
        let row = self.tables.query_one_raw(statement).await.unwrap().unwrap();
        Rows {
            users: row.try_get_by_index(0).unwrap(),
            roles: row.try_get_by_index(1).unwrap(),
            links: row.try_get_by_index(2).unwrap(),
            tokens: row.try_get_by_index(3).unwrap(),
        }
    }

    /// How often DingTalk has seen the call; an app's own is counted for all people.
    fn seen(&self, call: CallKind, person: &str) -> usize {
        if call == CallKind::AppAccessToken {
            self.app.dingtalk.calls(call)
        } else {
            self.app.dingtalk.calls_of(call, person)
        }
    }

    async fn strike(&mut self, cell: &Cell, person: &str) {
        match &cell.cause {
            Cause::Fault(effect) => {
                let mut fault = Fault::on(cell.column.call(), effect.clone());
                // The app's own token is nobody's.
                if cell.column != Column::AppToken {
                    fault = fault.of(person);
                }
                if cell.column == Column::RedemptionDuring {
                    fault = fault.after_processing();
                }
                self.app.dingtalk.set_fault(fault);
            }
            Cause::Connection(shut) => {
                let connections_before = match cell.column {
                    Column::RedemptionBefore | Column::RedemptionDuring => 0,
                    Column::Profile => 1,
                    // With the token that is remembered.
                    Column::UserId | Column::Membership => 2,
                    // Which is refused there first.
                    Column::AppToken => 3,
                };
                let url = self.app.dingtalk_url();
                let proxy = self.proxy.as_mut().unwrap();
                proxy.admit(connections_before, &url, *shut).await;
            }
        }
    }

    /// What the cell did otherwise than the table says.
    async fn check(&mut self, cell: &Cell) -> Vec<String> {
        let expected = cell.expected;
        let mut differences = Differences(Vec::new(), format!("{} at {:?}", cell.name, cell.column));
        let person = format!("cell-{}", cell.number);
        self.app.dingtalk.add_person(Person::employee(
            &person,
            &format!("Cell {}", cell.number),
            &format!("union-{person}"),
            &format!("139{:08}", cell.number),
        ));
        let authenticator = match cell.column {
            Column::AppToken | Column::UserId => BY_USER_ID,
            Column::Membership => FOR_MEMBERS,
            Column::RedemptionBefore | Column::RedemptionDuring | Column::Profile => AUTHENTICATOR,
        };
        if cell.column == Column::AppToken {
            self.app.dingtalk.expire_app_tokens();
        }
        let language = LANGUAGES[cell.number % LANGUAGES.len()];
        let mut browser = self.browser.clone().with("X-Locale", language);
        let handle = self.come_back(&mut browser, authenticator, &person).await;
        let mut stale = browser.clone();
        let (rows, seen) = (self.rows().await, self.seen(cell.column.call(), &person));
        let wondered = self.app.dingtalk.unexpected().len();
        self.strike(cell, &person).await;

        let refusal = tokio::time::timeout(BOUND, browser.complete(authenticator, &handle));
        let answer = match &cell.cause {
            Cause::Fault(_) => {
                // Whom the app's own token is nothing to, where that is what cannot be had.
                let beside = if cell.column == Column::AppToken {
                    AUTHENTICATOR
                } else {
                    authenticator
                };
                let (answer, other) = tokio::join!(refusal, self.journey(beside, SOMEBODY_ELSE));
                differences.compare("somebody else's sign-in", &other, &200);
                answer
            }
            Cause::Connection(_) => refusal.await,
        };
        let Ok(answer) = answer else {
            differences.compare("the answer's time", "too long", "within the limit");
            return differences.0;
        };

        assert_refused(&mut differences, &answer, &expected, language);
        let sent = self.seen(cell.column.call(), &person) - seen;
        differences.compare("the number of times it was sent", &sent, &expected.sent);
        let is_consumed = usize::from(cell.column != Column::RedemptionBefore);
        let redeemed = self.app.dingtalk.redeemed(&person);
        differences.compare("the number of redemptions", &redeemed, &is_consumed);
        let others = i64::from(matches!(cell.cause, Cause::Fault(_)));
        let written = |own: i64| Rows {
            users: rows.users + own,
            roles: rows.roles + own,
            links: rows.links + own,
            tokens: rows.tokens + own + others,
        };
        differences.compare("what is written", &self.rows().await, &written(0));
        let cookies: Vec<String> = browser.jar.keys().cloned().collect();
        let kept = vec![format!("nbdt_{handle}")];
        let gone = Vec::new();
        let flow = if expected.flow == Flow::Kept { kept } else { gone };
        differences.compare("the browser's cookies", &cookies, &flow);

        self.mend();
        if let Some(proxy) = &mut self.proxy {
            proxy
                .admit(usize::MAX, &self.app.dingtalk_url(), Closed::Refused)
                .await;
        }
        if expected.flow == Flow::Kept {
            let again = browser.complete(authenticator, &handle).await;
            differences.compare("the next try", &(again.status, again.code()), &(200, ""));
            differences.compare("redemptions in all", &self.app.dingtalk.redeemed(&person), &1);
        } else {
            let sent = self.seen(CallKind::UserAccessToken, &person);
            let again = stale.complete(authenticator, &handle).await;
            differences.compare("the next try", &(again.status, again.code()), &(401, "FLOW_USED"));
            let sent_again = self.seen(CallKind::UserAccessToken, &person) - sent;
            differences.compare("redemptions tried again", &sent_again, &0);
            differences.compare(
                "starting again",
                &self.journey(authenticator, &person).await,
                &200,
            );
        }
        differences.compare("what is written then", &self.rows().await, &written(1));
        if matches!(cell.cause, Cause::Connection(_)) {
            let other = self.journey(authenticator, SOMEBODY_ELSE).await;
            differences.compare("somebody else's sign-in", &other, &200);
        }
        let wonders = self.app.dingtalk.unexpected().split_off(wondered);
        differences.compare("what DingTalk wonders at", &wonders, &vec![]);
        differences.0
    }
}

fn assert_refused(differences: &mut Differences, answer: &Answer, expected: &Refused, language: &str) {
    let seen = (answer.status, answer.code().to_owned());
    let refused = (expected.status, expected.code.to_owned());
    let is_as_expected = seen == refused;
    differences.compare("the answer", &seen, &refused);
    let seconds = expected
        .seconds
        .map(|seconds| seconds.to_string())
        .unwrap_or_default();
    differences.compare("Retry-After", answer.header("retry-after"), seconds.as_str());
    if is_as_expected {
        let sentence = text(language, expected.sentence).replace("{{seconds}}", &seconds);
        assert_says(answer, language, &sentence);
    }
}

/// Goes through the cells on several apps: what was not as the table says.
async fn differences(cells: Vec<Cell>) -> Vec<String> {
    let cells = Mutex::new(cells.into_iter());
    let next = || cells.lock().unwrap_or_else(PoisonError::into_inner).next();
    let lanes = (0..LANES).map(|_| async {
        let mut trial = Trial::start(None).await;
        let mut found = Vec::new();
        while let Some(cell) = next() {
            found.extend(trial.check(&cell).await);
        }
        found
    });
    futures_util::future::join_all(lanes).await.concat()
}

#[tokio::test]
async fn every_fault_of_every_call_is_a_clear_refusal_and_uses_a_code_once_at_most() {
    let mut cells = Vec::new();
    for (name, effect, row) in table() {
        let membership = (Column::Membership, row[4]);
        for (column, expected) in Column::ALL.into_iter().zip(row).chain([membership]) {
            if let Some(expected) = expected {
                cells.push(Cell {
                    number: cells.len(),
                    name: name.to_owned(),
                    column,
                    cause: Cause::Fault(effect.clone()),
                    expected,
                });
            }
        }
    }
    println!("{} cells", cells.len());

    let differences = differences(cells).await;

    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn a_refused_connection_keeps_the_flow_and_a_reset_one_ends_it() {
    let mut trial = Trial::start(Some(TcpProxy::new())).await;
    let mut differences = Vec::new();
    let mut number = 0;

    for (shut, expected) in [(Closed::Refused, AWAY), (Closed::Reset, CUT)] {
        for column in [
            Column::RedemptionBefore,
            Column::Profile,
            Column::AppToken,
            Column::UserId,
        ] {
            let cell = Cell {
                number,
                name: format!("{shut:?}"),
                column,
                cause: Cause::Connection(shut),
                expected,
            };
            number += 1;
            differences.extend(trial.check(&cell).await);
        }
    }

    println!("{number} cells");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
