//! The control over HTTP (`/__simulator/…`), for the simulator's page and for scripts in other languages.
//!
//! A form is answered with the page, JSON with 204; a form of another site is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::app::App;
use super::call::CallKind;
use super::control::Control;
use super::fault::{Effect, Fault, Timing};
use super::html::comes_from_elsewhere;
use super::org_event::OrgEvent;
use super::person::Person;
use super::population::Population;
use super::push::CallbackAddress;
use super::request::declares_json;
use super::world::{LoginAnswer, Shared};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/__simulator/calls", web::get().to(calls))
        .route("/__simulator/reset", web::post().to(reset))
        .route("/__simulator/faults", web::post().to(add_fault))
        .route("/__simulator/faults/clear", web::post().to(clear_faults))
        .route("/__simulator/behaviour", web::post().to(set_behaviour))
        .route("/__simulator/app", web::post().to(edit_app))
        .route("/__simulator/apps", web::post().to(add_app))
        .route("/__simulator/people", web::post().to(add_person))
        .route("/__simulator/name", web::post().to(rename))
        .route("/__simulator/organization", web::post().to(populate))
        .route("/__simulator/callback", web::post().to(set_callback))
        .route("/__simulator/events", web::post().to(fire))
        .route("/__simulator/membership", web::post().to(set_membership))
        .route("/__simulator/in-client-code", web::post().to(request_auth_code));
}

