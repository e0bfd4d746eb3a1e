//! The check of a callback's address: asked just as DingTalk's console asks when somebody saves it there.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use url::{Host, Url};

use super::finding::Finding;
use crate::directory::Source;
use crate::directory::events::{self, EventSource, Seal, SealedReply, Signed};
use crate::entropy::Entropy;
use crate::tls::client_builder_without_redirects;

const ADDRESS: &str = "source-callback-address";
/// DingTalk itself waits a second and a half.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// What DingTalk's console posts.
const QUESTION: &str = r#"{"EventType":"check_url"}"#;
/// What it wants to hear.
const ANSWER: &str = "success";

/// What an address answered.
enum Heard {
    Success,
    Redirect(u16),
    Other(u16),
    Nothing,
}

/// Posts to the callback's address, the one beside this Redirect URL. `None` where no callbacks are received.
pub(super) async fn check(
    source: &Source,
    redirect_url: &Url,
    entropy: &Entropy,
    now: DateTime<Utc>,
) -> Option<Finding> {
    // Keys that are none are the business of the settings.
    let seal = EventSource::of(source).seal()?.ok()?;
    let address = events::callback_address(redirect_url, &source.name)?;
    let heard = ask(&seal, &address, entropy, now).await;
    Some(finding(&heard, &address))
}

async fn ask(seal: &Seal, address: &Url, entropy: &Entropy, now: DateTime<Utc>) -> Heard {
    let Some(question) = seal.seal(QUESTION, now.timestamp_millis(), entropy) else {
        return Heard::Nothing;
    };
    let mut signed = address.clone();
    signed
        .query_pairs_mut()
        .append_pair("signature", &question.msg_signature)
        .append_pair("timestamp", &question.timestamp)
        .append_pair("nonce", &question.nonce);
    let client = client_builder_without_redirects();
    let client = client.timeout(ANSWER_WITHIN).no_proxy().build();
    let Ok(client) = client else {
        return Heard::Nothing;
    };
    let body = serde_json::json!({ "encrypt": question.encrypt });
    let Ok(response) = client.post(signed).json(&body).send().await else {
        return Heard::Nothing;
    };
    let status = response.status();
    match response.json::<SealedReply>().await {
        Ok(reply) if status.is_success() && is_success(seal, &reply) => Heard::Success,
        _ if status.is_redirection() => Heard::Redirect(status.as_u16()),
        Ok(_) | Err(_) => Heard::Other(status.as_u16()),
    }
}

fn is_success(seal: &Seal, reply: &SealedReply) -> bool {
    let opened = seal.open(Signed {
        signature: &reply.msg_signature,
        timestamp: &reply.timestamp,
        nonce: &reply.nonce,
        encrypt: &reply.encrypt,
    });
    opened.is_ok_and(|message| message == ANSWER)
}

fn finding(heard: &Heard, address: &Url) -> Finding {
    let finding = match heard {
        Heard::Success if is_inside(address) => Finding::warning(
            ADDRESS,
            "The request address {{url}} answers, but only inside your network: DingTalk cannot call it.",
        )
        .advise("Let the internet reach this address, or receive changes by Stream, which needs no address."),
        Heard::Success => Finding::ok(
            ADDRESS,
            "The request address {{url}} answers as DingTalk expects, asked from this server.",
        ),
        Heard::Redirect(status) => Finding::error(
            ADDRESS,
            "The request address {{url}} redirects (status {{status}}), which DingTalk does not follow.",
        )
        .with("status", status.to_string())
        .advise("Let the proxy pass this address on as it is, or give DingTalk the address that it redirects to."),
        Heard::Other(status) => Finding::error(
            ADDRESS,
            "The request address {{url}} does not answer as DingTalk expects (status {{status}}).",
        )
        .with("status", status.to_string())
        .advise("Let the proxy pass POST requests to this address on to NocoBase as they are, and ask for no password there."),
        Heard::Nothing => Finding::warning(
            ADDRESS,
            "The request address {{url}} could not be reached from this server.",
        )
        .advise("If it can be reached from the internet all the same, nothing has to be done. Otherwise correct the name, the certificate or the proxy, or receive changes by Stream."),
    };
    finding.with("url", address.as_str())
}

/// Whether the host says by itself that nobody outside can mean it.
fn is_inside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => !name.contains('.') || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => {
            address.is_private() || address.is_link_local() || IpAddr::V4(address).is_loopback()
        }
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn only_an_answer_that_the_internet_can_hear_is_good() {
        use Status::{Error, Ok, Warning};
        for (heard, address, status) in [
            (
                Heard::Success,
                "https://crm.example.com/api/dingtalk-events/s",
                Ok,
            ),
            (
                Heard::Success,
                "http://203.0.113.7:13000/api/dingtalk-events/s",
                Ok,
            ),
            (
                Heard::Success,
                "http://localhost:13000/api/dingtalk-events/s",
                Warning,
            ),
            (Heard::Success, "http://crm/api/dingtalk-events/s", Warning),
            (
                Heard::Success,
                "http://192.168.1.9/api/dingtalk-events/s",
                Warning,
            ),
            (Heard::Success, "http://[fd00::1]/api/dingtalk-events/s", Warning),
            (Heard::Redirect(302), "https://crm.example.com/", Error),
            (Heard::Other(200), "https://crm.example.com/", Error),
            (Heard::Nothing, "https://crm.example.com/", Warning),
        ] {
            let address = Url::parse(address).unwrap();
            assert_eq!(finding(&heard, &address).status, status, "{address}");
        }
    }
}
