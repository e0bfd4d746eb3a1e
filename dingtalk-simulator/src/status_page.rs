//! The simulator's own page: people, apps, faults, and what was last asked.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use super::app::{App, AppStatus, RedirectMatch, permission};
use super::call::CallKind;
use super::fault::{Effect, Fault, Timing};
use super::html::{options, page};
use super::login_pages::{banner, full_name, phone};
use super::person::Person;
use super::world::{LoginAnswer, Shared, World};

/// Nobody scrolls through more.
const PEOPLE_SHOWN: usize = 200;

/// `GET /`
pub async fn show(shared: web::Data<Shared>) -> HttpResponse {
    let world = shared.lock();
    let body = html! {
        (banner(true))
        main {
            h1 { "DingTalk simulator" }
            p {
                "Stands in for " code { "login.dingtalk.com" } ", " code { "api.dingtalk.com" } " and "
                code { "oapi.dingtalk.com" } ". An app sends browsers to " code { "/oauth2/auth" }
                ", where one of these people is chosen."
            }
            nav aria-label="On this page" {
                a href="#people" { "People" } a href="#apps" { "Apps" } a href="#faults" { "Faults" }
                a href="#behaviour" { "Behaviour" } a href="#events" { "Events" } a href="#calls" { "Last calls" }
            }
            (unexpected(&world)) (people(&world)) (apps(&world)) (faults(&world)) (behaviour(&world)) (events(&world)) (calls(&world))
            section {
                h2 { "Start over" }
                p { "Puts people, apps, faults and counts back to what they were at the start. Every code and token ends." }
                form method="post" action="/__simulator/reset" { button { "Reset the simulator" } }
            }
        }
    };
    page(StatusCode::OK, "Overview", &body, None)
}

fn unexpected(world: &World) -> Markup {
    html! {
        @if !world.calls.unexpected().is_empty() {
            section.alarm {
                h2 { "Unexpected requests" }
                p { "A correct client never sends these." }
                ul { @for what in world.calls.unexpected() { li { (what) } } }
            }
        }
    }
}

fn people(world: &World) -> Markup {
    html! {
        section #people {
            h2 { "People" }
            table {
                thead {
                    tr {
                        th scope="col" { "Name" } th scope="col" { "Phone" } th scope="col" { "Union ID" }
                        th scope="col" { "User ID, organization" } th scope="col" { "What signing in shows" }
                    }
                }
                tbody { @for person in world.people().iter().take(PEOPLE_SHOWN) { (person_row(person)) } }
            }
        }
    }
}

fn person_row(person: &Person) -> Markup {
    html! {
        tr {
            th scope="row" { (full_name(person)) }
            td.phone-number data-label="Phone" { (phone(person)) }
            td data-label="Union ID" { code { (person.union_id) } }
            td data-label="User ID, organization" {
                @for membership in &person.memberships {
                    code { (membership.user_id) } br; code { (membership.corp_id) }
                }
            }
            td data-label="Shows" { (person.shows) }
        }
    }
}

fn apps(world: &World) -> Markup {
    html! {
        section #apps {
            h2 { "Apps" }
            @for one in &world.apps { (app(one)) }
        }
    }
}

fn app(app: &App) -> Markup {
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
    html! {
        article aria-label=(app.client_id) {
            dl {
                dt { "Client ID" } dd { code { (app.client_id) } }
                dt { "Client Secret" } dd { code { (app.client_secret) } }
                dt { "Organization" } dd { code { (app.corp_id) } }
                dt { "Status" } dd { (status) }
            }
            form method="post" action="/__simulator/app" {
                input type="hidden" name="client_id" value=(app.client_id);
                label {
                    "Redirect URLs, one a line (" (compared) ")"
                    textarea name="redirect_uris" rows="2" spellcheck="false" { (app.redirect_uris.join("\n")) }
                }
                fieldset.choices {
                    legend { "Permissions (权限)" }
                    @for name in permission::ALL {
                        label.choice {
                            input type="checkbox" name="permission" value=(name) checked[app.may(name)];
                            " " code { (name) }
                        }
                    }
                }
                button { "Save app" }
            }
        }
    }
}

