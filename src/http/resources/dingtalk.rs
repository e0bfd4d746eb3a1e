//! The actions of the resource `dingtalk`: the form, the doctor and the audit.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use log::error;

use super::calls;
use crate::audit::{self, AuditError, Ended, Entry, Event, Filter, NamedEntry};
use crate::causes::with_causes;
use crate::config::Mode;
use crate::doctor::{self, CheckInput, Finding, NocoBaseProbe, RunningProgram};
use crate::http::request::context::Context;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};
use crate::nocobase::{Page, UserId};
use crate::origin::Origin;
use crate::plugin::{self, FormFill};
use crate::product::{PLUGIN_NAME, REDIRECT_ACTION};

/// The most rows of a table for a spreadsheet.
pub const MOST_CSV_ROWS: u64 = 10_000;
/// Asks the audit for everything that did not end well, whatever its code.
const REFUSED: &str = "REFUSED";
/// The doctor asks DingTalk; a button held down must not.
const DIAGNOSE_PAUSE: Duration = Duration::from_secs(5);

/// `dingtalk:signInButton`: the texts and error sentences of the button.
pub async fn sign_in_button(_context: Context) -> ActionResult {
    Ok(envelope::data(plugin::sign_in_button()))
}

/// `dingtalk:configForm`: the form, with the Redirect URL of the origin people use.
pub async fn config_form(context: Context) -> ActionResult {
    let mut origin = context.origin.clone();
    if let Some(name) = context.query.only("authenticator")
        && let Some(row) = context.state.store.authenticators().find(name).await?
        && let Ok(options) = context.state.sign_in.authenticators().options_of(&row).await
        && let Some(own) = options.callback_origin.as_deref().and_then(Origin::parse)
    {
        origin = own;
    }
    let redirect_url = origin.with_path(&format!("{}{REDIRECT_ACTION}", context.state.edge.api_base));
    Ok(envelope::data(plugin::form_schema(&FormFill {
        redirect_url: &redirect_url,
    })))
}

/// `dingtalk:diagnose`: the doctor's report, in the reader's language.
pub async fn diagnose(context: Context) -> ActionResult {
    if let Some(wait) = context.state.throttles.diagnoses.wait(DIAGNOSE_PAUSE) {
        return Err(RequestError::TooManyAttempts {
            retry_after_seconds: wait,
        }
        .into());
    }
    let name = context.query.only("authenticator");
    let findings = examine(&context, name).await?;
    Ok(envelope::data(
        doctor::Report::of(findings).tell(context.language()),
    ))
}

async fn examine(context: &Context, authenticator: Option<&str>) -> Result<Vec<Finding>, ApiError> {
    let state = &context.state;
    let redirect_url = context
        .origin
        .with_path(&format!("{}{REDIRECT_ACTION}", state.edge.api_base));
    let redirect_url = redirect_url.parse().map_err(|_| RequestError::Internal)?;
    let latest = state.ops.audit.latest_results().await.unwrap_or_else(|failure| {
        report_unread_audit(context, &failure);
        Vec::new()
    });
    // The log has said why they cannot be read; everything else can be examined all the same.
    let calls = calls::of_this_month(context).await.ok();
    let has_nocobase = state.mode == Mode::BesideNocoBase || state.installation.nocobase_url.is_some();
    let input = CheckInput {
        program: Some(RunningProgram {
            version: env!("CARGO_PKG_VERSION"),
            platform: &plugin::platform_name(),
            since: state.installation.started,
            restarts: state.installation.managed.map(|managed| managed.restarts),
        }),
        store: &state.store,
        dingtalk: &state.dingtalk,
        index: state.installation.subject_index.as_ref(),
        key: state.sign_in.authenticators().aes_key(),
        redirect_url: &redirect_url,
        latest_sign_ins: &doctor::latest_sign_ins(latest),
        calls: calls.as_ref(),
        nocobase: has_nocobase.then(|| NocoBaseProbe {
            url: state.installation.nocobase_url.as_ref(),
            api_base: &state.edge.api_base,
            secret: state.sessions.secret(),
            now: state.clock.now(),
            plugin: PLUGIN_NAME,
            version: env!("CARGO_PKG_VERSION"),
        }),
        authenticator,
        registry: state.sign_in.authenticators(),
        entropy: &state.entropy,
        now: state.clock.now(),
    };
    let mut findings = doctor::examine(&input).await;
    if let (Some(public), Some(requested)) = (&state.edge.public_origin, &context.requested)
        && !requested.has_host_of(public)
    {
        findings.push(doctor::opened_elsewhere(requested.as_text(), public.as_text()));
    }
    Ok(findings)
}

