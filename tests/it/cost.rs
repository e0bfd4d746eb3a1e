//! What a sign-in costs: calls of DingTalk, and statements of the database. These are today's numbers; a change that
//! raises one says so here.

use chrono::TimeDelta;
use dingtalk_simulator::DEMO_CORP_ID;
use serde_json::json;

use crate::support::app::{AUTHENTICATOR, TestApp};
use crate::support::app_internals::Statements;
use crate::support::beside_nocobase::app_beside_nocobase;
use crate::support::database::{Kind, on};

/// Statements of a sign-in of somebody who is known: the user with their role, and the token.
const KNOWN: u64 = 2;
/// Of somebody who becomes a user: a transaction of seven more.
const SIGN_UP: u64 = 9;
/// The same where the database signs people in at once: user, role and session in one, and for who becomes a user once
/// more, because the first one did not find them.
const KNOWN_AT_ONCE: u64 = 1;
const SIGN_UP_AT_ONCE: u64 = 2;
/// The newest user, unless somebody became one within the last two seconds.
const NEWEST: u64 = 1;
/// The numbers in unusual spellings, unless somebody was looked for by phone within the last two seconds.
const SPELLINGS: u64 = 1;
/// Which kinds of id the links hold, unless somebody unknown came within the last two seconds; or within the last minute,
/// when none but union ids was left.
const KINDS: u64 = 1;
/// The ended sessions of everyone who signed in within the last five seconds, once in that time, behind an answer's back.
const ENDED_SESSIONS: u64 = 1;
/// The plugin, the authenticator and the secret kept for it, unless somebody signed in within the last two seconds.
const DIRECTORY: u64 = 3;
/// The token policy, likewise.
const POLICY: u64 = 1;
/// What the sign-in page lists, likewise; alone, it also says whether a sign-in is one with DingTalk or with a password.
const LIST: u64 = 2;

/// The id of a session that ended long ago.
const ENDED: &str = "00000000-0000-4000-8000-000000000001";

#[tokio::test]
async fn a_returning_person_costs_two_calls() {
    let app = TestApp::start().await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    let [codes, profiles, ..] = app.calls();

    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(app.calls(), [codes + 1, profiles + 1, 0, 0]);
    assert_eq!(app.dingtalk.all_calls(), 4);
}

#[tokio::test]
async fn a_new_person_costs_no_more_calls() {
    let app = TestApp::start().await;

    app.browser().sign_in(&app.dingtalk, "han-meimei").await;

    assert_eq!(app.dingtalk.all_calls(), 2);
}

#[tokio::test]
async fn by_user_id_a_returning_person_costs_three_calls() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    assert_eq!(app.calls(), [1, 1, 1, 1]);

    app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(app.calls(), [2, 2, 1, 2], "the app's own token is remembered");
}

#[tokio::test]
async fn where_only_members_may_sign_in_a_returning_person_costs_three_calls_too() {
    for subject in ["unionId", "mobile", "userId"] {
        let app = TestApp::start().await;
        let options = json!({ "subject": subject, "corpId": DEMO_CORP_ID, "public": { "autoSignup": true } });
        app.set_options(options).await;
        app.browser().sign_in(&app.dingtalk, "li-lei").await;
        assert_eq!(app.calls(), [1, 1, 1, 1], "{subject}");

        app.browser().sign_in(&app.dingtalk, "li-lei").await;

        assert_eq!(app.calls(), [2, 2, 1, 2], "{subject}");
        assert_eq!(app.dingtalk.all_calls(), 7, "{subject}");
    }
}

#[tokio::test]
async fn a_revoked_app_token_costs_one_refresh() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;
    app.browser().sign_in(&app.dingtalk, "li-lei").await;
    app.dingtalk.expire_app_tokens();

    let answer = app.browser().sign_in(&app.dingtalk, "li-lei").await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.calls(), [2, 2, 2, 3]);
}

#[tokio::test]
async fn twenty_people_at_once_fetch_one_app_token() {
    let app = TestApp::start().await;
    app.set_options(json!({ "subject": "userId", "public": { "autoSignup": true } }))
        .await;

    let attempts = (0..20).map(|_| async { app.browser().sign_in(&app.dingtalk, "li-lei").await.status });
    let answers = futures_util::future::join_all(attempts).await;

    assert_eq!(answers, [200; 20]);
    assert_eq!(app.calls(), [20, 20, 1, 20]);
}

#[tokio::test]
async fn start_and_return_never_call_dingtalk() {
    let app = TestApp::start().await;

    app.browser().return_from_dingtalk(&app.dingtalk, "li-lei").await;

    assert_eq!(app.dingtalk.all_calls(), 0);
}

#[tokio::test]
async fn a_request_that_names_its_sign_in_method_costs_nothing_more() {
    let app = TestApp::start().await;
    for (mut browser, name) in [(app.root().await, "basic"), (app.browser(), AUTHENTICATOR)] {
        if browser.token.is_none() {
            browser.sign_in(&app.dingtalk, "li-lei").await;
        }
        let mut browser = browser.with("X-Authenticator", name);
        browser.get("auth:check").await;
        let mut statements = Statements::count(&app).await;

        browser.get("auth:check").await;

        assert_eq!(statements.read(&app).await, 3, "{name}");
    }
}

#[tokio::test]
async fn fifty_people_who_begin_at_once_ask_the_database_once() {
    let app = TestApp::start().await;
    app.wait(TimeDelta::seconds(2));
    let mut statements = Statements::count(&app).await;

    let clicks = (0..50).map(|_| async { app.browser().click(AUTHENTICATOR, "/signin").await });
    futures_util::future::join_all(clicks).await;

    assert_eq!(statements.read(&app).await, DIRECTORY);
}

