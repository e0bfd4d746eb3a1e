//! The pages of the sign-in: choose a person, approve, or read why it cannot go on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::app::permission;
use super::html::{FRAME_SCRIPT_PATH, comes_from_elsewhere, framed_page, page};
use super::login::{AuthorizationRequest, LoginRefused};
use super::person::Person;
use super::world::{Shared, World};

/// What the pages hand on to each other.
#[derive(Debug, Deserialize)]
pub struct Step {
    /// The query the app sent.
    request: String,
    /// Key of the person.
    #[serde(default)]
    person: String,
    /// The organization chosen.
    #[serde(default)]
    corp_id: Option<String>,
}

/// `GET /oauth2/auth`: choose a person.
pub async fn choose(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let mut world = shared.lock();
    match AuthorizationRequest::read(&world, request.query_string()) {
        Ok(asked) => choosing_page(&world, &asked),
        Err(refused) => {
            if let LoginRefused::Malformed { parameter } = &refused {
                world
                    .calls
                    .note_unexpected(format!("/oauth2/auth: {parameter} is missing or wrong"));
            }
            refused_page(&refused, None)
        }
    }
}

/// `GET /oauth2/approve`: approve as the person chosen.
pub async fn ask(step: web::Query<Step>, shared: web::Data<Shared>) -> HttpResponse {
    let world = shared.lock();
    let asked = match AuthorizationRequest::read(&world, &step.request) {
        Ok(asked) => asked,
        Err(refused) => return refused_page(&refused, None),
    };
    let found = world.find_person(&step.person).ok_or(LoginRefused::UnknownPerson);
    match found.and_then(|person| Ok((person, asked.organizations(person)?))) {
        Ok((person, organizations)) => approving_page(&asked, person, &organizations),
        Err(refused) => refused_page(&refused, Some(&asked)),
    }
}

/// `POST /oauth2/approve`: back to the app with a code.
pub async fn approve(request: HttpRequest, step: web::Form<Step>, shared: web::Data<Shared>) -> HttpResponse {
    if comes_from_elsewhere(&request) {
        return HttpResponse::Forbidden().finish();
    }
    let mut world = shared.lock();
    let asked = match AuthorizationRequest::read(&world, &step.request) {
        Ok(asked) => asked,
        Err(refused) => return refused_page(&refused, None),
    };
    match asked.approve(&mut world, &step.person, step.corp_id.as_deref()) {
        Ok(url) => answered(&asked, &url),
        Err(refused) => refused_page(&refused, Some(&asked)),
    }
}

/// `POST /oauth2/refuse`: back to the app with an error.
pub async fn refuse(request: HttpRequest, step: web::Form<Step>, shared: web::Data<Shared>) -> HttpResponse {
    if comes_from_elsewhere(&request) {
        return HttpResponse::Forbidden().finish();
    }
    let mut world = shared.lock();
    match AuthorizationRequest::read(&world, &step.request) {
        Ok(asked) => {
            let url = asked.refuse(&mut world);
            answered(&asked, &url)
        }
        Err(refused) => refused_page(&refused, None),
    }
}

/// Back to the app: the browser goes there, or the app's own page around the frame is told where to.
fn answered(asked: &AuthorizationRequest, url: &Url) -> HttpResponse {
    if !asked.is_framed {
        return HttpResponse::Found()
            .insert_header(("Location", url.as_str()))
            .finish();
    }
    let origin = asked.redirect_uri.origin().ascii_serialization();
    let body = html! {
        (banner(false))
        main.narrow data-origin=(origin) data-redirect-url=(url) { p { "Scanned." } }
        script src=(FRAME_SCRIPT_PATH) {}
    };
    framed_page(StatusCode::OK, "Scanned", &body, &asked.redirect_uri)
}

/// A page of a sign-in, for the browser's window or for a frame, as the app asked.
fn step_page(title: &str, body: &Markup, asked: &AuthorizationRequest) -> HttpResponse {
    if asked.is_framed {
        framed_page(StatusCode::OK, title, body, &asked.redirect_uri)
    } else {
        page(StatusCode::OK, title, body, Some(&asked.redirect_uri))
    }
}

fn choosing_page(world: &World, asked: &AuthorizationRequest) -> HttpResponse {
    let address = |person: &Person| {
        let (key, request) = (encode(&person.key), encode(&asked.query));
        format!("/oauth2/approve?person={key}&request={request}")
    };
    let body = html! {
        (banner(false))
        main.narrow {
            p.step { "Step 1 of 2" }
            h1 { "Who signs in?" }
            (request_summary(asked))
            ul.people {
                @for person in world.people() {
                    li {
                        a.person href=(address(person)) {
                            span.avatar aria-hidden="true" { (initial(person)) }
                            span.who {
                                strong { (full_name(person)) }
                                span.phone { (phone(person)) }
                                span.shows { (person.shows) }
                            }
                        }
                    }
                }
            }
            form method="post" action="/oauth2/refuse" {
                input type="hidden" name="request" value=(asked.query);
                button.quiet { "Refuse (拒绝)" }
            }
        }
    };
    step_page("Choose a person", &body, asked)
}

