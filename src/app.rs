//! The composition root: builds the server from a [`Config`]. `main` and every test use it.

pub mod demo;
mod examination;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use secrecy::{ExposeSecret as _, SecretString};

use crate::audit::{Audit, AuditError};
use crate::background::Background;
use crate::call_counts::CallCounts;
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::config::{Config, Listen, Mode};
use crate::dingtalk::{DingTalk, SetUpFault};
use crate::directory::events::{Callbacks, EventObserver, Inbox, companion};
use crate::directory::{BridgeWriter, Directory, Keeper, OwnWriter, SiteWriter};
use crate::entropy::Entropy;
use crate::files::make_private_folder;
use crate::http::{
    Address, AppState, Bounds, Demo, Edge, Installation, Listener, Metrics, Ops, Packages, Server, Stop,
    Throttles, TrustedProxies,
};
use crate::nocobase::{RootUser, Store, StoreError, SubjectIndex};
use crate::session::{FirstPassword, Passwords, SessionSecret, Sessions, password};
use crate::sign_in::{Parts, SignIn, Site};

pub use examination::{enable_password, examine, first_password};

/// Why the server could not be started. Its text is shown to the person who starts it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The server cannot take the address it was given.
    #[error("the server cannot be started")]
    Serve(#[source] io::Error),
    /// The folder for our own files cannot be used.
    #[error("the storage folder {} cannot be used", folder.display())]
    Storage {
        /// The folder.
        folder: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing to look at.
    #[error("there is no database in the storage folder {}; where the sidecar runs alone, give the folder that it runs with (--storage) or start it once, and beside NocoBase give NocoBase's .env (--env-file)", folder.display())]
    NothingThere {
        /// The folder.
        folder: std::path::PathBuf,
    },
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] StoreError),
    /// The audit cannot be opened.
    #[error("the audit cannot be opened")]
    Audit(#[from] AuditError),
    /// The client of DingTalk cannot be made.
    #[error("the client of DingTalk cannot be set up")]
    DingTalk(#[from] SetUpFault),
    /// The counters cannot be set up.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
    /// No address is known under which people would see the site.
    #[error("the origin under which people see the site is not known; set SIDECAR_PUBLIC_URL")]
    PublicOrigin,
    /// The simulator of the demo cannot be started.
    #[error("the DingTalk simulator cannot be started")]
    Simulator(#[source] io::Error),
}

/// A server that is ready to answer.
pub struct App {
    server: Server,
    first_password: Option<SecretString>,
    store: Store,
    calls: CallCounts,
    keeper: Keeper,
    directory: Directory,
    dingtalk: DingTalk,
    background: Background,
}

const PRUNE_EVERY: Duration = Duration::from_hours(1);
const SAVE_CALLS_EVERY: Duration = Duration::from_mins(5);
/// How long the end waits for what nobody else does. A managed program that used up its time for requests is to be gone
/// within two seconds all the same.
const BACKGROUND_WITHIN: Duration = Duration::from_millis(300);
/// In the storage folder.
const CALLS_FOLDER: &str = "calls";

impl App {
    /// Builds everything: database, audit, clients, use cases, server.
    pub async fn build(
        config: Config,
        clock: Clock,
        entropy: Entropy,
        demo: Option<Demo>,
    ) -> Result<Self, StartError> {
        let listener = listen(&config.listen)?;
        make_private_folder(&config.storage).map_err(unusable(&config.storage))?;
        let metrics = Metrics::new()?;
        let kept = FirstPassword::in_folder(&config.storage).map_err(unusable(&config.storage))?;
        let store = open_store(&config, &kept, &metrics, &clock, &entropy).await?;
        let first_password = kept.unused();
        let subject_index = index_subjects(&config, &store).await;
        let (audit, calls) = open_records(&config, &clock)?;
        let dingtalk = open_dingtalk(&config, metrics.clone(), calls.clone())?;
        let background = Background::of_this_runtime();
        let sessions = open_sessions(&config, &store, &metrics, &clock, &entropy, &background);
        let sign_in = SignIn::new(Parts {
            store: store.clone(),
            dingtalk: dingtalk.clone(),
            sessions: sessions.clone(),
            audit: audit.clone(),
            secret: config.secret,
            aes_key: config.aes_key,
            site: Site {
                api_base: config.api_base.clone(),
                public_path: config.public_path.clone(),
                plugin_row_decides: config.mode == Mode::Alone,
            },
            clock: clock.clone(),
            entropy: entropy.clone(),
            background: background.clone(),
        });
        let events = open_callbacks(&store, &sign_in, &metrics, &clock, &entropy);
        let place = (config.nocobase_url.as_ref(), config.api_base.as_str());
        let directory = Directory::new(crate::directory::DirectoryParts {
            store: store.clone(),
            dingtalk: dingtalk.clone(),
            registry: sign_in.authenticators().clone(),
            writer: writer(config.mode, place, &store, &sessions, &clock),
            audit: audit.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            background: background.clone(),
            zone: config.zone,
        });
        let keeper = Keeper::start(directory.clone(), vec![companion(events.clone())]).await;
        let state = AppState {
            mode: config.mode,
            store: store.clone(),
            sessions,
            first_password: kept,
            sign_in,
            dingtalk: dingtalk.clone(),
            directory: directory.clone(),
            events,
            throttles: Throttles::new(config.attempts_per_address, &clock),
            ops: Ops {
                audit,
                calls: calls.clone(),
                metrics,
                packages: Packages::new(&config.public_path),
                sidecar_url: config.sidecar_url,
            },
            edge: Edge {
                api_base: config.api_base,
                public_path: config.public_path,
                public_origin: config.public_origin,
                proxies: TrustedProxies::new(config.trusted_proxies),
                cors: config.cors,
                body_within: config.request_within,
            },
            installation: Installation {
                started: clock.now(),
                managed: config.managed,
                subject_index,
                nocobase_url: config.nocobase_url,
                demo,
            },
            clock,
            entropy,
        };
        let bounds = Bounds {
            head_within: config.request_within,
            connections: config.connections,
        };
        let server = Server::new(listener, state, bounds).map_err(StartError::Serve)?;
        Ok(Self {
            server,
            first_password,
            store,
            calls,
            keeper,
            directory,
            dingtalk,
            background,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        self.server.address()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stop {
        self.server.stopper()
    }

    /// The password made for the first administrator, when none was set, as long as nobody has used it.
    pub fn first_password(&self) -> Option<&SecretString> {
        self.first_password.as_ref()
    }

    /// The tables it works on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The organizations that are kept in step.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// DingTalk, as it is asked.
    pub fn dingtalk(&self) -> &DingTalk {
        &self.dingtalk
    }

    /// What is done behind an answer's back.
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// Answers until it is stopped.
    pub async fn run(self) -> io::Result<()> {
        let ended = self.server.run().await;
        // Whoever waits for the end may not wait for the keeper, which lets go of its sources, and what it asks until then
        // is counted, too.
        save(&self.calls).await;
        self.keeper.stop().await;
        if !self.background.done_within(BACKGROUND_WITHIN).await {
            warn!("some work that nobody waits for was not finished in time");
        }
        save(&self.calls).await;
        ended
    }
}

/// Who changes what is here already.
fn writer(
    mode: Mode,
    (nocobase, api_base): (Option<&url::Url>, &str),
    store: &Store,
    sessions: &Sessions,
    clock: &Clock,
) -> SiteWriter {
    match mode {
        Mode::Alone => SiteWriter::Own(OwnWriter::new(store.clone(), clock.clone())),
        Mode::BesideNocoBase => SiteWriter::Bridge(BridgeWriter::new(
            nocobase,
            api_base,
            sessions.secret().clone(),
            clock.clone(),
        )),
    }
}

fn listen(wanted: &Listen) -> Result<Listener, StartError> {
    const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
    let tcp = |address| Listener::tcp(address).map_err(|source| StartError::Listen { address, source });
    match wanted {
        Listen::Address(address) => tcp(*address),
        Listen::Socket(path) => Listener::socket(path).or_else(|failure| {
            warn!(
                "there is no Unix socket to be had at {}: {failure}; a port of this machine is taken instead",
                path.display()
            );
            tcp(LOOPBACK)
        }),
    }
}

fn unusable(folder: &Path) -> impl FnOnce(io::Error) -> StartError {
    |source| StartError::Storage {
        folder: folder.to_owned(),
        source,
    }
}

/// Who signed in, and how often DingTalk was called.
fn open_records(config: &Config, clock: &Clock) -> Result<(Audit, CallCounts), AuditError> {
    let audit = Audit::open(
        &config.storage.join("audit"),
        &config.instance,
        config.audit_retention_days,
        clock.now(),
    )?;
    prune_regularly(audit.clone(), clock.clone());
    let calls = CallCounts::new(
        &config.storage.join(CALLS_FOLDER),
        &config.instance,
        clock.clone(),
    );
    save_regularly(calls.clone());
    Ok((audit, calls))
}

async fn open_store(
    config: &Config,
    kept: &FirstPassword,
    metrics: &Metrics,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Store, StartError> {
    let counted = metrics.clone();
    let observer = Arc::new(move |report: &crate::nocobase::StatementReport| {
        counted.statement_ran(report.failed, report.elapsed);
    });
    let mut store = Store::connect(&config.database, observer).await?;
    if !config.may_create_index {
        store = store.without_indexes();
    }
    if store.is_pooled() {
        info!("a connection pooler stands before the database: each statement is a transaction of its own");
    }
    if config.mode == Mode::BesideNocoBase {
        store.check_schema().await?;
        return Ok(store);
    }
    let root = if store.is_furnished().await? {
        None
    } else {
        Some(first_administrator(config, kept, entropy)?)
    };
    // A database of an earlier version lacks tables, too.
    let is_new = store
        .create_embedded(root.as_ref(), &config.language, clock.now())
        .await?;
    store.ensure_directory_tables().await?;
    if let Some(key) = &config.aes_key {
        crate::authenticator::move_secrets(&store, key, entropy, clock.now()).await?;
    }
    if is_new {
        info!(
            "the embedded database was created, with {} as administrator",
            config.first_administrator.username
        );
    }
    Ok(store)
}

fn open_dingtalk(config: &Config, metrics: Metrics, calls: CallCounts) -> Result<DingTalk, SetUpFault> {
    let observer = Arc::new(move |report: &crate::dingtalk::CallReport| {
        metrics.dingtalk_called(&report.app, report.call.label(), report.outcome, report.elapsed);
        calls.add(&report.app, report.call.label());
    });
    DingTalk::new(&config.endpoints, config.limits, observer)
}

fn open_callbacks(
    store: &Store,
    sign_in: &SignIn,
    metrics: &Metrics,
    clock: &Clock,
    entropy: &Entropy,
) -> Callbacks {
    let counted = metrics.clone();
    let observer: EventObserver =
        Arc::new(move |channel, outcome| counted.event_arrived(channel.label(), outcome));
    Callbacks::new(
        Inbox::new(store.clone(), clock.clone(), observer),
        store.clone(),
        sign_in.authenticators().clone(),
        clock.clone(),
        entropy.clone(),
    )
}

fn first_administrator(
    config: &Config,
    kept: &FirstPassword,
    entropy: &Entropy,
) -> Result<RootUser, StartError> {
    let given = &config.first_administrator;
    let password = match &given.password {
        Some(password) => password.clone(),
        None => kept.unused_or_new(entropy).map_err(unusable(&config.storage))?,
    };
    Ok(RootUser {
        email: given.email.clone(),
        username: given.username.clone(),
        nickname: given.nickname.clone(),
        password_hash: password::hash(password.expose_secret(), entropy).0.into(),
    })
}

async fn index_subjects(config: &Config, store: &Store) -> Option<Result<SubjectIndex, StoreError>> {
    match config.mode {
        Mode::Alone => Some(store.ensure_subject_index().await),
        Mode::BesideNocoBase => ensure_index(store, config.may_create_index).await,
    }
}

async fn ensure_index(store: &Store, may_create: bool) -> Option<Result<SubjectIndex, StoreError>> {
    if !may_create {
        info!("no index is made in NocoBase's database, as SIDECAR_CREATE_INDEX says");
        return None;
    }
    let outcome = store.ensure_subject_index().await;
    match &outcome {
        Ok(made @ (SubjectIndex::Created | SubjectIndex::CreatedPlain)) => {
            let unique = if *made == SubjectIndex::Created {
                "a unique"
            } else {
                "an"
            };
            info!(
                "made {unique} index over authenticator and uuid on NocoBase's table usersAuthenticators; SIDECAR_CREATE_INDEX=false keeps it from being made"
            );
        }
        Ok(SubjectIndex::Present | SubjectIndex::Plain | SubjectIndex::NotUsed) => {}
        Err(error) => {
            warn!(
                "the index over authenticator and uuid on usersAuthenticators could not be made: {}",
                with_causes(error)
            );
        }
    }
    Some(outcome)
}

fn open_sessions(
    config: &Config,
    store: &Store,
    metrics: &Metrics,
    clock: &Clock,
    entropy: &Entropy,
    background: &Background,
) -> Sessions {
    let secret = SessionSecret::new(&config.secret);
    let hashed = metrics.clone();
    let passwords = Passwords::new(Arc::new(move |elapsed| hashed.password_checked(elapsed)));
    Sessions::new(
        store.clone(),
        secret,
        passwords,
        clock.clone(),
        entropy.clone(),
        background.clone(),
    )
}

/// A process that is killed loses what it counted since.
fn save_regularly(calls: CallCounts) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(SAVE_CALLS_EVERY).await;
            save(&calls).await;
        }
    });
}

async fn save(calls: &CallCounts) {
    if let Err(error) = calls.save().await {
        warn!("the calls to DingTalk that were counted could not be written: {error}");
    }
}

fn prune_regularly(audit: Audit, clock: Clock) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(PRUNE_EVERY).await;
            if let Err(error) = audit.prune(clock.now()).await {
                warn!("old audit files were not removed: {}", with_causes(&error));
            }
        }
    });
}