#[derive(Debug, Deserialize)]
struct FaultForm {
    call: String,
    #[serde(default)]
    person: String,
    effect: String,
    timing: Timing,
    times: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Behaviour {
    login_answer: LoginAnswer,
    #[serde(default)]
    latency_ms: String,
    #[serde(default)]
    enforce_qps: String,
}

async fn calls(shared: web::Data<Shared>) -> HttpResponse {
    let world = shared.lock();
    let counts: BTreeMap<&str, usize> = CallKind::ALL
        .into_iter()
        .map(|kind| (kind.label(), world.calls.counted(kind)))
        .collect();
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(json!({"calls": counts, "unexpected": world.calls.unexpected()}))
}

async fn reset(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    changed(&request, "", || Control::new(shared).reset())
}

async fn clear_faults(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    changed(&request, "faults", || Control::new(shared).clear_faults())
}

async fn add_fault(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let fault = if declares_json(request.headers()) {
        from_json::<Fault>(&body)
    } else {
        from_form::<FaultForm>(&body).and_then(|form| {
            let call = CallKind::ALL.into_iter().find(|kind| kind.label() == form.call);
            let effect = Effect::from_label(&form.effect).ok_or("unknown effect")?;
            Ok(Fault {
                call,
                person: Some(form.person).filter(|person| !person.is_empty()),
                effect,
                times: number(&form.times)?,
                timing: form.timing,
            })
        })
    };
    match fault {
        Ok(fault) => changed(&request, "faults", || Control::new(shared).set_fault(fault)),
        Err(why) => not_understood(&why),
    }
}

async fn set_behaviour(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let read = if declares_json(request.headers()) {
        from_json
    } else {
        from_form
    };
    let read = read(&body).and_then(|behaviour: Behaviour| {
        let latency = number(&behaviour.latency_ms)?.unwrap_or_default();
        Ok((behaviour.login_answer, latency, number(&behaviour.enforce_qps)?))
    });
    match read {
        Ok((login_answer, latency, per_second)) => changed(&request, "behaviour", || {
            let control = Control::new(shared);
            control.set_login_answer(login_answer);
            control.set_latency(Duration::from_millis(u64::from(latency)));
            control.enforce_qps(per_second);
        }),
        Err(why) => not_understood(&why),
    }
}

/// The page's form for an app; what it does not show stays as it is.
async fn edit_app(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let pairs: Vec<(String, String)> = match from_form(&body) {
        Ok(pairs) => pairs,
        Err(why) => return not_understood(&why),
    };
    let all = |name: &str| {
        let wanted = name.to_owned();
        pairs
            .iter()
            .filter(move |(key, _)| *key == wanted)
            .map(|(_, value)| value.clone())
    };
    let Some(client_id) = all("client_id").next() else {
        return not_understood("client_id is missing");
    };
    let permissions: BTreeSet<String> = all("permission").collect();
    let redirect_uris: Vec<String> = all("redirect_uris")
        .flat_map(|lines| {
            lines
                .lines()
                .map(|line| line.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .filter(|line| !line.is_empty())
        .collect();
    changed(&request, "apps", || {
        Control::new(shared).edit_app(&client_id, |app| {
            app.permissions = permissions;
            app.redirect_uris = redirect_uris;
        });
    })
}

async fn add_app(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<App>(&body) {
        Ok(app) => changed(&request, "apps", || Control::new(shared).add_app(app)),
        Err(why) => not_understood(&why),
    }
}

async fn add_person(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<Person>(&body) {
        Ok(person) => changed(&request, "people", || Control::new(shared).add_person(person)),
        Err(why) => not_understood(&why),
    }
}

async fn set_callback(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<CallbackAddress>(&body) {
        Ok(address) => changed(&request, "events", || Control::new(shared).set_callback(address)),
        Err(why) => not_understood(&why),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Happening {
    corp_id: String,
    event: OrgEvent,
}

async fn fire(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<Happening>(&body) {
        Ok(happening) => changed(&request, "events", || {
            Control::new(shared).fire(&happening.corp_id, &happening.event);
        }),
        Err(why) => not_understood(&why),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MembershipChange {
    person: String,
    corp_id: String,
    /// Under which the person is there from now on; none leaves.
    user_id: Option<String>,
}

async fn set_membership(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<MembershipChange>(&body) {
        Ok(change) => changed(&request, "people", || {
            let control = Control::new(shared);
            match &change.user_id {
                Some(user_id) => control.join(&change.person, &change.corp_id, user_id),
                None => control.leave(&change.person, &change.corp_id),
            };
        }),
        Err(why) => not_understood(&why),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewName {
    person: String,
    name: String,
}

async fn rename(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<NewName>(&body) {
        Ok(new) => changed(&request, "people", || {
            Control::new(shared).edit_person(&new.person, |person| person.name = new.name);
        }),
        Err(why) => not_understood(&why),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OrganizationSize {
    corp_id: String,
    departments: usize,
    people: usize,
}

async fn populate(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    match from_json::<OrganizationSize>(&body) {
        Ok(size) => changed(&request, "people", || {
            let population = Population::of_size(&size.corp_id, size.departments, size.people);
            Control::new(shared).populate(population);
        }),
        Err(why) => not_understood(&why),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthCodeRequest {
    client_id: String,
    corp_id: String,
    person: String,
}

/// What `requestAuthCode` answers a page inside the client, for a stand-in of its bridge: the code, or the error.
async fn request_auth_code(
    request: HttpRequest,
    body: web::Bytes,
    shared: web::Data<Shared>,
) -> HttpResponse {
    if comes_from_elsewhere(&request) {
        return HttpResponse::Forbidden().finish();
    }
    let asked = match from_json::<AuthCodeRequest>(&body) {
        Ok(asked) => asked,
        Err(why) => return not_understood(&why),
    };
    let issued = Control::new(shared).request_auth_code(&asked.client_id, &asked.corp_id, &asked.person);
    match issued {
        Ok(code) => HttpResponse::Ok()
            .insert_header(("Cache-Control", "no-store"))
            .json(json!({"code": code})),
        Err(refused) => HttpResponse::BadRequest()
            .json(json!({"errorCode": refused.number(), "errorMessage": refused.message()})),
    }
}

fn changed(request: &HttpRequest, section: &str, change: impl FnOnce()) -> HttpResponse {
    if comes_from_elsewhere(request) {
        return HttpResponse::Forbidden().finish();
    }
    change();
    let is_form = request.headers().get("Content-Type").is_some_and(|media| {
        media
            .to_str()
            .is_ok_and(|media| media.starts_with("application/x-www-form-urlencoded"))
    });
    if is_form {
        HttpResponse::SeeOther()
            .insert_header(("Location", format!("/#{section}")))
            .finish()
    } else {
        HttpResponse::NoContent().finish()
    }
}

fn not_understood(why: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": why}))
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn from_form<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_urlencoded::from_bytes(body).map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse()
            .map(Some)
            .map_err(|_| format!("{text} is not a number"))
    }
}
