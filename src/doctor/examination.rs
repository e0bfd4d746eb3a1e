//! An examination: all checks of one kind, in the order in which people mend things.

use chrono::{DateTime, Utc};
use url::Url;

use crate::aes_key::AesKey;
use crate::authenticator::{AuthenticatorOptions, Environment, Registry};
use crate::call_counts::CallsOfMonth;
use crate::dingtalk::DingTalk;
use crate::entropy::Entropy;
use crate::nocobase::{Authenticator, Page, Store, StoreError, SubjectIndex, SubjectKind};
use crate::product::AUTH_TYPE;

use super::dingtalk::{Answers, LatestSignIn};
use super::finding::Finding;
use super::nocobase::{NocoBaseProbe, RunningProgram};
use super::{authenticators, database, dingtalk, directory, in_client, links, nocobase, people_rules, users};

/// What is examined, and what the doctor cannot find out itself.
pub struct CheckInput<'a> {
    /// The program that answers; none for a command line, which ends at once.
    pub program: Option<RunningProgram<'a>>,
    /// NocoBase's tables.
    pub store: &'a Store,
    /// DingTalk.
    pub dingtalk: &'a DingTalk,
    /// What became of the one index, where it was looked at.
    pub index: Option<&'a Result<SubjectIndex, StoreError>>,
    /// What decrypts the secrets of the options.
    pub key: Option<&'a AesKey>,
    /// The Redirect URL under the address that this request, or the sidecar's configuration, came with.
    pub redirect_url: &'a Url,
    /// The latest sign-in through each authenticator that came as far as DingTalk's profile.
    pub latest_sign_ins: &'a [(String, LatestSignIn)],
    /// The calls of this month, where they can be read.
    pub calls: Option<&'a CallsOfMonth>,
    /// How to reach NocoBase, beside it.
    pub nocobase: Option<NocoBaseProbe<'a>>,
    /// Examines this DingTalk authenticator only; none examines all of them.
    pub authenticator: Option<&'a str>,
    /// What reads the settings of sources.
    pub registry: &'a Registry,
    /// Randomness, to ask our own address as DingTalk does.
    pub entropy: &'a Entropy,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Examines everything a sign-in needs.
pub async fn examine(input: &CheckInput<'_>) -> Vec<Finding> {
    let store = input.store;
    let mut findings = Vec::from_iter(input.program.as_ref().map(nocobase::check_program));
    findings.extend(examine_database(store, input.index).await);
    if findings.iter().any(Finding::is_error) {
        return findings;
    }
    if let Some(probe) = &input.nocobase {
        findings.extend(nocobase::check_nocobase(store, probe).await);
    }
    match examine_authenticators(input).await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(database::failure(&error, store.is_own())),
    }
    // Whoever asks about one sign-in method is told of that one.
    if input.authenticator.is_none() {
        match examine_sources(input).await {
            Ok(more) => findings.extend(more),
            Err(error) => findings.push(database::failure(&error, store.is_own())),
        }
    }
    findings
}

/// Looks at what keeps people and departments in step, where there is something.
async fn examine_sources(input: &CheckInput<'_>) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::new();
    for row in input.store.sync_sources().all().await? {
        findings.extend(directory::examine(&row, input).await?);
    }
    Ok(findings)
}

async fn examine_authenticators(input: &CheckInput<'_>) -> Result<Vec<Finding>, StoreError> {
    let environment = Environment::new(input.store.system().environment_variables().await?, input.key);
    let all = input.store.authenticators().page(Page::ALL).await?.rows;
    let ours = || all.iter().filter(|row| row.auth_type == AUTH_TYPE);
    let mut findings = Vec::new();
    match input.authenticator {
        // Whoever asks about one is told of that one.
        Some(name) if !ours().any(|row| row.name == name) => {
            let there: Vec<_> = ours().map(|row| row.name.as_str()).collect();
            findings.push(authenticators::missing(name, &there));
        }
        Some(_) => {}
        None => findings.push(authenticators::check_any(&all)),
    }
    for row in ours().filter(|row| input.authenticator.is_none_or(|name| name == row.name)) {
        let latest = input.latest_sign_ins.iter().find(|(name, _)| *name == row.name);
        let one = AuthenticatorInput {
            redirect_url: input.redirect_url,
            environment: &environment,
            latest_sign_in: latest.map(|(_, latest)| latest),
            calls: input.calls,
        };
        findings.extend(examine_authenticator(input.store, input.dingtalk, row, one).await);
    }
    Ok(findings)
}