fn faults(world: &World) -> Markup {
    let labels = CallKind::ALL.map(CallKind::label);
    let call_choices = std::iter::once(("", "every call")).chain(labels.map(|label| (label, label)));
    let people = world
        .people()
        .iter()
        .map(|person| (person.key.as_str(), person.name.as_str()));
    let person_choices = std::iter::once(("", "everybody")).chain(people);
    let effects = Effect::ALL;
    let effect_choices = effects.iter().map(|effect| (effect.label(), effect.label()));
    let timings = [("before", "before processing"), ("after", "after processing")];
    html! {
        section #faults {
            h2 { "Faults" }
            @if world.faults.in_force().is_empty() {
                p { "None in force." }
            } @else {
                ul { @for fault in world.faults.in_force() { (fault_row(fault)) } }
                form method="post" action="/__simulator/faults/clear" { button { "Clear all faults" } }
            }
            form.row method="post" action="/__simulator/faults" {
                label { "Call" select name="call" { (options(call_choices, "")) } }
                label { "Of" select name="person" { (options(person_choices, "")) } }
                label { "What goes wrong" select name="effect" { (options(effect_choices, "reset")) } }
                label { "When" select name="timing" { (options(timings, "before")) } }
                label {
                    "How many calls (empty: until cleared)"
                    input name="times" type="number" min="1" max="1000000" value="1";
                }
                button { "Add fault" }
            }
        }
    }
}

fn fault_row(fault: &Fault) -> Markup {
    let times = fault
        .times
        .map_or_else(|| "until cleared".to_owned(), |times| format!("{times} more"));
    let timing = match fault.timing {
        Timing::After => "after processing",
        Timing::Before if fault.effect.distorts() => "after processing",
        Timing::Before => "before processing",
    };
    html! {
        li {
            code { (fault.call.map_or("every call", CallKind::label)) }
            @if let Some(key) = &fault.person { " of " (key) }
            ": " (fault.effect.label()) ", " (timing) ", " (times)
        }
    }
}

fn behaviour(world: &World) -> Markup {
    let chosen = LoginAnswer::ALL
        .iter()
        .find(|(answer, _)| *answer == world.login_answer);
    let answers = LoginAnswer::ALL.into_iter().map(|(_, label)| (label, label));
    html! {
        section #behaviour {
            h2 { "Behaviour" }
            form.row method="post" action="/__simulator/behaviour" {
                label {
                    "Sign-in page returns"
                    select name="login_answer" { (options(answers, chosen.map_or("", |(_, label)| label))) }
                }
                label {
                    "Every call takes (ms)"
                    input name="latency_ms" type="number" min="0" max="60000" value=(world.latency.as_millis());
                }
                label {
                    "Calls per second, app and API (empty: no limit)"
                    input name="enforce_qps" type="number" min="1" max="100000" value=[world.throttle.per_second()];
                }
                button { "Save behaviour" }
            }
        }
    }
}

fn events(world: &World) -> Markup {
    html! {
        section #events {
            h2 { "Events" }
            p { "A change of people or departments is told to each app by callback, else over its Stream." }
            dl {
                @for app in &world.apps {
                    dt { code { (app.client_id) } }
                    dd {
                        @match world.push.addresses.get(&app.client_id) {
                            Some(address) => { "callback to " code { (address.url) } ", " (world.push.given_up(&app.client_id)) " given up" }
                            None => { (world.stream.count(&app.client_id)) " Stream connections" }
                        }
                    }
                }
                dt { "Callbacks sent" } dd { (world.push.outcomes.len()) }
                dt { "Not acknowledged over Stream" } dd { (world.stream.unacknowledged()) }
                dt { "Told to nobody" } dd { (world.stream.lost) }
            }
        }
    }
}

fn calls(world: &World) -> Markup {
    let now = world.time.now();
    html! {
        section #calls {
            h2 { "Last calls" }
            @if world.calls.events().next().is_none() {
                p { "Nothing was asked yet." }
            } @else {
                table {
                    thead {
                        tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Outcome" } }
                    }
                    tbody {
                        @for event in world.calls.events() {
                            tr {
                                td data-label="When" { (ago(now.saturating_sub(event.at))) }
                                td data-label="What" { code { (event.what) } }
                                td data-label="Outcome" { (event.outcome) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn ago(passed: Duration) -> String {
    match passed.as_secs() {
        0 => "just now".to_owned(),
        seconds @ 1..120 => format!("{seconds} s ago"),
        seconds => format!("{} min ago", seconds / 60),
    }
}
