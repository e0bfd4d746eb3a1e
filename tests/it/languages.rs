//! The language of an answer: the client's, then the user's own, then the browser's.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::browser::Answer;

/// Every language there is.
pub const LANGUAGES: [&str; 7] = ["en-US", "zh-CN", "hi-IN", "ru-RU", "de-DE", "id-ID", "tr-TR"];
const UNKNOWN: &str = "This sign-in method is not available. Choose another one or ask your administrator.";

/// A text as the language's file has it.
pub fn text(language: &str, key: &str) -> String {
    let path = format!("{}/locales/{language}.json", env!("CARGO_MANIFEST_DIR"));
    let texts: BTreeMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    texts[key].clone()
}

/// The message is this sentence in this language, the reference behind it included.
pub fn assert_says(answer: &Answer, language: &str, sentence: &str) {
    let message = answer.json["errors"][0]["message"].as_str().unwrap();
    let whole = text(language, "{{message}} Reference: {{reference}}").replace("{{message}}", sentence);
    let (before, after) = whole.split_once("{{reference}}").unwrap();
    assert!(message.starts_with(before), "{language}: {message}");
    assert!(message.ends_with(after), "{language}: {message}");
}

#[test]
fn chinese_has_no_blank_between_a_sentence_and_its_reference() {
    let whole = text("zh-CN", "{{message}} Reference: {{reference}}");

    assert_eq!(whole.replace(char::is_whitespace, ""), whole);
}

/// A refusal, asked for with these headers.
async fn refused(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let mut browser = app.browser().with("X-Authenticator", "nobody");
    for (name, value) in headers {
        browser = browser.with(name, value);
    }
    browser.post("auth:signIn", json!({})).await
}

#[tokio::test]
async fn a_refusal_speaks_the_language_of_the_client() {
    let app = TestApp::bare(&[]).await;

    for language in LANGUAGES {
        let answer = refused(&app, &[("X-Locale", language), ("Accept-Language", "fr")]).await;

        assert_says(&answer, language, &text(language, UNKNOWN));
    }
}

#[tokio::test]
async fn a_refusal_speaks_the_language_of_the_browser_when_nothing_else_is_known() {
    let app = TestApp::bare(&[]).await;

    for (accepted, language) in [
        ("ru,en;q=0.5", "ru-RU"),
        ("en;q=0.5,tr-TR", "tr-TR"),
        ("de-AT", "de-DE"),
        ("zh-Hant-TW", "zh-CN"),
        ("fr", "en-US"),
        ("*", "en-US"),
        ("", "en-US"),
        ("\u{7f}", "en-US"),
    ] {
        let accepted = accepted.replace('\u{7f}', "%%%;;q=x");
        let answer = refused(&app, &[("Accept-Language", &accepted)]).await;

        assert_says(&answer, language, &text(language, UNKNOWN));
    }
}

#[tokio::test]
async fn a_language_nobody_speaks_is_passed_over() {
    let app = TestApp::bare(&[]).await;

    let answer = refused(&app, &[("X-Locale", "xx-XX"), ("Accept-Language", "hi")]).await;

    assert_says(&answer, "hi-IN", &text("hi-IN", UNKNOWN));
}

#[tokio::test]
async fn a_users_own_language_comes_before_the_browsers() {
    let app = TestApp::bare(&[]).await;
    app.run(r#"UPDATE users SET "appLang" = 'id-ID'"#).await;
    let root = app.root().await.with("Accept-Language", "ru");

    let own = root.clone().post("dingtalk:unbind", json!({})).await;
    let chosen = root
        .with("X-Locale", "de-DE")
        .post("dingtalk:unbind", json!({}))
        .await;

    for (answer, language) in [(own, "id-ID"), (chosen, "de-DE")] {
        let sentence =
            text(language, "Please check this field: {{field}}.").replace("{{field}}", "authenticator");
        assert_says(&answer, language, &sentence);
    }
}

#[tokio::test]
async fn the_page_of_a_refusal_speaks_the_language_of_the_browser() {
    let app = TestApp::start().await;

    for language in LANGUAGES {
        let answer = app
            .browser()
            .with("Accept-Language", language)
            .get("auth:redirect?state=x")
            .await;

        let sentence = text(
            language,
            "This sign-in was begun in another browser or has expired. Start again.",
        );
        assert!(
            answer.text.contains(&format!(r#"<html lang="{language}">"#)),
            "{}",
            answer.text
        );
        assert!(
            answer.text.contains(&sentence.replace('\'', "&#39;")),
            "{language}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn placeholders_are_filled_in_every_language() {
    let app = TestApp::start().await;
    app.dingtalk.edit_app(&app.dingtalk_app.client_id, |app| {
        app.permissions.remove("Contact.User.Read");
    });

    for language in LANGUAGES {
        let mut browser = app.browser().with("X-Locale", language);

        let answer = browser.sign_in(&app.dingtalk, "li-lei").await;

        let key = "The DingTalk app lacks a permission: {{permission}}. Ask your administrator to grant it in the \
                   DingTalk developer console.";
        let sentence = text(language, key).replace("{{permission}}", "Contact.User.Read");
        assert_says(&answer, language, &sentence);
    }
}

#[tokio::test]
async fn the_texts_of_the_pages_are_those_of_the_language() {
    let app = TestApp::bare(&[]).await;

    for language in LANGUAGES {
        let answer = app.browser().get(&format!("app:getLang?locale={language}")).await;

        let data = &answer.json["data"];
        assert_eq!(data["lang"], json!(language));
        let resources = &data["resources"]["nocobase-plugin-auth-dingtalk"];
        assert_eq!(resources[UNKNOWN], json!(text(language, UNKNOWN)));
    }
}
