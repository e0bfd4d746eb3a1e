//! One HTTP exchange with DingTalk: sent once, read within limits.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};

use super::call::Call;
use super::error::{DingTalkError, ErrorKind, Fault, SetUpFault};
use super::raw_answer::RawAnswer;
use super::refusal::sanitized;
use crate::tls::client_builder_without_redirects;

/// Any answer used here is a few hundred bytes.
const ANSWER_BYTES: usize = 256 * 1024;
/// A storm of sign-ins keeps its connections from one call to the next.
const IDLE_CONNECTIONS: usize = 64;
/// Shorter than any usual server keeps an idle connection (five seconds and up): a code that was written into one that
/// is being closed may be spent, and its sign-in is lost.
const IDLE_TIME: Duration = Duration::from_secs(4);
/// Nobody waits longer, whatever the header says.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(5);

/// A client that does what it is told and nothing else: no redirects, no repeats, no proxy of the environment.
pub(super) fn client(connect: Duration, total: Duration) -> Result<Client, SetUpFault> {
    client_builder_without_redirects()
        .user_agent(concat!("nocobase-dingtalk/", env!("CARGO_PKG_VERSION")))
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .connect_timeout(connect)
        .timeout(total)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIME)
        .build()
        .map_err(|error| SetUpFault::Library(Arc::new(error.without_url())))
}

/// Sends the request and reads the whole answer; the client's time limit covers both.
pub(super) async fn exchange(call: Call, request: RequestBuilder) -> Result<RawAnswer, DingTalkError> {
    let response = request.send().await.map_err(|error| failed(call, None, error))?;
    let status = response.status().as_u16();
    let request_id = header(response.headers(), "x-acs-request-id").and_then(sanitized);
    let retry_after = header(response.headers(), RETRY_AFTER.as_str())
        .and_then(|seconds| seconds.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    let body = read(call, request_id.as_ref(), response).await?;
    Ok(RawAnswer {
        status,
        request_id,
        retry_after,
        body,
    })
}

async fn read(
    call: Call,
    request_id: Option<&String>,
    mut response: Response,
) -> Result<Vec<u8>, DingTalkError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| failed(call, request_id.cloned(), error))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(ErrorKind::Malformed(Fault::TooLarge).at(call, request_id.cloned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Addresses of the older API hold the app access token, so no error keeps its address.
fn failed(call: Call, request_id: Option<String>, error: reqwest::Error) -> DingTalkError {
    let error = error.without_url();
    if error.is_connect() {
        ErrorKind::NotConnected(Arc::new(error))
    } else if error.is_timeout() {
        ErrorKind::TimedOut
    } else {
        ErrorKind::Malformed(Fault::Connection(Arc::new(error)))
    }
    .at(call, request_id)
}
