//! The NocoBase beside us: whether it answers, shares our secret, and runs our plugin.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::nocobase::{Store, StoreError, UserId};
use crate::session::{Claims, SessionSecret};
use crate::tls::client_builder;

use super::database;
use super::finding::Finding;

/// The NocoBase to ask, and what to ask it with.
pub struct Neighbour<'a> {
    /// Its address, where it is known.
    pub url: Option<&'a Url>,
    /// Its API base path, with slashes on both sides.
    pub api_base: &'a str,
    /// The secret we believe to share.
    pub secret: &'a SessionSecret,
    /// The time.
    pub now: DateTime<Utc>,
    /// The name of our plugin.
    pub plugin: &'a str,
    /// Our own version.
    pub version: &'a str,
}

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// NocoBase numbers its users from 1: nobody has this id, and the answer says so only when the signature holds.
const NOBODY: UserId = UserId(-1);
const SKEW_LIMIT_SECONDS: i64 = 30;

pub(super) async fn examine(store: &Store, neighbour: &Neighbour<'_>) -> Vec<Finding> {
    let mut findings = ask_nocobase(neighbour).await;
    findings.extend(judge_strength(neighbour.secret));
    findings.push(match plugin(store, neighbour).await {
        Ok(finding) => finding,
        Err(error) => database::failure(&error, false),
    });
    findings
}

async fn ask_nocobase(neighbour: &Neighbour<'_>) -> Vec<Finding> {
    let Some(url) = neighbour.url else {
        let finding = Finding::unknown(
            "nocobase",
            "It is not known where NocoBase is: APP_PORT is no port.",
        )
        .advise("Set NOCOBASE_URL in the sidecar's settings.");
        return vec![finding];
    };
    let Some(answer) = ask(neighbour, url).await else {
        let finding = Finding::error("nocobase", "NocoBase does not answer at {{url}}.")
            .with("url", url.as_str())
            .advise("Start NocoBase, or correct NOCOBASE_URL in the sidecar's settings.");
        return vec![finding];
    };
    let reached = Finding::ok("nocobase", "NocoBase answers at {{url}}.").with("url", url.as_str());
    vec![
        reached,
        judge_secret(&answer),
        judge_clock(&answer, neighbour.now),
    ]
}

struct Answer {
    code: Option<String>,
    date: Option<DateTime<Utc>>,
}

async fn ask(neighbour: &Neighbour<'_>, url: &Url) -> Option<Answer> {
    let now = neighbour.now.timestamp();
    let claims = Claims {
        user_id: NOBODY,
        temp: true,
        iat: now,
        sign_in_time: neighbour.now.timestamp_millis(),
        exp: now + 60,
        jti: Uuid::nil(),
    };
    let token = neighbour.secret.sign(&claims).ok()?;
    let address = url.join(&format!("{}auth:check", neighbour.api_base)).ok()?;
    let client = client_builder().timeout(ANSWER_WITHIN).no_proxy().build().ok()?;
    let response = client
        .get(address)
        .bearer_auth(token)
        .header("X-Authenticator", "basic")
        .send()
        .await
        .ok()?;
    let date = response.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date
        .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
        .map(|date| date.to_utc());
    let body: Value = response.json().await.unwrap_or(Value::Null);
    let code = body
        .pointer("/errors/0/code")
        .and_then(Value::as_str)
        .map(str::to_owned);
    Some(Answer { code, date })
}

/// NocoBase itself runs with a short secret, so this keeps nobody out.
fn judge_strength(secret: &SessionSecret) -> Option<Finding> {
    secret.is_short().then(|| {
        Finding::warning("secret-strength", "NocoBase's session secret has fewer than 32 characters: whoever is signed in can look for it, and sign in as anybody once it is found.")
            .advise("Set a random APP_KEY of at least 32 characters in NocoBase's settings file and restart NocoBase. Everybody signs in once more.")
    })
}

