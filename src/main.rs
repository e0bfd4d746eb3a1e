//! The command line.

mod commands;
mod log_lines;
mod managed;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use nocobase_dingtalk::app::StartError;
use nocobase_dingtalk::config::{Config, ConfigError, Handover, LogFormat, Setting, Sources, slashed};
use nocobase_dingtalk::plugin::{self, Contents, Platform, Program};

use commands::{examine, run_demo, say, serve};
use log_lines::start_log;

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
    the env file. docs/reference.md lists all settings.\n\nExit codes: 0 stopped as asked, 1 failed while running, 2 could not start."
)]
struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// NocoBase's .env; with DB_DIALECT in it the sidecar runs beside that NocoBase
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Take the configuration from standard input and end with it: how the plugin inside NocoBase runs the sidecar
    #[arg(long, conflicts_with_all = ["env_file", "listen"])]
    managed: bool,
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
    /// Write the file that an administrator uploads on NocoBase's plugin manager page; it brings this program along
    Pack {
        /// Program for another platform, or another one for this platform; may be given several times
        #[arg(long, value_name = "PLATFORM=FILE", value_parser = platform_and_file)]
        program: Vec<(Platform, PathBuf)>,
        /// Pack no program: the sidecar runs elsewhere, and NocoBase reaches it at this address
        #[arg(long, value_name = "URL", conflicts_with = "program")]
        remote: Option<String>,
        /// Path of NocoBase's pages, its `APP_PUBLIC_PATH`
        #[arg(long, value_name = "PATH", default_value = "/")]
        public_path: String,
        /// The file to write [default: nocobase-plugin-auth-dingtalk-<version>.tgz]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
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
    #[error("the package could not be made")]
    Program(#[from] plugin::ProgramError),
    #[error(
        "this program cannot be packed for NocoBase, since it runs on another system; name one with --program"
    )]
    NoProgram,
    #[error("the file of this program cannot be found")]
    OwnFile(#[source] std::io::Error),
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
            let sources = Sources::gather(flags, environment(), arguments.env_file.as_deref())?;
            if arguments.managed {
                // Before anything can go wrong: the plugin reads every line.
                start_log(LogFormat::Json);
                let handover = Handover::read(&mut std::io::stdin().lock()).map_err(ConfigError::from)?;
                return managed::serve(Config::managed(&sources, handover)?);
            }
            let config = Config::load(&sources)?;
            start_log(config.log_format);
            block_on(serve(config))
        }
        Command::Demo(arguments) => {
            let mut flags = flags(&arguments.settings);
            if arguments.settings.storage.is_none() {
                flags.push(("SIDECAR_STORAGE", DEMO_STORAGE.to_owned()));
            }
            let mut sources = Sources::gather(flags, environment(), None)?;
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
            let sources = Sources::gather(flags, environment(), arguments.env_file.as_deref())?;
            let language = sources
                .text("LC_ALL")
                .or_else(|| sources.text("LANG"))
                .map(language_tag);
            let language = plugin::negotiate(language.as_deref(), None, None);
            let config = Config::load(&sources)?;
            start_log(LogFormat::Text);
            block_on(examine(config, &arguments, language))
        }
        Command::Plugin(PluginCommand::Pack {
            program,
            remote,
            public_path,
            output,
        }) => pack(&program, remote.as_deref(), &slashed(&public_path), output),
    }
}

fn pack(
    given: &[(Platform, PathBuf)],
    remote: Option<&str>,
    public_path: &str,
    output: Option<PathBuf>,
) -> Result<(), Failure> {
    let contents = match remote {
        Some(url) => Contents::Remote(url),
        None => Contents::Managed(programs(given)?),
    };
    let inside: Vec<&str> = match &contents {
        Contents::Managed(programs) => programs.iter().map(|program| program.platform().name()).collect(),
        Contents::Remote(_) => Vec::new(),
    };
    let inside = if inside.is_empty() {
        "without a program".to_owned()
    } else {
        format!("with the program for {}", inside.join(", "))
    };
    let path = output.unwrap_or_else(|| {
        let manifest = plugin::Manifest::embedded();
        format!("{}-{}.tgz", manifest.name(), manifest.version()).into()
    });
    let bytes = plugin::package(contents, public_path)?;
    let megabytes = bytes.len().div_ceil(100_000);
    std::fs::write(&path, bytes).map_err(|source| Failure::Write {
        path: path.clone(),
        source,
    })?;
    say(&format!(
        "Wrote {} {inside} ({}.{} MB)",
        path.display(),
        megabytes / 10,
        megabytes % 10
    ));
    Ok(())
}

/// This program, and those given beside it or in its place.
fn programs(given: &[(Platform, PathBuf)]) -> Result<Vec<Program>, Failure> {
    let mut files = std::collections::BTreeMap::new();
    if let Some(platform) = Platform::current() {
        files.insert(platform, std::env::current_exe().map_err(Failure::OwnFile)?);
    }
    files.extend(given.iter().cloned());
    if files.is_empty() {
        return Err(Failure::NoProgram);
    }
    files
        .iter()
        .map(|(platform, path)| Ok(Program::read(*platform, path)?))
        .collect()
}

fn platform_and_file(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, file) = text
        .split_once('=')
        .ok_or("it is a platform and a file, such as linux-arm64=target/nocobase-dingtalk")?;
    let platform = platform
        .parse()
        .map_err(|error: plugin::ProgramError| error.to_string())?;
    Ok((platform, file.into()))
}

/// The process environment. What cannot be decoded is replaced, as Node does it: to pass over it would let the value
/// of the env file count, which NocoBase does not see.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
}

/// `de_DE.UTF-8` as `de-DE`.
fn language_tag(locale: &str) -> String {
    locale
        .split(['.', '@'])
        .next()
        .unwrap_or_default()
        .replace('_', "-")
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
