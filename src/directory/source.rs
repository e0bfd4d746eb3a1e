//! A source: a row of NocoBase's "Synchronize" page, ready to be used.

use secrecy::SecretString;

use super::options::{Fields, SourceOptions};
use crate::authenticator::{
    AuthenticatorOptions, Environment, LookUpError, OptionsError, Registry, SECRET_MASK,
};
use crate::dingtalk::Credentials;
use crate::error_code::Code;
use crate::nocobase::{ColumnFitness, KeptSecret, LinkSource, Store, StoreError, SyncSource};
use crate::product::AUTH_TYPE;

/// A source with readable options.
#[derive(Clone)]
pub struct Source {
    /// The key in the tables.
    pub id: i64,
    /// The key everywhere else.
    pub name: String,
    /// Its options.
    pub options: SourceOptions,
    /// The app that reads.
    pub credentials: Credentials,
    /// The organization's id, where an authenticator names it.
    pub corp_id: Option<String>,
    /// Where its people sign in, if they can.
    pub link: Option<LinkTo>,
}

/// The authenticator for the same app, and what its links note.
#[derive(Clone, Debug)]
pub struct LinkTo {
    /// Its name.
    pub authenticator: String,
    /// What it recognizes people by.
    pub source: LinkSource,
    /// Whether users who may configure the site are linked, too.
    pub may_administrators: bool,
    /// What new users get in place of NocoBase's default role.
    pub default_role: Option<String>,
}

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// An option is not usable.
    #[error("the source's settings cannot be used")]
    Options(#[from] OptionsError),
    /// The authenticator whose app is to be used is not there, or not in use.
    #[error("the source's authenticator is not there")]
    AuthenticatorMissing,
    /// There is neither an authenticator nor an app of its own.
    #[error("the source has no app: {field} is missing")]
    Incomplete {
        /// What is missing.
        field: &'static str,
    },
    /// A column is to be written that cannot be.
    #[error("the column that {field} names cannot be written")]
    Column {
        /// The option that names it.
        field: &'static str,
        /// Why.
        fitness: ColumnFitness,
    },
    /// The database did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SourceError {
    /// The failure of the database, or the error about the settings.
    pub fn into_store(self) -> Result<StoreError, Self> {
        if let Self::Store(error) = self {
            Ok(error)
        } else {
            Err(self)
        }
    }

    /// The option that it is about.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Options(error) => Some(error.field()),
            Self::AuthenticatorMissing => Some("authenticator"),
            Self::Incomplete { field } | Self::Column { field, .. } => Some(field),
            Self::Store(_) => None,
        }
    }

    /// What is said of it outside.
    pub fn code(&self) -> Code {
        match self {
            Self::Options(_) | Self::AuthenticatorMissing | Self::Incomplete { .. } | Self::Column { .. } => {
                Code::SourceUnusable
            }
            Self::Store(error) => error.code(),
        }
    }
}

impl Source {
    /// Reads what a row says.
    pub async fn of(row: &SyncSource, store: &Store, registry: &Registry) -> Result<Self, SourceError> {
        let options = options_of(row, store, registry).await?;
        let (credentials, link, corp_id) = match &options.authenticator {
            Some(name) => of_authenticator(name, registry).await?,
            None => of_own_app(&options, registry).await?,
        };
        check_columns(&options.fields, store).await?;
        Ok(Self {
            id: row.id,
            name: row.name.clone(),
            options,
            credentials,
            corp_id,
            link,
        })
    }
}

/// The options of a row, templates rendered and secrets decrypted.
pub(super) async fn options_of(
    row: &SyncSource,
    store: &Store,
    registry: &Registry,
) -> Result<SourceOptions, SourceError> {
    let stored = row.options.to_string();
    let mut environment = Environment::new(Vec::new(), registry.aes_key());
    if stored.contains(SECRET_MASK) {
        let kept = store.kept_secrets().of_source(row.id).await?;
        let kept: Vec<KeptSecret> = kept
            .into_iter()
            .filter_map(|kept| {
                let mut places = SourceOptions::SECRET_PLACES.iter();
                let (field, _) = places.find(|(_, place)| *place == kept.place)?;
                Some(KeptSecret {
                    place: (*field).to_owned(),
                    value: kept.value,
                })
            })
            .collect();
        environment = environment.with_kept(&kept);
    }
    if stored.contains("{{") || environment.kept_refers_to_variables() {
        environment = environment.with_variables(store.system().environment_variables().await?);
    }
    Ok(SourceOptions::parse(&row.options, &environment)?)
}

type SourceApp = (Credentials, Option<LinkTo>, Option<String>);

async fn of_authenticator(name: &str, registry: &Registry) -> Result<SourceApp, SourceError> {
    let configured = match registry.find(name).await {
        Ok(configured) => configured,
        Err(LookUpError::NotFound | LookUpError::Options(_)) => {
            return Err(SourceError::AuthenticatorMissing);
        }
        Err(LookUpError::Store(error)) => return Err(error.into()),
    };
    let options = &configured.options;
    let credentials = credentials(options.client_id.as_ref(), options.client_secret.as_ref())?;
    Ok((credentials, link_to(name, options), options.corp_id.clone()))
}

/// People are linked where they sign in through the same app.
async fn of_own_app(options: &SourceOptions, registry: &Registry) -> Result<SourceApp, SourceError> {
    let credentials = credentials(options.client_id.as_ref(), options.client_secret.as_ref())?;
    for row in registry
        .offered()
        .await?
        .iter()
        .filter(|row| row.auth_type == AUTH_TYPE)
    {
        let other = match registry.options_of(row).await {
            Ok(other) => other,
            Err(LookUpError::Store(error)) => return Err(error.into()),
            // One that cannot be read lets nobody in.
            Err(LookUpError::NotFound | LookUpError::Options(_)) => continue,
        };
        if other.client_id.as_ref() == Some(&credentials.client_id) {
            return Ok((credentials, link_to(&row.name, &other), other.corp_id.clone()));
        }
    }
    Ok((credentials, None, None))
}

fn credentials(id: Option<&String>, secret: Option<&SecretString>) -> Result<Credentials, SourceError> {
    Ok(Credentials {
        client_id: id.ok_or(SourceError::Incomplete { field: "clientId" })?.clone(),
        client_secret: secret
            .ok_or(SourceError::Incomplete {
                field: "clientSecret",
            })?
            .clone(),
    })
}

fn link_to(name: &str, options: &AuthenticatorOptions) -> Option<LinkTo> {
    Some(LinkTo {
        authenticator: name.to_owned(),
        source: LinkSource {
            kind: options.subject,
            client_id: options.client_id.clone()?,
            corp_id: options.corp_id.clone(),
        },
        may_administrators: options.bind_administrators,
        default_role: options.rules.default_role.clone(),
    })
}

async fn check_columns(fields: &Fields, store: &Store) -> Result<(), SourceError> {
    let wanted: Vec<&str> = fields.columns.iter().flatten().map(String::as_str).collect();
    let (_, judged) = store.users().custom_columns(&wanted).await?;
    for (name, fitness) in judged {
        if fitness != ColumnFitness::Fit {
            let place = fields
                .columns
                .iter()
                .position(|column| column.as_ref() == Some(&name));
            let field = place.and_then(|place| Fields::COLUMNS.get(place).copied());
            return Err(SourceError::Column {
                field: field.unwrap_or_default(),
                fitness,
            });
        }
    }
    Ok(())
}
