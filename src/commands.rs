//! What the command line asks for.

use log::info;
use nocobase_dingtalk::app::demo::{self, DEMO_PASSWORD, RunningDemo};
use nocobase_dingtalk::app::{self, App};
use nocobase_dingtalk::clock::Clock;
use nocobase_dingtalk::config::{Config, Mode};
use nocobase_dingtalk::doctor::{Report, Status, Told, ToldFinding};
use nocobase_dingtalk::entropy::Entropy;
use nocobase_dingtalk::http::Stop;
use nocobase_dingtalk::plugin::{Language, Locales};
use secrecy::ExposeSecret as _;

use crate::DoctorArguments;
use crate::failure::Failure;
use crate::output::{announce, say};
use crate::signals::Signals;

/// Examines, or lets someone in who is locked out; fails when something is wrong.
pub async fn examine(config: Config, arguments: &DoctorArguments, language: Language) -> Result<(), Failure> {
    let clock = Clock::system();
    if arguments.enable_password {
        let count = app::enable_password(&config, &clock).await?;
        let done = match count {
            0 => "Sign-in with a password is enabled already.",
            _ => "Sign-in with a password is enabled again. Restart NocoBase, which remembers the old state.",
        };
        return say(done).map_err(Failure::Output);
    }
    let examined = what_is_examined(&config, language);
    let report = Report::of(app::examine(config, &clock, arguments.authenticator.as_deref()).await?);
    let told = report.tell(language);
    let lines = if arguments.json {
        vec![serde_json::json!(told).to_string()]
    } else {
        in_words(&told, examined, arguments.verbose, language)
    };
    let said = lines.iter().try_for_each(|line| say(line));
    if report.worst() == Status::Error {
        return Err(Failure::Findings);
    }
    said.map_err(Failure::Output)
}

/// Nobody notices from the findings that they are those of another way of running.
fn what_is_examined(config: &Config, language: Language) -> String {
    let locales = Locales::embedded();
    match config.mode {
        Mode::BesideNocoBase => locales.text(language, "Examined: the sidecar beside NocoBase.").to_owned(),
        Mode::Alone => locales.format(
            language,
            "Examined: the sidecar that runs alone, in the folder {{folder}}. For one beside NocoBase, give --env-file.",
            &[("folder", &config.storage.display().to_string())],
        ),
    }
}

/// The report as people read it. What is in order takes one line, unless they want to see all.
fn in_words(told: &Told, examined: String, verbose: bool, language: Language) -> Vec<String> {
    let locales = Locales::embedded();
    let mut lines = vec![told.verdict.clone(), examined];
    let is_shown = |finding: &&ToldFinding| verbose || finding.status != Status::Ok;
    for finding in told.findings.iter().filter(is_shown) {
        let word = match finding.status {
            Status::Error => "Problem",
            Status::Warning => "Warning",
            Status::Unknown => "Not known",
            Status::Ok => "In order",
        };
        lines.push(String::new());
        lines.push(format!("{}: {}", locales.text(language, word), finding.message));
        lines.extend(finding.action.as_ref().map(|action| format!("  {action}")));
    }
    let folded = told.findings.iter().filter(|finding| !is_shown(finding)).count();
    if folded > 0 {
        let count = folded.to_string();
        let folded = locales.format(language, "In order: {{count}}", &[("count", &count)]);
        lines.push(String::new());
        lines.push(format!("{folded} (--verbose)"));
    }
    lines
}

/// Shows what was made for the first administrator.
pub fn show_first_password(config: &Config) -> Result<(), Failure> {
    let password = app::first_password(config)?.ok_or(Failure::NoFirstPassword)?;
    say(password.expose_secret()).map_err(Failure::Output)
}

/// Runs the sidecar until it is stopped.
pub async fn serve(config: Config) -> Result<(), Failure> {
    let signals = Signals::watch().map_err(Failure::Runtime)?;
    let (mode, format) = (config.mode, config.log_format);
    let public_path = config.public_path.clone();
    let administrator = config.first_administrator.username.clone();
    let app = App::build(config, Clock::system(), Entropy::secure(), None).await?;
    let address = app.address();
    let mut lines = Vec::new();
    match mode {
        Mode::Alone => {
            lines.push(format!("Sign-in page  http://{address}{public_path}signin"));
            lines.push(format!(
                "Plugins       http://{address}{public_path}admin/settings/plugin-manager"
            ));
            lines.push(format!(
                "Settings      http://{address}{public_path}admin/settings/auth/authenticators"
            ));
            lines.extend(app.first_password().map(|password| {
                format!(
                    "Administrator {administrator}, password {} (`nocobase-dingtalk first-password` shows it until it is used)",
                    password.expose_secret()
                )
            }));
        }
        Mode::BesideNocoBase => {
            lines.push(format!("Sidecar       http://{address}"));
            lines.push(format!(
                "Package       http://{address}/plugin.tgz (add it on NocoBase's plugin manager page)"
            ));
        }
    }
    announce(format, &lines);
    info!("listening on {address}");
    until_stopped(app, signals).await
}

/// Runs the sidecar and the simulated DingTalk until they are stopped.
pub async fn run_demo(config: Config, simulator_listen: std::net::SocketAddr) -> Result<(), Failure> {
    let signals = Signals::watch().map_err(Failure::Runtime)?;
    let (public_path, format) = (config.public_path.clone(), config.log_format);
    let RunningDemo { app, simulator } =
        demo::build(config, simulator_listen, Clock::system(), Entropy::secure()).await?;
    let address = app.address();
    let lines = [
        format!("Sign-in page        http://{address}{public_path}signin"),
        format!("Simulated DingTalk  {}", simulator.url()),
        format!("Administrator       nocobase / {DEMO_PASSWORD}"),
        String::new(),
        "Try it: open the sign-in page, click the DingTalk button, choose a person, approve.".to_owned(),
        "  Li Lei      is matched to an existing user by phone number".to_owned(),
        "  Han Meimei  is new and signed up automatically, and so is Alex Kim, with a foreign number"
            .to_owned(),
        "  Wang Fang   is refused: she shares no phone number".to_owned(),
        "  Chen Chen   is refused: two users have the number".to_owned(),
        "  Zhao Yun    is refused on DingTalk's own page: not a member of the organization".to_owned(),
        "Then sign in as administrator and look at the authentication settings. Stop with Ctrl-C.".to_owned(),
    ];
    announce(format, &lines);
    let outcome = until_stopped(app, signals).await;
    simulator.stop().await;
    outcome
}

/// Answers until it is told to stop; told again, it does not wait for requests in flight.
async fn until_stopped(app: App, signals: Signals) -> Result<(), Failure> {
    let store = app.store().clone();
    tokio::spawn(stop_on(signals, app.stopper()));
    app.run().await.map_err(Failure::Run)?;
    store.close().await;
    info!("stopped");
    Ok(())
}

async fn stop_on(mut signals: Signals, stop: Stop) {
    signals.next().await;
    info!("stopping; requests in flight are finished first");
    let gently = stop.clone();
    tokio::spawn(async move { gently.gracefully().await });
    loop {
        signals.next().await;
        stop.now().await;
    }
}
