//! The simulator's own page: people, apps, faults, and what was last asked.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::app::{App, AppStatus, RedirectMatch, permission};
use super::call::{CallKind, Event};
use super::fault::{Effect, Fault, Timing};
use super::html::{each, escape, options, page};
use super::login_pages::{full_name, phone};
use super::person::Person;
use super::world::{LoginAnswer, Shared, World};

/// `GET /`
pub async fn show(shared: web::Data<Shared>) -> HttpResponse {
    let world = shared.lock();
    let body = format!(
        r##"<header class="banner"><a href="/" aria-current="page">DingTalk simulator</a><span>Not the real DingTalk. No password, no real people.</span></header>
<main>
<h1>DingTalk simulator</h1>
<p>Stands in for <code>login.dingtalk.com</code>, <code>api.dingtalk.com</code> and <code>oapi.dingtalk.com</code>. An app sends browsers to <code>/oauth2/auth</code>, where one of these people is chosen.</p>
<nav aria-label="On this page"><a href="#people">People</a><a href="#apps">Apps</a><a href="#faults">Faults</a><a href="#behaviour">Behaviour</a><a href="#calls">Last calls</a></nav>
{unexpected}{people}{apps}{faults}{behaviour}{calls}
<section><h2>Start over</h2><p>Puts people, apps, faults and counts back to what they were at the start. Every code and token ends.</p>
<form method="post" action="/__simulator/reset"><button>Reset the simulator</button></form></section>
</main>"##,
        unexpected = unexpected(&world),
        people = people(&world),
        apps = apps(&world),
        faults = faults(&world),
        behaviour = behaviour(&world),
        calls = calls(&world),
    );
    page(StatusCode::OK, "Overview", &body, None)
}

fn unexpected(world: &World) -> String {
    if world.calls.unexpected().is_empty() {
        return String::new();
    }
    format!(
        r#"<section class="alarm"><h2>Unexpected requests</h2><p>A correct client never sends these.</p><ul>{}</ul></section>"#,
        each(world.calls.unexpected(), |what| format!(
            "<li>{}</li>",
            escape(what)
        ))
    )
}

fn people(world: &World) -> String {
    let row = |person: &Person| {
        let organizations = each(&person.memberships, |membership| {
            format!(
                "<code>{}</code><br><code>{}</code>",
                escape(&membership.user_id),
                escape(&membership.corp_id)
            )
        });
        format!(
            r#"<tr><th scope="row">{}</th><td class="phone-number" data-label="Phone">{}</td><td data-label="Union ID"><code>{}</code></td><td data-label="User ID, organization">{organizations}</td><td data-label="Shows">{}</td></tr>"#,
            full_name(person),
            escape(&phone(person)),
            escape(&person.union_id),
            escape(&person.shows),
        )
    };
    format!(
        r#"<section id="people"><h2>People</h2><table><thead><tr><th scope="col">Name</th><th scope="col">Phone</th><th scope="col">Union ID</th><th scope="col">User ID, organization</th><th scope="col">What signing in shows</th></tr></thead><tbody>{}</tbody></table></section>"#,
        each(&world.people, row)
    )
}

fn apps(world: &World) -> String {
    format!(
        r#"<section id="apps"><h2>Apps</h2>{}</section>"#,
        each(&world.apps, app)
    )
}

fn app(app: &App) -> String {
    let client_id = escape(&app.client_id);
    let check = |name: &str| {
        let checked = if app.may(name) { " checked" } else { "" };
        format!(
            r#"<label class="choice"><input type="checkbox" name="permission" value="{name}"{checked}> <code>{name}</code></label>"#
        )
    };
    let status = match app.status {
        AppStatus::Published => "published",
        AppStatus::Unpublished => "no published version",
        AppStatus::Disabled => "stopped",
        AppStatus::OrganizationDisabled => "organization stopped",
    };
    let compared = match app.redirect_match {
        RedirectMatch::Exact => "must be equal",
        RedirectMatch::Origin => "scheme, host and port must be equal",
    };
    format!(
        r#"<article aria-label="{client_id}"><dl><dt>Client ID</dt><dd><code>{client_id}</code></dd><dt>Client Secret</dt><dd><code>{secret}</code></dd><dt>Organization</dt><dd><code>{corp_id}</code></dd><dt>Status</dt><dd>{status}</dd></dl>
<form method="post" action="/__simulator/app">
<input type="hidden" name="client_id" value="{client_id}">
<label>Redirect URLs, one a line ({compared})<textarea name="redirect_uris" rows="2" spellcheck="false">{redirect_uris}</textarea></label>
<fieldset class="choices"><legend>Permissions (权限)</legend>{permissions}</fieldset>
<button>Save app</button></form></article>"#,
        secret = escape(&app.client_secret),
        corp_id = escape(&app.corp_id),
        redirect_uris = escape(&app.redirect_uris.join("\n")),
        permissions = each(permission::ALL, check),
    )
}

