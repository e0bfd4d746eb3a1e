//! The scenarios of a suite: a line each, with what was measured or what went wrong.

use std::process::ExitCode;
use std::time::Instant;

use tokio::task::JoinError;

/// Runs scenarios and counts those that fail.
pub struct Suite {
    only: Option<String>,
    failed: usize,
    begun: Instant,
}

impl Suite {
    /// Runs those scenarios whose name holds the words of the command line; all without any.
    pub fn from_command_line() -> Self {
        Self {
            // Cargo adds `--bench`.
            only: std::env::args().skip(1).find(|word| !word.starts_with('-')),
            failed: 0,
            begun: Instant::now(),
        }
    }

    /// Whether the command line asks for this one.
    pub fn wants(&self, name: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|words| name.contains(words.as_str()))
    }

    /// Runs a scenario to its end; it panics when what it asks for does not hold.
    pub async fn run(&mut self, name: &str, scenario: impl Future<Output = String> + Send + 'static) {
        if !self.wants(name) {
            return;
        }
        let begun = Instant::now();
        let outcome = tokio::spawn(scenario).await;
        let seconds = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(measured) => println!("ok    {name}: {measured} ({seconds:.1} s)"),
            Err(failure) => {
                self.failed += 1;
                println!("FAIL  {name} ({seconds:.1} s): {}", reason(failure));
            }
        }
    }

    /// The end of the suite.
    pub fn finish(self) -> ExitCode {
        println!(
            "{} failed, {:.0} s",
            self.failed,
            self.begun.elapsed().as_secs_f64()
        );
        if self.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn reason(failure: JoinError) -> String {
    let Ok(payload) = failure.try_into_panic() else {
        return "it was cancelled".to_owned();
    };
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or_default()
        .to_owned()
}
