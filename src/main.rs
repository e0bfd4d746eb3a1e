//! The command line.

mod commands;
mod failure;
mod health;
mod log_lines;
mod managed;
mod output;
mod signals;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use nocobase_dingtalk::causes::with_causes;
use nocobase_dingtalk::config::{Config, ConfigError, Handover, LogFormat, Setting, Sources, slashed};
use nocobase_dingtalk::plugin::{self, Contents, Platform, Program};

use commands::{examine, run_demo, serve, show_first_password};
use failure::Failure;
use log_lines::start_log;
use output::{complain, say};

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
    /// Ask the sidecar on this machine how it is, for containers: exit code 0 when it is well
    Health(HealthArguments),
    /// Show the password made for the first administrator, as long as it was not used
    FirstPassword(StorageArguments),
    /// Work with the plugin package that runs inside NocoBase
    #[command(subcommand)]
    Plugin(PluginCommand),
}

#[derive(Args)]
struct HealthArguments {
    /// Address it listens on [variable: SIDECAR_LISTEN] [default: 127.0.0.1:13100]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Ask whether it can sign people in at this moment, not only whether it runs
    #[arg(long)]
    ready: bool,
}

#[derive(Args)]
struct StorageArguments {
    /// Folder of the sidecar's own files [variable: SIDECAR_STORAGE] [default: nocobase-dingtalk-data]
    #[arg(long, value_name = "FOLDER")]
    storage: Option<String>,
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
    /// NocoBase's .env, to run beside that NocoBase; it must say DB_DIALECT
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
    /// Show also what is in order, finding by finding
    #[arg(long)]
    verbose: bool,
    /// Write the verdict and all findings as JSON
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

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let mut format = wanted_format(&command_line.command);
    match run(command_line.command, &mut format) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(format, &with_causes(&failure));
            let has_begun = matches!(
                failure,
                Failure::Run(_) | Failure::Findings | Failure::NotWell(..) | Failure::NoFirstPassword
            );
            ExitCode::from(if has_begun { 1 } else { CANNOT_START })
        }
    }
}

/// How a start that fails before there are settings says so; what is neither of the two is refused later.
fn wanted_format(command: &Command) -> LogFormat {
    let flag = match command {
        Command::Serve(serve) => serve.settings.log_format.clone(),
        Command::Demo(demo) => demo.settings.log_format.clone(),
        Command::Doctor(_) | Command::Health(_) | Command::FirstPassword(_) | Command::Plugin(_) => {
            return LogFormat::Text;
        }
    };
    let variable = || {
        let mut variables = environment();
        variables.find_map(|(name, value)| (name == "LOG_FORMAT").then_some(value))
    };
    match flag.or_else(variable).as_deref() {
        Some("json") => LogFormat::Json,
        Some(_) | None => LogFormat::Text,
    }
}

fn run(command: Command, format: &mut LogFormat) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => {
            let mut flags = flags(&arguments.settings);
            flags.extend(arguments.public_url.map(|value| ("SIDECAR_PUBLIC_URL", value)));
            let sources = Sources::gather(flags, environment(), arguments.env_file.as_deref())?;
            if arguments.managed {
                // Before anything can go wrong: the plugin reads every line.
                *format = LogFormat::Json;
                start_log(LogFormat::Json);
                let handover = Handover::read(&mut std::io::stdin().lock()).map_err(ConfigError::from)?;
                return managed::serve(Config::managed(&sources, handover)?);
            }
            if sources.text("LOG_FORMAT") == Some("json") {
                *format = LogFormat::Json;
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
            // The demo never runs beside NocoBase, whatever the shell it is started from has set.
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
            let config = Config::load_untouched(&sources)?;
            start_log(LogFormat::Text);
            block_on(examine(config, &arguments, language))
        }
        Command::Health(arguments) => {
            let flags = Vec::from_iter(arguments.listen.map(|value| ("SIDECAR_LISTEN", value)));
            let listen = Sources::gather(flags, environment(), None)?.listen()?;
            let path = if arguments.ready { "/readyz" } else { "/healthz" };
            health::ask(listen, path).map_err(|source| Failure::NotWell(listen, source))
        }
        Command::FirstPassword(arguments) => {
            let flags = Vec::from_iter(arguments.storage.map(|value| ("SIDECAR_STORAGE", value)));
            let mut sources = Sources::gather(flags, environment(), None)?;
            // Only an administrator of our own has one.
            sources.unset("DB_DIALECT");
            show_first_password(&Config::load_untouched(&sources)?)
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
    ))
    .map_err(Failure::Output)
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
