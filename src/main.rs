//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use log::{error, info};
use nocobase_dingtalk::app::demo::{self, DEMO_PASSWORD, RunningDemo};
use nocobase_dingtalk::app::{self, App, StartError};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, ConfigError, LogFormat, Mode, Setting, Sources};
use nocobase_dingtalk::doctor::{self, Finding, Status};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::Stop;
use nocobase_dingtalk::plugin::{self, Language, Locales};
use secrecy::ExposeSecret as _;

/// Exit code of a start that the settings or the surroundings prevent.
const CANNOT_START: u8 = 2;
const DEMO_STORAGE: &str = "nocobase-dingtalk-data/demo";

/// Sign in to NocoBase with DingTalk.
#[derive(Parser)]
#[command(name = "nocobase-dingtalk", version, about, long_about = None, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the sidecar: alone on an embedded database, or beside NocoBase on NocoBase's
    Serve(Serve),
    /// Run the sidecar with a simulated DingTalk, ready to try
    Demo(DemoArguments),
    /// Examine everything a sign-in needs, and say in plain words what is wrong
    Doctor(DoctorArguments),
    /// Work with the plugin package that runs inside NocoBase
    #[command(subcommand)]
    Plugin(PluginCommand),
}

#[derive(Args)]
struct Settings {
    /// Address to listen on [variable: SIDECAR_LISTEN] [default: 127.0.0.1:13100]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Folder of the sidecar's own files [variable: SIDECAR_STORAGE] [default: nocobase-dingtalk-data]
    #[arg(long, value_name = "FOLDER")]
    storage: Option<String>,
    /// Log lines as text or json [variable: LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "Every setting is also read from the environment; flags win over the environment, and that over \
    the env file. README.md lists all settings.\n\nExit codes: 0 stopped as asked, 1 failed while running, 2 could not start."
)]
struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// NocoBase's .env; with DB_DIALECT in it the sidecar runs beside that NocoBase
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Origin under which people see the site [variable: SIDECAR_PUBLIC_URL]
    #[arg(long, value_name = "ORIGIN")]
    public_url: Option<String>,
}

#[derive(Args)]
struct DemoArguments {
    #[command(flatten)]
    settings: Settings,
    /// Address of the simulated DingTalk
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:13101")]
    simulator_listen: std::net::SocketAddr,
}

#[derive(Args)]
#[command(after_help = "Exit codes: 0 nothing is wrong, 1 something is, 2 the examination could not begin.")]
struct DoctorArguments {
    /// Folder of the sidecar's own files [variable: SIDECAR_STORAGE] [default: nocobase-dingtalk-data]
    #[arg(long, value_name = "FOLDER")]
    storage: Option<String>,
    /// NocoBase's .env, as the sidecar is started with it
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Origin under which people see the site [variable: SIDECAR_PUBLIC_URL]
    #[arg(long, value_name = "ORIGIN")]
    public_url: Option<String>,
    /// Examine this authenticator only
    #[arg(long, value_name = "NAME")]
    authenticator: Option<String>,
    /// Write the findings as JSON
    #[arg(long)]
    json: bool,
    /// Instead of an examination, enable sign-in with a password again, for someone who is locked out
    #[arg(long)]
    enable_password: bool,
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Write the package that the sidecar serves at /plugin.tgz to a file
    Pack {
        /// Address under which NocoBase reaches the sidecar
        #[arg(long, value_name = "URL")]
        sidecar_url: String,
        /// The file to write
        #[arg(long, value_name = "FILE", default_value = "plugin.tgz")]
        output: PathBuf,
    },
}