fn approving_page(asked: &AuthorizationRequest, person: &Person, organizations: &[String]) -> HttpResponse {
    let body = html! {
        (banner(false))
        main.narrow {
            p.step { "Step 2 of 2" }
            h1 { "Approve as " (full_name(person)) "?" }
            (request_summary(asked))
            form method="post" action="/oauth2/approve" {
                input type="hidden" name="request" value=(asked.query);
                input type="hidden" name="person" value=(person.key);
                @if !organizations.is_empty() {
                    fieldset {
                        legend { "Organization to sign in with" }
                        @for (index, corp_id) in organizations.iter().enumerate() {
                            label.choice {
                                input type="radio" name="corp_id" value=(corp_id) checked[index == 0];
                                " " code { (corp_id) }
                            }
                        }
                    }
                }
                div.actions {
                    button.primary autofocus { "Approve (同意)" }
                    button.quiet formaction="/oauth2/refuse" { "Refuse (拒绝)" }
                }
            }
            (choose_another(asked))
        }
    };
    step_page("Approve", &body, asked)
}

fn refused_page(refused: &LoginRefused, asked: Option<&AuthorizationRequest>) -> HttpResponse {
    let framed = asked.filter(|asked| asked.is_framed);
    let cure = match refused {
        LoginRefused::UnknownClient => html! {
            p { "Compare the Client ID in the authenticator with the apps on the " a href="/" { "simulator's page" } "." }
        },
        LoginRefused::AppUnavailable => html! {
            p { "In DingTalk's developer console, publish a version of the app (版本管理与发布), or start it again." }
        },
        LoginRefused::RedirectNotRegistered { asked, registered } => html! {
            p {
                "With the real DingTalk it is registered in the developer console under 安全设置 (重定向 URL), here among the "
                a href="/#apps" { "simulator's apps" } "."
            }
            dl {
                dt { "Asked for" } dd { code { (asked) } }
                dt { "Registered" } dd { @for uri in registered { code { (uri) } br; } }
            }
        },
        LoginRefused::Malformed { .. } => html! {
            p { "The program that sent the browser here has to be corrected." }
        },
        LoginRefused::UnknownPerson => html! { p { "Go back and choose another person." } },
        LoginRefused::NotInOrganization => html! {
            p { "你不在该组织内: an app of an organization signs in its own members only." }
        },
    };
    let body = html! {
        (banner(false))
        main.narrow {
            h1 { "The sign-in cannot go on" }
            p.refusal role="alert" { (capitalized(&refused.to_string())) "." }
            (cure)
            @if let Some(asked) = asked { (choose_another(asked)) }
        }
        @if let Some(asked) = framed {
            span data-origin=(asked.redirect_uri.origin().ascii_serialization()) data-refusal=(refused) {}
            script src=(FRAME_SCRIPT_PATH) {}
        }
    };
    if let Some(asked) = framed {
        return framed_page(
            StatusCode::BAD_REQUEST,
            "The sign-in cannot go on",
            &body,
            &asked.redirect_uri,
        );
    }
    page(StatusCode::BAD_REQUEST, "The sign-in cannot go on", &body, None)
}

fn choose_another(asked: &AuthorizationRequest) -> Markup {
    html! {
        p { a href={ "/oauth2/auth?" (asked.query) } { "Choose another person" } }
    }
}

/// What stands above every page, so that nobody takes it for DingTalk.
pub fn banner(is_overview: bool) -> Markup {
    html! {
        header.banner {
            a href="/" aria-current=[is_overview.then_some("page")] { "DingTalk simulator" }
            span { "Not the real DingTalk. No password, no real people." }
        }
    }
}

fn request_summary(asked: &AuthorizationRequest) -> Markup {
    let mut wanted = vec!["name and union ID"];
    if asked.app.may(permission::USER_MOBILE) {
        wanted.push("phone number");
    }
    if asked.wants_organization {
        wanted.push("organization");
    }
    html! {
        dl {
            dt { "App" } dd { code { (asked.app.client_id) } }
            dt { "Asks for" } dd { (wanted.join(", ")) }
            @if let Some(corp_id) = &asked.corp_id {
                dt { "Only for" } dd { code { (corp_id) } }
            }
            dt { "Returns to" } dd { code { (asked.redirect_uri) } }
        }
    }
}

/// Both names, each in its own language for screen readers.
pub fn full_name(person: &Person) -> Markup {
    html! {
        @if let Some(latin) = &person.latin_name {
            span lang="zh" { (person.name) } " " (latin)
        } @else {
            (person.name)
        }
    }
}

/// The phone number as people write it.
pub fn phone(person: &Person) -> String {
    match (&person.state_code, &person.mobile) {
        (Some(code), Some(mobile)) => format!("+{code} {mobile}"),
        (None, Some(mobile)) => mobile.clone(),
        (_, None) => "no phone number".to_owned(),
    }
}

fn initial(person: &Person) -> String {
    person.name.chars().next().map(String::from).unwrap_or_default()
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}
