//! Checks of a source of people and departments: its settings, what its app may read, its latest run, its events.

use chrono::{DateTime, TimeDelta, Utc};

use super::callback;
use super::dingtalk_failure::{self, failure};
use super::examination::CheckInput;
use super::finding::Finding;
use crate::dingtalk::{Credentials, DingTalk, DingTalkError, DirectoryEntry, ErrorKind};
use crate::directory::{DirectoryStatus, ReceiveMode, Run, RunState, Source, StreamState};
use crate::nocobase::{StoreError, SyncSource};

const SETTINGS: &str = "source-settings";
const PERMISSIONS: &str = "source-permissions";
const SCOPE: &str = "source-scope";
const DEPARTMENTS: &str = "source-departments";
const RUN: &str = "source-run";
const EVENTS: &str = "source-events";

/// Events are dealt with in seconds; whatever waits longer is stuck.
const LAG_LIMIT: TimeDelta = TimeDelta::minutes(2);

/// Looks at one source, and asks DingTalk with its app.
pub(super) async fn examine(row: &SyncSource, input: &CheckInput<'_>) -> Result<Vec<Finding>, StoreError> {
    let (store, now) = (input.store, input.now);
    if !row.enabled {
        let finding = Finding::warning(
            SETTINGS,
            "The source {{source}} is disabled; nothing is synchronized.",
        )
        .with("source", row.name.as_str())
        .advise("Tick Enabled and save.");
        return Ok(vec![finding]);
    }
    let source = match Source::of(row, store, input.registry).await {
        Ok(source) => source,
        Err(error) => match error.into_store() {
            Ok(error) => return Err(error),
            Err(error) => {
                let field = error.field().unwrap_or_default();
                let finding = Finding::error(
                    SETTINGS,
                    "The setting {{field}} of the source {{source}} cannot be used.",
                )
                .with("field", field)
                .with("source", row.name.as_str())
                .advise("Correct it and save.");
                return Ok(vec![finding]);
            }
        },
    };
    let mut findings = vec![
        Finding::ok(SETTINGS, "The settings of the source {{source}} are complete.")
            .with("source", row.name.as_str()),
    ];
    findings.extend(ask_dingtalk(input.dingtalk, &source).await);
    let plugins = store.system().directory_plugins().await?;
    findings.push(check_departments(plugins.departments));
    let status = DirectoryStatus::read(store, row).await?;
    findings.push(check_run(&status.run));
    findings.extend(callback::check(&source, input.redirect_url, input.entropy, now).await);
    findings.extend(check_events(&status, source.options.receive_mode, now));
    Ok(findings)
}

async fn ask_dingtalk(dingtalk: &DingTalk, source: &Source) -> Vec<Finding> {
    let credentials = &source.credentials;
    let scope = match dingtalk.data_scope(credentials).await {
        Ok(scope) => scope,
        Err(error) => return vec![refusal(&error, credentials)],
    };
    let Some(root) = scope.departments.first().copied() else {
        let finding = Finding::error(SCOPE, "The DingTalk app may see no department.")
            .advise("Widen the contact scope of the app in the DingTalk developer console.");
        return vec![finding];
    };
    let roots: Vec<String> = scope.departments.iter().map(ToString::to_string).collect();
    let mut findings = vec![
        Finding::ok(
            SCOPE,
            "The DingTalk app sees these departments and those below them: {{departments}}.",
        )
        .with("departments", roots.join(", ")),
    ];
    let mut refused = Vec::new();
    refused.extend(dingtalk.departments_below(credentials, root).await.err());
    match dingtalk.department_members(credentials, root, 0).await {
        Ok(page) => findings.extend(check_phones(
            &page.map(|page| page.entries).unwrap_or_default(),
            source,
        )),
        Err(error) => refused.push(error),
    }
    refused.extend(dingtalk.member_count(credentials).await.err());
    if refused.is_empty() {
        findings.push(Finding::ok(
            PERMISSIONS,
            "The DingTalk app may read departments and people.",
        ));
    }
    findings.extend(refused.iter().map(|error| refusal(error, credentials)));
    findings
}