#[tokio::test]
async fn statements_are_counted_step_by_step() {
    let app = TestApp::start().await;
    app.wait(TimeDelta::seconds(5));
    let mut statements = Statements::count(&app).await;
    let mut browser = app.browser();

    let at_dingtalk = browser.click(AUTHENTICATOR, "/signin").await;
    assert_eq!(statements.read(&app).await, DIRECTORY, "start");
    browser
        .follow(&app.dingtalk.approve(&at_dingtalk, "li-lei").unwrap())
        .await;
    assert_eq!(statements.read(&app).await, 0, "return");
    let answer = browser.complete_newest(AUTHENTICATOR).await;
    browser.token = answer.json["data"]["token"].as_str().map(str::to_owned);
    let expected = LIST + POLICY + SPELLINGS + KINDS + SIGN_UP + ENDED_SESSIONS;
    let sign_up = statements.read_when_done(&app).await;
    assert_eq!(sign_up, expected, "sign-in of a new person");
    browser.get("auth:check").await;
    assert_eq!(statements.read(&app).await, 3, "check");
    app.browser().get("authenticators:publicList").await;
    assert_eq!(statements.read(&app).await, 0, "list of the sign-in page");
    let mut again = app.browser();
    again.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    assert_eq!(
        statements.read(&app).await,
        0,
        "start and return within two seconds of another's"
    );
    again.complete_newest(AUTHENTICATOR).await;
    assert_eq!(
        statements.read_when_done(&app).await,
        KNOWN,
        "sign-in of a known person"
    );
}

#[tokio::test]
async fn where_every_link_holds_the_union_id_the_links_are_counted_once_a_minute() {
    let app = TestApp::start().await;
    // Young settings are not relied on.
    app.wait(TimeDelta::minutes(2));
    app.browser().sign_in(&app.dingtalk, "han-meimei").await;
    app.wait(TimeDelta::seconds(5));
    let mut browser = app.browser();
    browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
    let mut statements = Statements::count(&app).await;

    browser.complete_newest(AUTHENTICATOR).await;

    let expected = LIST + POLICY + SPELLINGS + SIGN_UP + ENDED_SESSIONS;
    assert_eq!(statements.read_when_done(&app).await, expected);
}

const BESIDE: [(Kind, u64); 3] = [
    (Kind::Postgres, KNOWN_AT_ONCE),
    (Kind::PostgresRenamed, KNOWN_AT_ONCE),
    (Kind::MariaDb, KNOWN),
];

#[tokio::test]
async fn beside_nocobase_a_known_person_costs_one_statement_or_two() {
    for (kind, known) in BESIDE {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            app.browser().sign_in(&app.dingtalk, "li-lei").await;
            let mut browser = app.browser();
            browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
            let mut statements = Statements::count(&app).await;

            let answer = browser.complete_newest(AUTHENTICATOR).await;

            assert_eq!(answer.status, 200, "{kind:?}: {}", answer.text);
            assert_eq!(statements.read_when_done(&app).await, known, "{kind:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn beside_nocobase_on_postgres_a_new_person_costs_two_statements() {
    for kind in [Kind::Postgres, Kind::PostgresRenamed] {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            let first = NEWEST + POLICY + SPELLINGS + KINDS + ENDED_SESSIONS;
            for (person, besides) in [("han-meimei", first), ("li-lei", 0)] {
                let mut browser = app.browser();
                browser.return_from_dingtalk(&app.dingtalk, person).await;
                let mut statements = Statements::count(&app).await;

                let answer = browser.complete_newest(AUTHENTICATOR).await;

                assert_eq!(answer.status, 200, "{kind:?}: {}", answer.text);
                let expected = SIGN_UP_AT_ONCE + besides;
                assert_eq!(statements.read_when_done(&app).await, expected, "{kind:?}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn beside_nocobase_who_comes_when_nobody_did_has_the_settings_read_and_waits_for_no_deletion() {
    for (kind, known) in BESIDE {
        on(kind, |database| async move {
            let app = app_beside_nocobase(&database, &[]).await;
            app.browser().sign_in(&app.dingtalk, "li-lei").await;
            let mut browser = app.browser();
            browser.return_from_dingtalk(&app.dingtalk, "li-lei").await;
            app.wait(TimeDelta::seconds(5));
            app.background.done().await;
            // An ended session that cannot be deleted now: only what runs behind the answer waits for it.
            let ended = format!("'{ENDED}'");
            database
                .run(&format!(
                    "INSERT INTO `@issuedTokens` (`id`, `jti`, `issuedTime`, `signInTime`, `userId`, `createdAt`, \
                     `updatedAt`) SELECT {ended}, {ended}, 1, 1, MAX(`id`), NOW(), NOW() FROM `@users`"
                ))
                .await;
            let lock = database
                .lock(&format!(
                    "UPDATE `@issuedTokens` SET `issuedTime` = 2 WHERE `id` = {ended}"
                ))
                .await;
            let mut statements = Statements::count(&app).await;

            let answer = browser.complete_newest(AUTHENTICATOR).await;

            assert_eq!(answer.status, 200, "{kind:?}: {}", answer.text);
            // NocoBase itself knows whether the plugin is enabled, and this row has its secret in the options.
            let settings = DIRECTORY - 2 + POLICY;
            assert_eq!(statements.read(&app).await, known + settings, "{kind:?}");
            lock.rollback().await.unwrap();
            let behind = statements.read_when_done(&app).await;
            assert_eq!(behind, ENDED_SESSIONS, "{kind:?}");
            let left = format!("SELECT COUNT(*) FROM `@issuedTokens` WHERE `id` = {ended}");
            assert_eq!(database.number(&left).await, 0, "{kind:?}");
        })
        .await;
    }
}
