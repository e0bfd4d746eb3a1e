//! Checks of the probe: NocoBase itself, the program that it started, and the address people use.

use super::database;
use super::finding::Finding;
use crate::nocobase::{Store, StoreError, UserId};
use crate::session::{Claims, SessionSecret};
use crate::tls::client_builder;
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use url::{Host, Url};
use uuid::Uuid;

/// The NocoBase to ask, and what to ask it with.
pub struct NocoBaseProbe<'a> {
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

pub(super) async fn check_nocobase(store: &Store, probe: &NocoBaseProbe<'_>) -> Vec<Finding> {
    let mut findings = ask_nocobase(probe).await;
    findings.extend(check_strength(probe.secret));
    findings.push(match check_plugin(store, probe).await {
        Ok(finding) => finding,
        Err(error) => database::failure(&error, false),
    });
    findings
}

async fn ask_nocobase(probe: &NocoBaseProbe<'_>) -> Vec<Finding> {
    let Some(url) = probe.url else {
        let finding = Finding::unknown(
            "nocobase",
            "It is not known where NocoBase is: APP_PORT is no port.",
        )
        .advise("Set NOCOBASE_URL in the sidecar's settings.");
        return vec![finding];
    };
    let Some(answer) = ask(probe, url).await else {
        let finding = Finding::error("nocobase", "NocoBase does not answer at {{url}}.")
            .with("url", url.as_str())
            .advise("Start NocoBase, or correct NOCOBASE_URL in the sidecar's settings.");
        return vec![finding];
    };
    let reached = Finding::ok("nocobase", "NocoBase answers at {{url}}.").with("url", url.as_str());
    vec![reached, check_secret(&answer), check_clock(&answer, probe.now)]
}

struct ProbeAnswer {
    code: Option<String>,
    date: Option<DateTime<Utc>>,
}

async fn ask(probe: &NocoBaseProbe<'_>, url: &Url) -> Option<ProbeAnswer> {
    let now = probe.now.timestamp();
    let claims = Claims {
        user_id: NOBODY,
        temp: true,
        iat: now,
        sign_in_time: probe.now.timestamp_millis(),
        exp: now + 60,
        jti: Uuid::nil(),
    };
    let token = probe.secret.sign(&claims).ok()?;
    let address = url.join(&format!("{}auth:check", probe.api_base)).ok()?;
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
    Some(ProbeAnswer { code, date })
}

/// NocoBase itself runs with a short secret, so this keeps nobody out.
fn check_strength(secret: &SessionSecret) -> Option<Finding> {
    secret.is_short().then(|| {
        Finding::warning("secret-strength", "NocoBase's session secret has fewer than 32 characters: whoever is signed in can look for it, and sign in as anybody once it is found.")
            .advise("Set a random APP_KEY of at least 32 characters in NocoBase's settings file and restart NocoBase. Everybody signs in once more.")
    })
}

fn check_secret(answer: &ProbeAnswer) -> Finding {
    const CHECK: &str = "secret";
    match answer.code.as_deref() {
        Some("NOT_EXIST_USER") => Finding::ok(CHECK, "NocoBase and the sidecar share one secret."),
        Some("INVALID_TOKEN") => Finding::error(CHECK, "NocoBase and the sidecar do not share one secret.")
            .advise("Start the sidecar with NocoBase's settings file, and restart NocoBase after changing APP_KEY."),
        _ => Finding::unknown(CHECK, "NocoBase's answer does not tell whether it shares the sidecar's secret.")
            .advise("Test again in a minute."),
    }
}

