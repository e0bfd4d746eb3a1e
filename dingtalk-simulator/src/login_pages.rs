//! The pages of the sign-in: choose a person, approve, or read why it cannot go on.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use url::form_urlencoded::byte_serialize;

use super::app::permission;
use super::html::{comes_from_elsewhere, each, escape, page};
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
        Ok(url) => HttpResponse::Found()
            .insert_header(("Location", url.as_str()))
            .finish(),
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
            HttpResponse::Found()
                .insert_header(("Location", url.as_str()))
                .finish()
        }
        Err(refused) => refused_page(&refused, None),
    }
}

fn choosing_page(world: &World, asked: &AuthorizationRequest) -> HttpResponse {
    let link = |person: &Person| {
        format!(
            r#"<li><a class="person" href="/oauth2/approve?person={key}&amp;request={request}"><span class="avatar" aria-hidden="true">{initial}</span><span class="who"><strong>{name}</strong><span class="phone">{phone}</span><span class="shows">{shows}</span></span></a></li>"#,
            key = encode(&person.key),
            request = encode(&asked.query),
            initial = initial(person),
            name = full_name(person),
            phone = escape(&phone(person)),
            shows = escape(&person.shows),
        )
    };
    let body = format!(
        r#"{BANNER}
<main class="narrow">
<p class="step">Step 1 of 2</p>
<h1>Who signs in?</h1>
{request}
<ul class="people">{people}</ul>
<form method="post" action="/oauth2/refuse"><input type="hidden" name="request" value="{query}"><button class="quiet">Refuse (拒绝)</button></form>
</main>"#,
        request = request_summary(asked),
        people = each(&world.people, link),
        query = escape(&asked.query),
    );
    page(
        StatusCode::OK,
        "Choose a person",
        &body,
        Some(&asked.redirect_uri),
    )
}

fn approving_page(asked: &AuthorizationRequest, person: &Person, organizations: &[String]) -> HttpResponse {
    let choice = |(index, corp_id): (usize, &String)| {
        let corp_id = escape(corp_id);
        let checked = if index == 0 { " checked" } else { "" };
        format!(
            r#"<label class="choice"><input type="radio" name="corp_id" value="{corp_id}"{checked}> <code>{corp_id}</code></label>"#
        )
    };
    let organizations = if organizations.is_empty() {
        String::new()
    } else {
        format!(
            "<fieldset><legend>Organization to sign in with</legend>{}</fieldset>",
            each(organizations.iter().enumerate(), choice)
        )
    };
    let body = format!(
        r#"{BANNER}
<main class="narrow">
<p class="step">Step 2 of 2</p>
<h1>Approve as {name}?</h1>
{request}
<form method="post" action="/oauth2/approve">
<input type="hidden" name="request" value="{query}"><input type="hidden" name="person" value="{key}">
{organizations}
<div class="actions"><button class="primary" autofocus>Approve (同意)</button><button class="quiet" formaction="/oauth2/refuse">Refuse (拒绝)</button></div>
</form>
<p><a href="/oauth2/auth?{query}">Choose another person</a></p>
</main>"#,
        name = full_name(person),
        request = request_summary(asked),
        query = escape(&asked.query),
        key = escape(&person.key),
    );
    page(StatusCode::OK, "Approve", &body, Some(&asked.redirect_uri))
}

fn refused_page(refused: &LoginRefused, asked: Option<&AuthorizationRequest>) -> HttpResponse {
    let cure = match refused {
        LoginRefused::UnknownClient => {
            r#"<p>Compare the Client ID in the authenticator with the apps on the <a href="/">simulator's page</a>.</p>"#.to_owned()
        }
        LoginRefused::AppUnavailable => {
            "<p>In DingTalk's developer console, publish a version of the app (版本管理与发布), or start it again.</p>".to_owned()
        }
        LoginRefused::RedirectNotRegistered { asked, registered } => format!(
            r#"<p>With the real DingTalk it is registered in the developer console under 安全设置 (重定向 URL), here among the <a href="/#apps">simulator's apps</a>.</p><dl><dt>Asked for</dt><dd><code>{}</code></dd><dt>Registered</dt><dd>{}</dd></dl>"#,
            escape(asked),
            each(registered, |uri| format!("<code>{}</code><br>", escape(uri))),
        ),
        LoginRefused::Malformed { .. } => "<p>The program that sent the browser here has to be corrected.</p>".to_owned(),
        LoginRefused::UnknownPerson => "<p>Go back and choose another person.</p>".to_owned(),
        LoginRefused::NotInOrganization => {
            "<p>你不在该组织内: an app of an organization signs in its own members only.</p>".to_owned()
        }
    };
    let back = asked.map_or_else(String::new, |asked| {
        format!(
            r#"<p><a href="/oauth2/auth?{}">Choose another person</a></p>"#,
            escape(&asked.query)
        )
    });
    let body = format!(
        r#"{BANNER}
<main class="narrow">
<h1>The sign-in cannot go on</h1>
<p class="refusal" role="alert">{reason}.</p>
{cure}{back}
</main>"#,
        reason = escape(&capitalized(&refused.to_string())),
    );
    page(StatusCode::BAD_REQUEST, "The sign-in cannot go on", &body, None)
}

const BANNER: &str = r#"<header class="banner"><a href="/">DingTalk simulator</a><span>Not the real DingTalk. No password, no real people.</span></header>"#;

fn request_summary(asked: &AuthorizationRequest) -> String {
    let mut wanted = vec!["name and union ID"];
    if asked.app.may(permission::USER_MOBILE) {
        wanted.push("phone number");
    }
    if asked.wants_organization {
        wanted.push("organization");
    }
    let organization = asked.corp_id.as_deref().map_or_else(String::new, |corp_id| {
        format!("<dt>Only for</dt><dd><code>{}</code></dd>", escape(corp_id))
    });
    format!(
        "<dl><dt>App</dt><dd><code>{}</code></dd><dt>Asks for</dt><dd>{}</dd>{organization}<dt>Returns to</dt><dd><code>{}</code></dd></dl>",
        escape(&asked.app.client_id),
        wanted.join(", "),
        escape(asked.redirect_uri.as_str()),
    )
}

/// Both names, each in its own language for screen readers.
pub fn full_name(person: &Person) -> String {
    match &person.latin_name {
        Some(latin) => format!(
            r#"<span lang="zh">{}</span> {}"#,
            escape(&person.name),
            escape(latin)
        ),
        None => escape(&person.name),
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
    escape(&person.name.chars().next().map(String::from).unwrap_or_default())
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
