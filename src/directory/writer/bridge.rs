//! Through NocoBase: one signed request for each part, repeated while NocoBase restarts.

use std::time::Duration;

use log::info;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Operation, OperationOutcome, WriteError};
use crate::clock::Clock;
use crate::directory::source::Source;
use crate::session::SessionSecret;
use crate::tls::{HttpClient, client_builder};

/// Two hundred users take NocoBase ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// NocoBase starts in less.
const PATIENCE: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// What no waiting changes.
const FINAL: [&str; 4] = [
    "INVALID_TOKEN",
    "SYNC_PLUGIN_OFF",
    "DEPARTMENTS_PLUGIN_OFF",
    "SOURCE_NOT_FOUND",
];

/// Writes through NocoBase.
#[derive(Clone)]
pub struct BridgeWriter {
    address: Option<Url>,
    secret: SessionSecret,
    clock: Clock,
    client: Option<HttpClient>,
}

#[derive(Serialize)]
struct Body<'a> {
    source: Named<'a>,
    #[serde(flatten)]
    operation: &'a Operation,
}

#[derive(Serialize)]
struct Named<'a> {
    id: i64,
    name: &'a str,
}

#[derive(Deserialize)]
struct BridgeAnswer {
    data: OperationOutcome,
}

impl BridgeWriter {
    /// To the NocoBase at this address, below its API base path.
    pub fn new(nocobase: Option<&Url>, api_base: &str, secret: SessionSecret, clock: Clock) -> Self {
        let address = nocobase.and_then(|url| url.join(&format!("{api_base}dingtalk:applyChanges")).ok());
        let client = client_builder().timeout(ANSWER_WITHIN).no_proxy().build().ok();
        Self {
            address,
            secret,
            clock,
            client,
        }
    }

    pub(super) async fn write(
        &self,
        source: &Source,
        operation: &Operation,
    ) -> Result<OperationOutcome, WriteError> {
        let body = Body {
            source: Named {
                id: source.id,
                name: &source.name,
            },
            operation,
        };
        let body = serde_json::to_vec(&body).map_err(|_| WriteError::Unsigned)?;
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let error = match self.try_to_write(&body).await {
                Ok(outcome) => return Ok(outcome),
                Err(error @ WriteError::Unavailable { .. }) => error,
                Err(error) => return Err(error),
            };
            if begun.elapsed() + pause > PATIENCE {
                return Err(error);
            }
            info!("NocoBase takes no changes at the moment: {error}");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_to_write(&self, body: &[u8]) -> Result<OperationOutcome, WriteError> {
        let (Some(address), Some(client)) = (&self.address, &self.client) else {
            return Err(WriteError::NowhereToWrite);
        };
        let token = self.secret.sign_changes(body, self.clock.now());
        let token = token.map_err(|_| WriteError::Unsigned)?;
        let request = client
            .post(address.clone())
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(body.to_vec());
        let response = request
            .send()
            .await
            .map_err(|_| WriteError::Unavailable { status: None })?;
        let status = response.status();
        let unavailable = WriteError::Unavailable {
            status: Some(status.as_u16()),
        };
        let Ok(answer) = response.json::<Value>().await else {
            return Err(unavailable);
        };
        if status.is_success() {
            let answered: BridgeAnswer = serde_json::from_value(answer).map_err(|_| unavailable)?;
            return Ok(answered.data);
        }
        let code = answer.pointer("/errors/0/code").and_then(Value::as_str);
        match code {
            Some(code) if FINAL.contains(&code) || status.as_u16() == 400 || status.as_u16() == 413 => {
                Err(WriteError::Refused {
                    code: code.to_owned(),
                    status: status.as_u16(),
                })
            }
            _ => Err(unavailable),
        }
    }
}
