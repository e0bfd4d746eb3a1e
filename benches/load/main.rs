//! The load generator: whole sign-ins over HTTP, one scenario for each row of the table in `docs/performance.md`.

mod connection;
mod contest;
mod database;
mod drive;
mod journey;
mod process;
mod report;
mod scenarios;
mod servers;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
// For its allocator: what the sidecar is compared with is to have the same.
use nocobase_dingtalk as _;
use url::Url;

use report::{Machine, Verdict, markdown};
use scenarios::SCENARIOS;
use stage::Stage;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures the sidecar, and writes a table of what was wanted and what was seen.
#[derive(Parser)]
#[command(max_term_width = 100, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    program: Option<Program>,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args)]
struct Options {
    /// What to measure: all of it without a name
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(SCENARIOS.iter().map(|scenario| scenario.name)))]
    scenarios: Vec<String>,
    /// A PostgreSQL server whose user may create databases
    #[arg(long, env = "TEST_POSTGRES_URL", value_name = "URL")]
    postgres: Url,
    /// A MariaDB server likewise, for the growth on MariaDB
    #[arg(long, env = "TEST_MARIADB_URL", value_name = "URL")]
    mariadb: Option<Url>,
    /// A running NocoBase with both plugins, as benches/peer.mjs describes it: rows that compare with it need one
    #[arg(long, value_name = "FILE")]
    peer: Option<PathBuf>,
    /// The binary to measure, where it is not the one built with this
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_nocobase-dingtalk"))]
    binary: PathBuf,
    /// Seconds of a round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each contender
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// People at once
    #[arg(long, default_value_t = 16)]
    connections: u64,
    /// Users in the big database of the growth
    #[arg(long, default_value_t = 1_000_000)]
    many: u64,
    /// Also write the table to this file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// The programs around the measured one; the generator starts itself as these.
#[derive(Subcommand)]
enum Program {
    /// DingTalk, without a memory
    Double {
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Milliseconds that each call takes
        #[arg(long, default_value_t = 0)]
        latency: u64,
    },
    /// A handler that returns a fixed 302
    Bare,
    /// A returning sign-in's calls and statements, with nothing around them
    Floor { database: String, dingtalk: String },
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let outcome = match command_line.program {
        Some(program) => run_program(program),
        None => measure(&command_line.options),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run_program(program: Program) -> Outcome<ExitCode> {
    actix_web::rt::System::new().block_on(async {
        match program {
            Program::Double { port, latency } => {
                servers::double(port, Duration::from_millis(latency)).await?;
            }
            Program::Bare => servers::bare().await?,
            Program::Floor { database, dingtalk } => servers::floor(&database, &dingtalk).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Exit code 1 when a target was not met.
fn measure(options: &Options) -> Outcome<ExitCode> {
    // One thread: what the generator takes, the measured program lacks.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let machine = Machine::now();
        let stage = Stage::set(options)?;
        let mut rows = Vec::new();
        for scenario in SCENARIOS {
            let is_wanted =
                options.scenarios.is_empty() || options.scenarios.iter().any(|name| name == scenario.name);
            if is_wanted {
                println!("\n{}", scenario.name);
                rows.extend(
                    (scenario.run)(&stage)
                        .await
                        .map_err(|failure| format!("{}: {failure}", scenario.name))?,
                );
            }
        }
        let table = markdown(&rows, &machine, &stage.servers().await?);
        println!("\n{table}");
        if let Some(file) = &options.output {
            std::fs::write(file, table)?;
        }
        let is_met = rows.iter().all(|row| row.verdict != Verdict::NotMet);
        Ok(if is_met {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}
