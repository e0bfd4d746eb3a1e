//! What the command line asks for.

use log::{error, info};
use nocobase_dingtalk::app::demo::{self, DEMO_PASSWORD, RunningDemo};
use nocobase_dingtalk::app::{self, App};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Mode};
use nocobase_dingtalk::doctor::{self, Finding, Status};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::Stop;
use nocobase_dingtalk::plugin::{Language, Locales};
use secrecy::ExposeSecret as _;

use crate::{DoctorArguments, Failure};

/// Writes a line for the person who started us. A reader who went away has seen enough.
pub fn say(line: &str) {
    use std::io::Write as _;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Examines, or lets someone in who is locked out; fails when something is wrong.
pub async fn examine(config: Config, arguments: &DoctorArguments, language: Language) -> Result<(), Failure> {
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

/// Runs the sidecar until it is stopped.
pub async fn serve(config: Config) -> Result<(), Failure> {
    let mode = config.mode;
    let public_path = config.public_path.clone();
    let administrator = config.first_administrator.username.clone();
    let app = App::build(config, Clock::system(), Entropy::secure(), None).await?;
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

/// Runs the sidecar and the simulated DingTalk until they are stopped.
pub async fn run_demo(config: Config, simulator_listen: std::net::SocketAddr) -> Result<(), Failure> {
    let public_path = config.public_path.clone();
    let RunningDemo { app, simulator } =
        demo::build(config, simulator_listen, Clock::system(), Entropy::secure()).await?;
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
    until_signalled().await;
    info!("stopping; requests in flight are finished first");
    let first = stop.clone();
    tokio::spawn(async move { first.gracefully().await });
    until_signalled().await;
    stop.now().await;
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn until_signalled() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(failure) => {
            error!("SIGTERM cannot be watched: {failure}");
            std::future::pending::<()>().await;
        }
    }
}