/// Why the command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the package could not be made")]
    Package(#[from] plugin::PackageError),
    #[error("{} could not be written", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("something is wrong; see the findings")]
    Findings,
    #[error("the server failed")]
    Run(#[source] std::io::Error),
    #[error("the runtime could not be started")]
    Runtime(#[source] std::io::Error),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    match run(command_line.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("nocobase-dingtalk: {}", with_causes(&failure));
            ExitCode::from(if matches!(failure, Failure::Run(_) | Failure::Findings) {
                1
            } else {
                CANNOT_START
            })
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => {
            let mut flags = flags(&arguments.settings);
            flags.extend(arguments.public_url.map(|value| ("SIDECAR_PUBLIC_URL", value)));
            let sources = Sources::gather(flags, std::env::vars(), arguments.env_file.as_deref())?;
            let config = Config::load(&sources)?;
            start_log(config.log_format);
            block_on(serve(config))
        }
        Command::Demo(arguments) => {
            let mut flags = flags(&arguments.settings);
            if arguments.settings.storage.is_none() {
                flags.push(("SIDECAR_STORAGE", DEMO_STORAGE.to_owned()));
            }
            let mut sources = Sources::gather(flags, std::env::vars(), None)?;
            // The demo is never NocoBase's neighbour, whatever the shell it is started from has set.
            sources.unset("DB_DIALECT");
            let config = Config::load(&sources)?;
            start_log(config.log_format);
            block_on(run_demo(config, arguments.simulator_listen))
        }
        Command::Doctor(arguments) => {
            let mut flags: Vec<Setting> = Vec::new();
            flags.extend(arguments.storage.clone().map(|value| ("SIDECAR_STORAGE", value)));
            flags.extend(
                arguments
                    .public_url
                    .clone()
                    .map(|value| ("SIDECAR_PUBLIC_URL", value)),
            );
            let sources = Sources::gather(flags, std::env::vars(), arguments.env_file.as_deref())?;
            let language = sources
                .text("LC_ALL")
                .or_else(|| sources.text("LANG"))
                .map(language_tag);
            let language = plugin::negotiate(language.as_deref(), None, None);
            let config = Config::load(&sources)?;
            start_log(LogFormat::Text);
            block_on(examine(config, &arguments, language))
        }
        Command::Plugin(PluginCommand::Pack { sidecar_url, output }) => {
            let bytes = plugin::package(&sidecar_url)?;
            std::fs::write(&output, bytes).map_err(|source| Failure::Write {
                path: output.clone(),
                source,
            })?;
            say(&format!("Wrote {}", output.display()));
            Ok(())
        }
    }
}

/// Writes a line for the person who started us. A reader who went away has seen enough.
fn say(line: &str) {
    use std::io::Write as _;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// `de_DE.UTF-8` as `de-DE`.
fn language_tag(locale: &str) -> String {
    locale
        .split(['.', '@'])
        .next()
        .unwrap_or_default()
        .replace('_', "-")
}

async fn examine(config: Config, arguments: &DoctorArguments, language: Language) -> Result<(), Failure> {
    let clock = Clock::system();
    if arguments.enable_password {
        let count = app::enable_password(&config, &clock).await?;
        match count {
            0 => say("Sign-in with a password is enabled already."),
            _ => say(
                "Sign-in with a password is enabled again. Restart NocoBase, which remembers the old state.",
            ),
        }
        return Ok(());
    }
    let findings = app::examine(config, &clock, arguments.authenticator.as_deref()).await?;
    let locales = Locales::embedded();
    let text = |finding: &Finding, key: &str| {
        let parameters: Vec<(&str, &str)> = finding
            .params
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        locales.format(language, key, &parameters)
    };
    if arguments.json {
        let rows: Vec<serde_json::Value> = findings
            .iter()
            .map(|finding| {
                serde_json::json!({
                    "check": finding.check,
                    "status": finding.status.label(),
                    "message": text(finding, finding.message_key),
                    "action": finding.action_key.map(|key| text(finding, key)),
                })
            })
            .collect();
        say(&serde_json::json!({ "findings": rows }).to_string());
    } else {
        for finding in &findings {
            say(&format!(
                "{:8} {}",
                finding.status.label(),
                text(finding, finding.message_key)
            ));
            if let Some(action) = finding.action_key {
                say(&format!("{:8} {}", "", text(finding, action)));
            }
        }
    }
    if doctor::worst(&findings) == Status::Error {
        Err(Failure::Findings)
    } else {
        Ok(())
    }
}

fn flags(settings: &Settings) -> Vec<Setting> {
    [
        ("SIDECAR_LISTEN", &settings.listen),
        ("SIDECAR_STORAGE", &settings.storage),
        ("LOG_FORMAT", &settings.log_format),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.clone().map(|value| (name, value)))
    .collect()
}

fn block_on<F: Future<Output = Result<(), Failure>>>(future: F) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(future)
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mode = config.mode;
    let public_path = config.public_path.clone();
    let administrator = config.first_administrator.username.clone();
    let app = App::build(config, Clock::system(), Entropy::system(), None).await?;
    let address = app.address();
    match mode {
        Mode::Alone => {
            say(&format!("Sign-in page  http://{address}{public_path}signin"));
            say(&format!(
                "Plugins       http://{address}{public_path}admin/settings/plugin-manager"
            ));
            say(&format!(
                "Settings      http://{address}{public_path}admin/settings/auth/authenticators"
            ));
            if let Some(password) = app.first_password() {
                say(&format!(
                    "Administrator {administrator}, password {} (shown only now)",
                    password.expose_secret()
                ));
            }
        }
        Mode::BesideNocoBase => {
            say(&format!("Sidecar       http://{address}"));
            say(&format!(
                "Package       http://{address}/plugin.tgz (add it on NocoBase's plugin manager page)"
            ));
        }
    }
    info!("listening on {address}");
    until_stopped(app).await
}

async fn run_demo(config: Config, simulator_listen: std::net::SocketAddr) -> Result<(), Failure> {
    let public_path = config.public_path.clone();
    let RunningDemo { app, simulator } =
        demo::build(config, simulator_listen, Clock::system(), Entropy::system()).await?;
    let address = app.address();
    say(&format!(
        "Sign-in page        http://{address}{public_path}signin"
    ));
    say(&format!("Simulated DingTalk  {}", simulator.url()));
    say(&format!("Administrator       nocobase / {DEMO_PASSWORD}"));
    say("");
    say("Try it: open the sign-in page, click the DingTalk button, choose a person, approve.");
    say("  Li Lei      is matched to an existing user by phone number");
    say("  Han Meimei  is new and signed up automatically");
    say("  Wang Fang   shares no phone number, Alex Kim has a foreign one,");
    say("  Zhao Yun    is outside the organization, Chen Chen's number is on two users");
    say("Then sign in as administrator and look at the authentication settings. Stop with Ctrl-C.");
    let outcome = until_stopped(app).await;
    simulator.stop().await;
    outcome
}

/// Answers until Ctrl-C or SIGTERM; a second one does not wait for requests in flight.
async fn until_stopped(app: App) -> Result<(), Failure> {
    let stop = app.stopper();
    tokio::spawn(stop_on_signal(stop));
    app.run().await.map_err(Failure::Run)?;
    info!("stopped");
    Ok(())
}

async fn stop_on_signal(stop: Stop) {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(failure) => {
            error!("SIGTERM cannot be watched: {failure}");
            return;
        }
    };
    let mut is_first = true;
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        if is_first {
            info!("stopping; requests in flight are finished first");
            let stop = stop.clone();
            tokio::spawn(async move { stop.gracefully().await });
        } else {
            stop.now().await;
        }
        is_first = false;
    }
}

fn with_causes(failure: &dyn std::error::Error) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Info and above, unless RUST_LOG says otherwise; the database driver's own lines only from warnings on.
fn start_log(format: LogFormat) {
    use std::io::Write as _;
    let mut builder = env_logger::Builder::new();
    builder
        .filter_level(log::LevelFilter::Info)
        .filter_module("sqlx", log::LevelFilter::Warn)
        .filter_module("actix_server", log::LevelFilter::Warn)
        .parse_default_env();
    if format == LogFormat::Json {
        builder.format(|out, record| {
            let line = serde_json::json!({
                "time": out.timestamp_millis().to_string(),
                "level": record.level().as_str(),
                "target": record.target(),
                "message": record.args().to_string(),
            });
            writeln!(out, "{line}")
        });
    }
    builder.init();
}
