//! An examination: all checks of one kind, in the order in which people mend things.

use url::Url;

use crate::dingtalk::DingTalk;
use crate::nocobase::{
    Authenticator, AuthenticatorOptions, Environment, Page, Store, StoreError, SubjectIndex,
};

use super::authenticators;
use super::credentials;
use super::database;
use super::dingtalk_answer::Answers;
use super::finding::Finding;
use super::ip_allow_list;
use super::organization;
use super::personal::{self, LatestSignIn};
use super::phone_editing;
use super::redirect_url;
use super::settings;
use super::subject_index;

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

/// Looks at the database and at which sign-in methods there are; nothing more to see where the database fails.
pub async fn examine_database(
    store: &Store,
    index: Option<&Result<SubjectIndex, StoreError>>,
) -> Vec<Finding> {
    let mut findings = vec![database::examine(store).await];
    if findings.iter().any(Finding::is_error) {
        return findings;
    }
    findings.push(subject_index::judge(index));
    findings.push(match store.authenticators(Page::ALL).await {
        Ok(all) => authenticators::judge_all(&all.rows),
        Err(error) => database::failure(&error),
    });
    findings
}

/// Looks at one authenticator, and asks DingTalk with its credentials.
pub async fn examine_authenticator(
    store: &Store,
    dingtalk: &DingTalk,
    authenticator: &Authenticator,
    circumstances: Circumstances<'_>,
) -> Vec<Finding> {
    let options = AuthenticatorOptions::parse(&authenticator.options, circumstances.environment);
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
                .unwrap_or_else(|error| vec![database::failure(&error)]),
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
    let enabled = store.enabled_authenticators().await?;
    let system_settings = store.system_settings().await?;
    let mut findings = Vec::from_iter(authenticators::judge_other_ways(&enabled));
    findings.push(phone_editing::judge(
        &system_settings,
        options.bind_administrators,
    ));
    Ok(findings)
}
