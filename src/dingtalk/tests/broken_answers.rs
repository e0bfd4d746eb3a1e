//! What is not an answer is never a success, whichever call it came to.

use super::*;
use crate::dingtalk::Fault;

type Make = fn() -> Reply;

/// With the code each is taken for.
const BROKEN: [(&str, Make, &str); 15] = [
    ("empty", || Reply::text(200, "application/json", ""), "malformed"),
    (
        "no content",
        || Reply::text(204, "application/json", ""),
        "malformed",
    ),
    (
        "a page",
        || Reply::text(200, "text/html", "<html>canary</html>"),
        "malformed",
    ),
    (
        "a block page",
        || Reply::text(403, "text/html", "<html>canary</html>"),
        "malformed",
    ),
    (
        "half",
        || Reply::text(200, "application/json", "{\"accessToken\":\"canary"),
        "malformed",
    ),
    (
        "an array",
        || Reply::text(200, "application/json", "[{\"accessToken\":\"canary\"}]"),
        "malformed",
    ),
    (
        "null",
        || Reply::text(200, "application/json", "null"),
        "malformed",
    ),
    (
        "nothing in it",
        || Reply::text(200, "application/json", "{}"),
        "malformed",
    ),
    (
        "deep",
        || Reply::text(200, "application/json", "[".repeat(100_000)),
        "malformed",
    ),
    (
        "wrong types",
        || {
            let body =
                "{\"accessToken\":1,\"expireIn\":[],\"unionId\":{},\"errcode\":0,\"result\":\"canary\"}";
            Reply::text(200, "application/json", body)
        },
        "malformed",
    ),
    (
        "5 MB",
        || Reply::text(200, "application/json", vec![b' '; 5_000_000]),
        "malformed",
    ),
    (
        "a redirect",
        || Reply::text(302, "text/html", "").with("location", "/elsewhere"),
        "malformed",
    ),
    (
        "a code without words",
        || Reply::text(200, "application/json", "{\"code\":{}}"),
        "refused",
    ),
    (
        "a foreign error",
        || Reply::text(500, "application/json", "{\"error\":\"canary\"}"),
        "malformed",
    ),
    (
        "a gateway's time limit",
        || Reply::text(504, "text/html", "<html>canary</html>"),
        "timed_out",
    ),
];

#[tokio::test]
async fn a_broken_answer_is_an_error_at_every_call() {
    for (name, reply, expected) in BROKEN {
        let script = Script::start(move |_, _| reply().with("x-acs-request-id", "HEAD-1")).await;
        let dingtalk = a_client(&script);

        let errors = [
            dingtalk.redeem(&credentials(), &a_code()).await.unwrap_err(),
            dingtalk
                .profile(&credentials(), &a_user_token())
                .await
                .unwrap_err(),
            dingtalk.app_access_token(&credentials()).await.unwrap_err(),
        ];

        for error in errors {
            assert_eq!(error.label(), expected, "{name} {error:?}");
            assert_eq!(error.request_id.as_deref(), Some("HEAD-1"), "{name}");
            assert!(!printed(&error).contains("canary"), "{}", printed(&error));
        }
        assert_eq!(
            script.requests().len(),
            3,
            "{name}: no call is repeated, no redirect followed"
        );
    }
}

#[tokio::test]
async fn a_broken_answer_about_a_member_is_an_error() {
    for (name, reply, expected) in BROKEN {
        let script = Script::start(move |request, _| {
            if request.line.contains("accessToken ") {
                an_app_token("canary-app-token", 7200)
            } else {
                reply()
            }
        })
        .await;

        let error = a_client(&script)
            .find_user_id(&credentials(), &a_union_id())
            .await
            .unwrap_err();

        assert_eq!(error.label(), expected, "{name} {error:?}");
        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_prints_no_token() {
    for reply in [|| Reply::HangUp, || Reply::Half(b"{".to_vec()), || Reply::Silence] {
        let script = Script::start(move |request, _| {
            if request.line.contains("accessToken ") {
                an_app_token("canary-app-token", 7200)
            } else {
                reply()
            }
        })
        .await;

        let error = an_impatient_client(&script)
            .find_user_id(&credentials(), &a_union_id())
            .await
            .unwrap_err();

        assert!(!printed(&error).contains("canary"), "{}", printed(&error));
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_limit() {
    let script = Script::start(|_, n| {
        let padding = if n == 0 { 250_000 } else { 270_000 };
        Reply::json(
            200,
            &serde_json::json!({ "unionId": "u", "padding": "x".repeat(padding) }),
        )
    })
    .await;
    let dingtalk = a_client(&script);

    dingtalk.profile(&credentials(), &a_user_token()).await.unwrap();
    let error = dingtalk
        .profile(&credentials(), &a_user_token())
        .await
        .unwrap_err();

    assert!(
        matches!(error.kind, ErrorKind::Malformed(Fault::TooLarge)),
        "{error:?}"
    );
}

#[test]
fn credentials_print_no_secret() {
    assert!(!format!("{:?}", credentials()).contains("canary"));
}

#[test]
fn a_word_of_dingtalks_is_cut_down_to_what_a_log_line_takes() {
    use crate::dingtalk::refusal::sanitized;

    assert_eq!(
        sanitized("a.B_c-9\r\n<script>\"钉").as_deref(),
        Some("a.B_c-9script")
    );
    assert_eq!(sanitized(&"x".repeat(500)).map(|word| word.len()), Some(80));
    assert_eq!(sanitized("钉 \n"), None);
}