fn faults(world: &World) -> String {
    let row = |fault: &Fault| {
        let call = fault.call.map_or("every call", CallKind::label);
        let whose = fault
            .person
            .as_deref()
            .map_or_else(String::new, |key| format!(" of {}", escape(key)));
        let times = fault
            .times
            .map_or_else(|| "until cleared".to_owned(), |times| format!("{times} more"));
        let timing = match fault.timing {
            Timing::After => "after processing",
            Timing::Before if fault.effect.distorts() => "after processing",
            Timing::Before => "before processing",
        };
        format!(
            "<li><code>{call}</code>{whose}: {}, {timing}, {times}</li>",
            fault.effect.label()
        )
    };
    let in_force = if world.faults.in_force().is_empty() {
        "<p>None in force.</p>".to_owned()
    } else {
        format!(
            r#"<ul>{}</ul><form method="post" action="/__simulator/faults/clear"><button>Clear all faults</button></form>"#,
            each(world.faults.in_force(), row)
        )
    };
    let labels = CallKind::ALL.map(CallKind::label);
    let call_choices = std::iter::once(("", "every call")).chain(labels.map(|label| (label, label)));
    let people = world
        .people
        .iter()
        .map(|person| (person.key.as_str(), person.name.as_str()));
    let person_choices = std::iter::once(("", "everybody")).chain(people);
    let effects = Effect::ALL;
    format!(
        r#"<section id="faults"><h2>Faults</h2>{in_force}
<form method="post" action="/__simulator/faults" class="row">
<label>Call<select name="call">{calls}</select></label>
<label>Of<select name="person">{people}</select></label>
<label>What goes wrong<select name="effect">{effects}</select></label>
<label>When<select name="timing">{timing}</select></label>
<label>How many calls (empty: until cleared)<input name="times" type="number" min="1" max="1000000" value="1"></label>
<button>Add fault</button></form></section>"#,
        calls = options(call_choices, ""),
        people = options(person_choices, ""),
        effects = options(
            effects.iter().map(|effect| (effect.label(), effect.label())),
            "reset"
        ),
        timing = options(
            [("before", "before processing"), ("after", "after processing")],
            "before"
        ),
    )
}

fn behaviour(world: &World) -> String {
    let chosen = LoginAnswer::ALL
        .iter()
        .find(|(answer, _)| *answer == world.login_answer);
    format!(
        r#"<section id="behaviour"><h2>Behaviour</h2>
<form method="post" action="/__simulator/behaviour" class="row">
<label>Sign-in page returns<select name="login_answer">{answers}</select></label>
<label>Every call takes (ms)<input name="latency_ms" type="number" min="0" max="60000" value="{latency}"></label>
<label>Calls per second, app and API (empty: no limit)<input name="enforce_qps" type="number" min="1" max="100000" value="{qps}"></label>
<button>Save behaviour</button></form></section>"#,
        answers = options(
            LoginAnswer::ALL.into_iter().map(|(_, label)| (label, label)),
            chosen.map_or("", |(_, label)| label)
        ),
        latency = world.latency.as_millis(),
        qps = world
            .throttle
            .per_second()
            .map(|calls| calls.to_string())
            .unwrap_or_default(),
    )
}

fn calls(world: &World) -> String {
    let now = world.time.now();
    let row = |event: &Event| {
        format!(
            r#"<tr><td data-label="When">{}</td><td data-label="What"><code>{}</code></td><td data-label="Outcome">{}</td></tr>"#,
            ago(now.saturating_sub(event.at)),
            escape(&event.what),
            escape(&event.outcome),
        )
    };
    let rows = each(world.calls.events(), row);
    let list = if rows.is_empty() {
        "<p>Nothing was asked yet.</p>".to_owned()
    } else {
        format!(
            r#"<table><thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Outcome</th></tr></thead><tbody>{rows}</tbody></table>"#
        )
    };
    format!(r#"<section id="calls"><h2>Last calls</h2>{list}</section>"#)
}

fn ago(passed: Duration) -> String {
    match passed.as_secs() {
        0 => "just now".to_owned(),
        seconds @ 1..120 => format!("{seconds} s ago"),
        seconds => format!("{} min ago", seconds / 60),
    }
}