fn check_clock(answer: &ProbeAnswer, now: DateTime<Utc>) -> Finding {
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

async fn check_plugin(store: &Store, probe: &NocoBaseProbe<'_>) -> Result<Finding, StoreError> {
    const CHECK: &str = "plugin";
    let Some(row) = store.system().plugin(probe.plugin).await? else {
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
    if minor(&version) == minor(probe.version) {
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
    .with("own", probe.version)
    .advise("Update the plugin on the plugin manager page from the sidecar's package."))
}

/// Plugin and sidecar of one minor version fit each other.
fn minor(version: &str) -> Option<&str> {
    version.rsplit_once('.').map(|(minor, _)| minor)
}

/// The program that answers.
pub struct RunningProgram<'a> {
    /// Its version.
    pub version: &'a str,
    /// What it was built for.
    pub platform: &'a str,
    /// Since when it runs.
    pub since: DateTime<Utc>,
    /// How often the plugin has started it again; `None` when the plugin does not start it.
    pub restarts: Option<u32>,
}

pub(super) fn check_program(program: &RunningProgram<'_>) -> Finding {
    const CHECK: &str = "program";
    let finding = match program.restarts {
        Some(restarts) => Finding::ok(
            CHECK,
            "Sidecar {{version}} ({{platform}}), started by the plugin, has been running since {{since}}. Restarts since NocoBase started: {{restarts}}.",
        )
        .with("restarts", restarts.to_string()),
        None => Finding::ok(CHECK, "Sidecar {{version}} ({{platform}}) has been running since {{since}}."),
    };
    finding
        .with("version", program.version)
        .with("platform", program.platform)
        .with("since", program.since.format("%Y-%m-%d %H:%M UTC").to_string())
}

const REDIRECT_URL: &str = "redirect-url";

/// `requested` is the Redirect URL under the address that the request came in by; a callback origin replaces that.
pub(super) fn check_redirect_url(requested: &Url, callback_origin: Option<&str>) -> Finding {
    match callback_origin.and_then(|origin| under_origin(requested, origin)) {
        Some(effective) if effective.origin() != requested.origin() => Finding::warning(
            REDIRECT_URL,
            "This page is open under {{requested}}, but DingTalk will send people back to {{url}}, as the callback origin says.",
        )
        .with("requested", requested.origin().ascii_serialization())
        .with("url", effective)
        .advise("If people reach NocoBase under {{url}} too, register exactly this address in the DingTalk developer console. Otherwise correct the callback origin."),
        _ => check_address(requested),
    }
}

/// The page is open under another host than the settings say.
pub fn opened_elsewhere(requested: &str, public_url: &str) -> Finding {
    Finding::warning(
        REDIRECT_URL,
        "People open this site under {{requested}}. SIDECAR_PUBLIC_URL says {{url}}, and a sign-in is moved there when it begins.",
    )
    .with("requested", requested)
    .with("url", public_url)
    .advise("If both names are in use, let people open the site under the one that SIDECAR_PUBLIC_URL says: a session belongs to one host name. Otherwise correct SIDECAR_PUBLIC_URL, or let the proxy pass on the header Host.")
}

fn check_address(url: &Url) -> Finding {
    let is_encrypted = url.scheme() == "https";
    let finding = if is_local(url) {
        Finding::ok(
            REDIRECT_URL,
            "DingTalk will send people back to {{url}}, which works only in a browser on this computer.",
        )
    } else if is_encrypted {
        Finding::ok(REDIRECT_URL, "DingTalk will send people back to {{url}}.")
    } else {
        Finding::warning(
            REDIRECT_URL,
            "DingTalk will send people back to {{url}}, which is not encrypted.",
        )
    };
    let action = if is_encrypted || is_local(url) {
        "Register exactly this address as the callback URL in the DingTalk developer console."
    } else {
        "Let people reach NocoBase over https. If they do already, let the proxy pass on the headers Host and X-Forwarded-Proto, or set the callback origin."
    };
    finding.with("url", url.as_str()).advise(action)
}

/// The same path under another origin, which the options have parsed already.
fn under_origin(requested: &Url, origin: &str) -> Option<Url> {
    Url::parse(origin).ok()?.join(requested.path()).ok()
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod probe_tests {
    use super::super::finding::Status;

    use super::*;

    fn answer(code: Option<&str>) -> ProbeAnswer {
        ProbeAnswer {
            code: code.map(str::to_owned),
            date: None,
        }
    }

    #[test]
    fn only_an_answer_about_the_user_proves_the_secret() {
        assert_eq!(check_secret(&answer(Some("NOT_EXIST_USER"))).status, Status::Ok);
        assert_eq!(check_secret(&answer(Some("INVALID_TOKEN"))).status, Status::Error);
        assert_eq!(
            check_secret(&answer(Some("APP_COMMANDING"))).status,
            Status::Unknown
        );
        assert_eq!(check_secret(&answer(None)).status, Status::Unknown);
    }

    #[test]
    fn clocks_may_differ_by_half_a_minute() {
        let now = DateTime::from_timestamp(1_763_600_000, 0).unwrap();
        let at = |seconds: i64| ProbeAnswer {
            code: None,
            date: DateTime::from_timestamp(1_763_600_000 + seconds, 0),
        };

        assert_eq!(check_clock(&at(-30), now).status, Status::Ok);
        assert_eq!(check_clock(&at(31), now).status, Status::Error);
        assert_eq!(check_clock(&answer(None), now).status, Status::Unknown);
    }

    #[test]
    fn versions_fit_by_their_minor_part() {
        assert_eq!(minor("0.1.0"), minor("0.1.7"));
        assert_ne!(minor("0.1.0"), minor("0.2.0"));
    }

    #[test]
    fn a_short_secret_is_told_of_and_a_long_one_is_not() {
        assert_eq!(
            check_strength(&SessionSecret::new(b"changed")).map(|finding| finding.status),
            Some(Status::Warning)
        );
        assert_eq!(check_strength(&SessionSecret::new(&[7; 32])), None);
    }
}

#[cfg(test)]
mod redirect_url_tests {
    use super::super::finding::Status;

    use super::*;

    fn judged(requested: &str, callback_origin: Option<&str>) -> (Status, String) {
        let finding = check_redirect_url(&Url::parse(requested).unwrap(), callback_origin);
        let shown = finding.params.into_iter().find(|(name, _)| *name == "url");
        (finding.status, shown.map(|(_, url)| url).unwrap_or_default())
    }

    #[test]
    fn https_and_this_computer_are_fine() {
        for url in [
            "https://crm.example.com/api/auth:redirect",
            "http://127.0.0.1:13100/api/auth:redirect",
            "http://[::1]:13000/api/auth:redirect",
            "http://localhost:13000/nocobase/api/auth:redirect",
        ] {
            assert_eq!(judged(url, None), (Status::Ok, url.to_owned()));
        }
    }

    #[test]
    fn plain_http_over_a_network_is_a_warning() {
        for url in [
            "http://crm.example.com/api/auth:redirect",
            "http://10.0.0.7/api/auth:redirect",
        ] {
            assert_eq!(judged(url, None), (Status::Warning, url.to_owned()));
        }
    }

    #[test]
    fn the_callback_origin_decides_the_address() {
        let requested = "http://10.0.0.7:13000/nb/api/auth:redirect";

        assert_eq!(
            judged(requested, Some("https://crm.example.com/")),
            (
                Status::Warning,
                "https://crm.example.com/nb/api/auth:redirect".to_owned()
            )
        );
        assert_eq!(
            judged(
                "https://crm.example.com/api/auth:redirect",
                Some("https://CRM.example.com:443")
            )
            .0,
            Status::Ok
        );
    }
}
