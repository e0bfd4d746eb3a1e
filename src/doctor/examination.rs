//! An examination: all checks of one kind, in the order in which people mend things.

use url::Url;

use crate::aes_key::AesKey;
use crate::authenticator::{AuthenticatorOptions, Environment};
use crate::dingtalk::DingTalk;
use crate::nocobase::{Authenticator, Page, Store, StoreError, SubjectIndex};
use crate::product::AUTH_TYPE;

use super::authenticators;
use super::credentials;
use super::database;
use super::dingtalk_answer::Answers;
use super::finding::Finding;
use super::ip_allow_list;
use super::neighbour::{self, Neighbour};
use super::new_users;
use super::organization;
use super::personal::{self, LatestSignIn};
use super::phone_editing;
use super::phone_numbers;
use super::program::{self, RunningProgram};
use super::redirect_url;
use super::settings;
use super::subject_index;

/// What is examined, and what the doctor cannot find out itself.
pub struct Patient<'a> {
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
    /// The neighbour, beside NocoBase.
    pub nocobase: Option<Neighbour<'a>>,
    /// Examines this DingTalk authenticator only; none examines all of them.
    pub authenticator: Option<&'a str>,
}

/// Examines everything a sign-in needs.
pub async fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let store = patient.store;
    let mut findings = Vec::from_iter(patient.program.as_ref().map(program::judge));
    findings.extend(examine_database(store, patient.index).await);
    if findings.iter().any(Finding::is_error) {
        return findings;
    }
    if let Some(neighbour) = &patient.nocobase {
        findings.extend(neighbour::examine(store, neighbour).await);
    }
    match examine_authenticators(patient).await {
        Ok(more) => findings.extend(more),
        Err(error) => findings.push(database::failure(&error, store.is_own())),
    }
    findings
}

async fn examine_authenticators(patient: &Patient<'_>) -> Result<Vec<Finding>, StoreError> {
    let environment = Environment::new(patient.store.system().environment_variables().await?, patient.key);
    let all = patient.store.authenticators().page(Page::ALL).await?.rows;
    let ours = || all.iter().filter(|row| row.auth_type == AUTH_TYPE);
    let mut findings = Vec::new();
    match patient.authenticator {
        // Whoever asks about one is told of that one.
        Some(name) if !ours().any(|row| row.name == name) => {
            let there: Vec<_> = ours().map(|row| row.name.as_str()).collect();
            findings.push(authenticators::missing(name, &there));
        }
        Some(_) => {}
        None => findings.push(authenticators::judge_all(&all)),
    }
    for row in ours().filter(|row| patient.authenticator.is_none_or(|name| name == row.name)) {
        let latest = patient.latest_sign_ins.iter().find(|(name, _)| *name == row.name);
        let circumstances = Circumstances {
            redirect_url: patient.redirect_url,
            environment: &environment,
            latest_sign_in: latest.map(|(_, latest)| latest),
        };
        findings.extend(examine_authenticator(patient.store, patient.dingtalk, row, circumstances).await);
    }
    Ok(findings)
}

/// What the doctor cannot find out itself about one authenticator.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The Redirect URL under the address that this request, or the sidecar's configuration, came with.
    pub redirect_url: &'a Url,
    /// What renders the `{{$env.X}}` in the options.
    pub environment: &'a Environment,
    /// The latest sign-in through this authenticator that came as far as DingTalk's profile.
    pub latest_sign_in: Option<&'a LatestSignIn>,
}

/// Looks at the database and at the users' numbers; nothing more to see where the database fails.
pub async fn examine_database(
    store: &Store,
    index: Option<&Result<SubjectIndex, StoreError>>,
) -> Vec<Finding> {
    let mut findings = vec![database::examine(store).await];
    if findings.iter().any(Finding::is_error) {
        return findings;
    }
    findings.push(subject_index::judge(index));
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
        phone_numbers::judge(&store.users().phones().await?),
        phone_numbers::judge_missing(&unlinked, total),
    ])
}

/// Looks at one authenticator, and asks DingTalk with its credentials.
pub async fn examine_authenticator(
    store: &Store,
    dingtalk: &DingTalk,
    authenticator: &Authenticator,
    circumstances: Circumstances<'_>,
) -> Vec<Finding> {
    let environment = match store.kept_secrets().of(authenticator.id).await {
        Ok(kept) => circumstances.environment.clone().with_kept(&kept),
        Err(error) => return vec![database::failure(&error, store.is_own())],
    };
    let options = AuthenticatorOptions::parse(&authenticator.options, &environment);
    let mut findings = vec![
        authenticators::judge_enabled(authenticator),
        settings::judge(options.as_ref()),
    ];
    if let Ok(options) = &options {
        findings.extend(ask_dingtalk(dingtalk, options).await);
        findings.push(redirect_url::judge(
            circumstances.redirect_url,
            options.callback_origin.as_deref(),
        ));
        findings.push(personal::judge(circumstances.latest_sign_in));
        findings.extend(
            ask_tables(store, options)
                .await
                .unwrap_or_else(|error| vec![database::failure(&error, store.is_own())]),
        );
    }
    findings
}

async fn ask_dingtalk(dingtalk: &DingTalk, options: &AuthenticatorOptions) -> Vec<Finding> {
    let Some(credentials) = settings::credentials(options) else {
        return Vec::new();
    };
    let answers = Answers::ask(dingtalk, &credentials).await;
    vec![
        credentials::judge(&answers),
        ip_allow_list::judge(&answers),
        organization::judge(&answers, organization::is_needed(options)),
    ]
}

async fn ask_tables(store: &Store, options: &AuthenticatorOptions) -> Result<Vec<Finding>, StoreError> {
    let enabled = store.authenticators().enabled().await?;
    let mut findings = Vec::from_iter(authenticators::judge_other_ways(&enabled));
    // Without a NocoBase nobody can change their number: there is no page for it.
    if !store.is_own() {
        findings.push(phone_editing::judge(
            &store.system().settings().await?,
            options.bind_administrators,
        ));
    }
    if options.auto_signup {
        findings.push(new_users::judge(
            store.roles().has_default().await?,
            &store.users().required_columns().await?,
        ));
    }
    Ok(findings)
}