fn judge_secret(answer: &Answer) -> Finding {
    const CHECK: &str = "secret";
    match answer.code.as_deref() {
        Some("NOT_EXIST_USER") => Finding::ok(CHECK, "NocoBase and the sidecar share one secret."),
        Some("INVALID_TOKEN") => Finding::error(CHECK, "NocoBase and the sidecar do not share one secret.")
            .advise("Start the sidecar with NocoBase's settings file, and restart NocoBase after changing APP_KEY."),
        _ => Finding::unknown(CHECK, "NocoBase's answer does not tell whether it shares the sidecar's secret.")
            .advise("Test again in a minute."),
    }
}

fn judge_clock(answer: &Answer, now: DateTime<Utc>) -> Finding {
    const CHECK: &str = "clock";
    let Some(date) = answer.date else {
        return Finding::unknown(CHECK, "NocoBase's answer does not tell its time.");
    };
    let seconds = (date - now).num_seconds().abs();
    if seconds > SKEW_LIMIT_SECONDS {
        Finding::error(
            CHECK,
            "The clocks of NocoBase and the sidecar differ by {{seconds}} s.",
        )
        .with("seconds", seconds.to_string())
        .advise("Set both clocks by a time server: signed tokens live only for a minute.")
    } else {
        Finding::ok(CHECK, "The clocks of NocoBase and the sidecar agree.")
    }
}

async fn plugin(store: &Store, neighbour: &Neighbour<'_>) -> Result<Finding, StoreError> {
    const CHECK: &str = "plugin";
    let Some(row) = store.system().plugin(neighbour.plugin).await? else {
        return Ok(
            Finding::error(CHECK, "The plugin has not been added to NocoBase.").advise(
                "Add it on the plugin manager page by the address of the sidecar's package, and enable it.",
            ),
        );
    };
    if !row.enabled {
        return Ok(Finding::error(CHECK, "The plugin is disabled in NocoBase.")
            .advise("Enable it on the plugin manager page."));
    }
    let version = row.version.unwrap_or_default();
    if minor(&version) == minor(neighbour.version) {
        return Ok(Finding::ok(
            CHECK,
            "The plugin is enabled in NocoBase, in version {{version}}.",
        )
        .with("version", version));
    }
    Ok(Finding::warning(
        CHECK,
        "The plugin in NocoBase has version {{version}}, the sidecar {{own}}.",
    )
    .with("version", version)
    .with("own", neighbour.version)
    .advise("Update the plugin on the plugin manager page from the sidecar's package."))
}

/// Plugin and sidecar of one minor version fit each other.
fn minor(version: &str) -> Option<&str> {
    version.rsplit_once('.').map(|(minor, _)| minor)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn answer(code: Option<&str>) -> Answer {
        Answer {
            code: code.map(str::to_owned),
            date: None,
        }
    }

    #[test]
    fn only_an_answer_about_the_user_proves_the_secret() {
        assert_eq!(judge_secret(&answer(Some("NOT_EXIST_USER"))).status, Status::Ok);
        assert_eq!(judge_secret(&answer(Some("INVALID_TOKEN"))).status, Status::Error);
        assert_eq!(
            judge_secret(&answer(Some("APP_COMMANDING"))).status,
            Status::Unknown
        );
        assert_eq!(judge_secret(&answer(None)).status, Status::Unknown);
    }

    #[test]
    fn clocks_may_differ_by_half_a_minute() {
        let now = DateTime::from_timestamp(1_763_600_000, 0).unwrap();
        let at = |seconds: i64| Answer {
            code: None,
            date: DateTime::from_timestamp(1_763_600_000 + seconds, 0),
        };

        assert_eq!(judge_clock(&at(-30), now).status, Status::Ok);
        assert_eq!(judge_clock(&at(31), now).status, Status::Error);
        assert_eq!(judge_clock(&answer(None), now).status, Status::Unknown);
    }

    #[test]
    fn versions_fit_by_their_minor_part() {
        assert_eq!(minor("0.1.0"), minor("0.1.7"));
        assert_ne!(minor("0.1.0"), minor("0.2.0"));
    }

    #[test]
    fn a_short_secret_is_told_of_and_a_long_one_is_not() {
        assert_eq!(
            judge_strength(&SessionSecret::new(b"changed")).map(|finding| finding.status),
            Some(Status::Warning)
        );
        assert_eq!(judge_strength(&SessionSecret::new(&[7; 32])), None);
    }
}