/// `dingtalk:audit`: who signed in and how it ended.
pub async fn audit(context: Context) -> ActionResult {
    let query = &context.query;
    let time = |name: &'static str| -> Result<Option<DateTime<Utc>>, RequestError> {
        let Some(text) = query.only(name) else {
            return Ok(None);
        };
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| RequestError::InvalidField(name))?;
        Ok(Some(parsed.with_timezone(&Utc)))
    };
    let filter = Filter {
        authenticator: query.only("authenticator").map(str::to_owned),
        users: users_asked_for(&context).await?,
        event: match query.only("event") {
            None => None,
            Some(name) => Some(Event::parse(name).ok_or(RequestError::InvalidField("event"))?),
        },
        ended: query.only("result").map(|result| match result {
            REFUSED => Ended::Refused,
            result => Ended::With(result.to_owned()),
        }),
        reference: query.only("reference").map(str::to_owned),
        from: time("from")?,
        to: time("to")?,
    };
    if query.only("format") == Some("csv") {
        let found = search(&context, &filter, query.table(MOST_CSV_ROWS)).await?;
        let csv = audit::to_csv(&with_names(&context, found.entries).await?);
        return Ok(envelope::csv("dingtalk-sign-ins.csv", csv));
    }
    let page = query.page();
    let found = search(&context, &filter, page).await?;
    let rows = with_names(&context, found.entries).await?;
    Ok(envelope::page(rows, found.count, page))
}

/// The users that `userId` and `search` leave; `None` when neither is given.
async fn users_asked_for(context: &Context) -> Result<Option<BTreeSet<i64>>, ApiError> {
    let by_id = match context.query.only("userId") {
        None => None,
        Some(text) => {
            let id: i64 = text.parse().map_err(|_| RequestError::InvalidField("userId"))?;
            Some(BTreeSet::from([id]))
        }
    };
    let Some(text) = context.query.only("search") else {
        return Ok(by_id);
    };
    let like = context.state.store.users().like(text).await?;
    let mut found: BTreeSet<i64> = like.into_iter().map(|user| user.0).collect();
    if let Some(by_id) = by_id {
        found.retain(|user| by_id.contains(user));
    }
    Ok(Some(found))
}

/// The entries with what their people are called now.
async fn with_names(context: &Context, entries: Vec<Entry>) -> Result<Vec<NamedEntry>, ApiError> {
    let users = entries.iter().flat_map(Entry::users).map(UserId).collect();
    let names = context.state.store.users().names_of(&users).await?;
    let names = names.into_iter().map(|(user, name)| (user.0, name)).collect();
    Ok(entries.into_iter().map(|entry| entry.told(&names)).collect())
}

async fn search(context: &Context, filter: &Filter, page: Page) -> Result<audit::FoundEntries, RequestError> {
    context
        .state
        .ops
        .audit
        .search(filter, page.page, page.page_size)
        .await
        .map_err(|failure| {
            report_unread_audit(context, &failure);
            RequestError::Internal
        })
}

fn report_unread_audit(context: &Context, failure: &AuditError) {
    error!(
        "the audit could not be read: {} (reference {})",
        with_causes(failure),
        context.reference
    );
}