fn refusal(error: &DingTalkError, credentials: &Credentials) -> Finding {
    if let ErrorKind::PermissionMissing(permissions) = &error.kind {
        dingtalk_failure::permission_missing(PERMISSIONS, permissions, credentials)
    } else {
        failure(PERMISSIONS, error)
    }
}

/// Without the permission for it nobody has a number; one who has none may be by chance.
fn check_phones(entries: &[DirectoryEntry], source: &Source) -> Option<Finding> {
    let is_missing = !entries.is_empty() && entries.iter().all(|entry| entry.mobile.is_none());
    (is_missing && source.options.fields.phone).then(|| {
        dingtalk_failure::permission_missing(
            "source-phone-numbers",
            &["fieldMobile".to_owned()],
            &source.credentials,
        )
    })
}

fn check_departments(is_on: bool) -> Finding {
    if is_on {
        Finding::ok(DEPARTMENTS, "Departments are written, too.")
    } else {
        Finding::warning(
            DEPARTMENTS,
            "NocoBase's departments plugin is off, so only people are written.",
        )
        .advise("Enable the departments plugin in the plugin manager if you want departments.")
    }
}

fn check_run(run: &Run) -> Finding {
    match run.state {
        RunState::None => Finding::warning(RUN, "Nothing has been synchronized yet.")
            .advise("Start it once in the list of sources."),
        RunState::Preview => Finding::warning(RUN, "The first synchronization waits for a confirmation.")
            .advise("Open the source, look at what it would do, and confirm it."),
        RunState::Held => Finding::error(
            RUN,
            "The synchronization has stopped, because {{count}} people would be taken out.",
        )
        .with("count", run.removals.to_string())
        .advise("Open the source and look at the list: confirm it, or find out what is wrong in DingTalk."),
        RunState::Failed => Finding::error(RUN, "The latest synchronization has failed: {{code}}.")
            .with("code", run.code.clone().unwrap_or_default())
            .advise("Open the source; its report says what failed and what to do."),
        RunState::Waiting | RunState::Reading | RunState::Comparing | RunState::Writing => {
            Finding::ok(RUN, "A synchronization is under way.")
        }
        RunState::Done => Finding::ok(RUN, "The latest synchronization ended well, at {{time}}.")
            .with("time", run.ended_at.unwrap_or(run.begun_at).to_rfc3339()),
    }
}

fn check_events(status: &DirectoryStatus, mode: ReceiveMode, now: DateTime<Utc>) -> Option<Finding> {
    if let Some(oldest) = status.oldest_event.filter(|oldest| now - oldest > LAG_LIMIT) {
        let finding = Finding::error(EVENTS, "Changes have been waiting since {{time}}: {{count}}.")
            .with("time", oldest.to_rfc3339())
            .with("count", status.events.to_string())
            .advise("See the sidecar's log for what keeps them from being written.");
        return Some(finding);
    }
    match mode {
        ReceiveMode::Off => None,
        ReceiveMode::Stream => Some(if status.stream.state == StreamState::Connected {
            Finding::ok(EVENTS, "The stream to DingTalk is connected.")
        } else {
            Finding::error(EVENTS, "The stream to DingTalk is not connected: {{code}}.")
                .with("code", status.stream.code.clone().unwrap_or_else(|| "–".to_owned()))
                .advise("Let this server reach api.dingtalk.com and wss-open-connection.dingtalk.com on port 443, and choose Stream on the page of events in the DingTalk developer console.")
        }),
        ReceiveMode::Callback => Some(match status.last_event {
            Some(time) => Finding::ok(EVENTS, "The latest change arrived at {{time}}.").with("time", time.to_rfc3339()),
            None => Finding::warning(EVENTS, "DingTalk has not called yet.")
                .advise("Paste the request address into the page of events in the DingTalk developer console; DingTalk must reach it from the internet, without a redirect."),
        }),
    }
}
