//! Stream mode and the callbacks that failed: where a WebSocket is opened, and what DingTalk could not deliver otherwise.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::answer::{entries, known_error_number, understood};
use super::call::Call;
use super::client::DingTalk;
use super::credentials::Credentials;
use super::directory::Question;
use super::error::{DingTalkError, ErrorKind, Fault};
use super::raw_answer::RawAnswer;

/// Where DingTalk's own servers are; anywhere else an app's events have no business.
const DOMAINS: [&str; 2] = [".dingtalk.com", ".dingtalk.io"];
const TICKET_BYTES: usize = 4096;

/// What opens one WebSocket, within 90 seconds.
#[derive(Clone)]
pub struct StreamTicket {
    /// Where it is opened.
    pub endpoint: Url,
    /// What it is opened with.
    pub ticket: SecretString,
}

impl fmt::Debug for StreamTicket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StreamTicket")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

impl StreamTicket {
    /// The whole address, which holds the ticket.
    pub fn address(&self) -> SecretString {
        let mut address = self.endpoint.clone();
        address
            .query_pairs_mut()
            .append_pair("ticket", self.ticket.expose_secret());
        SecretString::from(address.as_str())
    }
}

/// Callbacks that DingTalk gave up on; it forgets them as it hands them out.
#[derive(Clone, Debug)]
pub struct FailedCallbacks {
    /// As they came.
    pub entries: Vec<Value>,
    /// Whether there are more.
    pub has_more: bool,
}

impl DingTalk {
    /// Asks for a WebSocket over which DingTalk sends the app's events.
    pub async fn open_stream(&self, credentials: &Credentials) -> Result<StreamTicket, DingTalkError> {
        let url = &self.inner.addresses.stream;
        let request = || {
            self.inner.http.post(url.clone()).json(&json!({
                "clientId": credentials.client_id,
                "clientSecret": credentials.client_secret.expose_secret(),
                "subscriptions": [{ "type": "EVENT", "topic": "*" }],
                "ua": concat!("nocobase-dingtalk/", env!("CARGO_PKG_VERSION")),
            }))
        };
        let ticket = self
            .call(Call::OpenStream, credentials, request, stream_ticket)
            .await?;
        if is_dingtalks(&ticket.endpoint, url) {
            Ok(ticket)
        } else {
            Err(ErrorKind::Malformed(Fault::Field("endpoint")).at(Call::OpenStream, None))
        }
    }

    /// Callbacks that could not be delivered, at most 200. Whatever comes back is forgotten at DingTalk: an error that
    /// [was processed](DingTalkError::was_not_processed) may have lost some.
    pub async fn failed_callbacks(
        &self,
        credentials: &Credentials,
    ) -> Result<FailedCallbacks, DingTalkError> {
        let question = Question {
            call: Call::FailedCallbacks,
            address: &self.inner.addresses.failed_callbacks,
            body: None,
        };
        self.ask(credentials, &question, failed_callbacks).await
    }
}

/// Encrypted, unless the API itself is not; at DingTalk, or at whom the API was asked.
fn is_dingtalks(endpoint: &Url, api: &Url) -> bool {
    let is_fit = endpoint.scheme() == "wss" || endpoint.scheme() == "ws" && api.scheme() == "http";
    let is_there = match (endpoint.host_str(), api.host_str()) {
        (Some(host), Some(asked)) => host == asked || DOMAINS.iter().any(|domain| host.ends_with(domain)),
        (None, _) | (_, None) => false,
    };
    is_fit && is_there && endpoint.username().is_empty() && endpoint.password().is_none()
}

/// The answer to the wish for a WebSocket.
pub fn stream_ticket(answer: &RawAnswer) -> Result<StreamTicket, DingTalkError> {
    understood(Call::OpenStream, answer, |body| {
        let text = |name| body.get(name).and_then(Value::as_str);
        let endpoint = text("endpoint")
            .and_then(|endpoint| Url::parse(endpoint).ok())
            .ok_or(Fault::Field("endpoint"))?;
        let ticket = text("ticket")
            .filter(|ticket| !ticket.is_empty() && ticket.len() <= TICKET_BYTES)
            .ok_or(Fault::Field("ticket"))?;
        Ok(StreamTicket {
            endpoint,
            ticket: SecretString::from(ticket),
        })
    })
}

/// The list of callbacks that failed.
pub fn failed_callbacks(answer: &RawAnswer) -> Result<FailedCallbacks, DingTalkError> {
    understood(Call::FailedCallbacks, answer, |body| {
        known_error_number(body)?;
        // Nothing failed: the list may be left out.
        let entries = if body.contains_key("failed_list") {
            entries(body, "failed_list")?.to_vec()
        } else {
            Vec::new()
        };
        Ok(FailedCallbacks {
            entries,
            has_more: body.get("has_more").and_then(Value::as_bool) == Some(true),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_accepted(endpoint: &str, api: &str) -> bool {
        is_dingtalks(&Url::parse(endpoint).unwrap(), &Url::parse(api).unwrap())
    }

    #[test]
    fn a_stream_leads_to_dingtalk_or_to_whom_was_asked_and_is_encrypted() {
        let real = "https://api.dingtalk.com/v1.0/gateway/connections/open";
        assert!(is_accepted(
            "wss://wss-open-connection.dingtalk.com:443/connect",
            real
        ));
        assert!(is_accepted("wss://wss.dingtalk.io/connect", real));
        assert!(is_accepted("ws://127.0.0.1:81/connect", "http://127.0.0.1:80/"));
        assert!(is_accepted(
            "wss://proxy.example/connect",
            "https://proxy.example/"
        ));

        assert!(!is_accepted(
            "ws://wss-open-connection.dingtalk.com/connect",
            real
        ));
        assert!(!is_accepted("wss://dingtalk.com.example/connect", real));
        assert!(!is_accepted("wss://evildingtalk.com/connect", real));
        assert!(!is_accepted("https://api.dingtalk.com/connect", real));
        assert!(!is_accepted("wss://user@api.dingtalk.com/connect", real));
    }

    #[test]
    fn the_ticket_stands_in_the_address_and_nowhere_in_print() {
        let ticket = StreamTicket {
            endpoint: Url::parse("wss://wss.dingtalk.com/connect").unwrap(),
            ticket: SecretString::from("a b&c"),
        };

        assert_eq!(
            ticket.address().expose_secret(),
            "wss://wss.dingtalk.com/connect?ticket=a+b%26c"
        );
        assert!(!format!("{ticket:?}").contains("a b"));
    }
}