/// What the doctor cannot find out itself about one authenticator.
#[derive(Clone, Copy)]
pub struct AuthenticatorInput<'a> {
    /// The Redirect URL under the address that this request, or the sidecar's configuration, came with.
    pub redirect_url: &'a Url,
    /// What renders the `{{$env.X}}` in the options.
    pub environment: &'a Environment,
    /// The latest sign-in through this authenticator that came as far as DingTalk's profile.
    pub latest_sign_in: Option<&'a LatestSignIn>,
    /// The calls of this month, where they can be read.
    pub calls: Option<&'a CallsOfMonth>,
}

/// Looks at the database and at the users' numbers; nothing more to see where the database fails.
pub async fn examine_database(
    store: &Store,
    index: Option<&Result<SubjectIndex, StoreError>>,
) -> Vec<Finding> {
    let mut findings = vec![database::check_database(store).await];
    if findings.iter().any(Finding::is_error) {
        return findings;
    }
    findings.push(database::check_subject_index(index));
    match examine_numbers(store).await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(database::failure(&error, store.is_own())),
    }
    findings
}

async fn examine_numbers(store: &Store) -> Result<[Finding; 2], StoreError> {
    let all = store.authenticators().page(Page::ALL).await?.rows;
    let ours: Vec<_> = all
        .iter()
        .filter(|row| row.auth_type == AUTH_TYPE)
        .map(|row| row.name.as_str())
        .collect();
    let (unlinked, total) = store.users().phones_of_unlinked(&ours).await?;
    Ok([
        users::check_phone_numbers(&store.users().phones().await?),
        users::check_missing_phone_numbers(&unlinked, total),
    ])
}

/// Looks at one authenticator, and asks DingTalk with its credentials.
pub async fn examine_authenticator(
    store: &Store,
    dingtalk: &DingTalk,
    authenticator: &Authenticator,
    input: AuthenticatorInput<'_>,
) -> Vec<Finding> {
    let environment = match store.kept_secrets().of(authenticator.id).await {
        Ok(kept) => input.environment.clone().with_kept(&kept),
        Err(error) => return vec![database::failure(&error, store.is_own())],
    };
    let options = AuthenticatorOptions::parse(&authenticator.options, &environment);
    let mut findings = vec![
        authenticators::check_enabled(authenticator),
        authenticators::check_settings(options.as_ref()),
    ];
    if let Ok(options) = &options {
        findings.extend(ask_dingtalk(dingtalk, options).await);
        findings.push(nocobase::check_redirect_url(
            input.redirect_url,
            options.callback_origin.as_deref(),
        ));
        // The result of a sign-in does not say which permission was missing.
        let latest = input.latest_sign_in.filter(|latest| {
            !matches!(latest, LatestSignIn::ProfileRefused { .. }) || !dingtalk::asks_directory(options)
        });
        findings.push(dingtalk::check_personal(latest));
        findings.extend(dingtalk::check_leavers(options));
        findings.extend(input.calls.and_then(|calls| dingtalk::tell_calls(calls, options)));
        findings.extend(
            ask_tables(store, &authenticator.name, options)
                .await
                .unwrap_or_else(|error| vec![database::failure(&error, store.is_own())]),
        );
    }
    findings
}

async fn ask_dingtalk(dingtalk: &DingTalk, options: &AuthenticatorOptions) -> Vec<Finding> {
    let Some(credentials) = authenticators::credentials(options) else {
        return Vec::new();
    };
    let answers = Answers::ask(dingtalk, &credentials).await;
    let mut findings = vec![
        dingtalk::check_credentials(&answers),
        dingtalk::check_ip_allow_list(&answers),
        dingtalk::check_organization(&answers, options),
    ];
    if answers.member().is_some() {
        findings.extend(in_client::check(dingtalk, &credentials, options).await);
        findings.extend(people_rules::ask_dingtalk(dingtalk, &credentials, options).await);
    }
    findings
}

async fn ask_tables(
    store: &Store,
    authenticator: &str,
    options: &AuthenticatorOptions,
) -> Result<Vec<Finding>, StoreError> {
    let enabled = store.authenticators().enabled().await?;
    let mut findings = Vec::from_iter(authenticators::check_other_ways(&enabled));
    if options.subject == SubjectKind::UnionId {
        findings.extend(links::check_former_links(
            store.links().kinds(authenticator).await?,
        ));
    }
    // Without a NocoBase nobody can change their number: there is no page for it.
    if !store.is_own() {
        findings.push(users::check_phone_editing(
            &store.system().settings().await?,
            options.bind_administrators,
        ));
    }
    if options.auto_signup {
        findings.push(users::check_new_users(
            options.rules.default_role.is_some() || store.roles().has_default().await?,
            &store.users().required_columns().await?,
        ));
    }
    findings.extend(people_rules::ask_tables(store, options).await?);
    Ok(findings)
}
