//! The sign-in at `login.dingtalk.com`: what an app asks for, and where the browser goes with the answer.

use thiserror::Error;
use url::Url;

use super::app::{App, AppStatus, permission};
use super::grant::{CodeKind, Grant};
use super::person::{Contact, Person};
use super::world::{LoginAnswer, World};

/// What an app asks a person for, as far as it was found in order.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// The app that asks.
    pub app: App,
    /// Where the browser goes with the answer.
    pub redirect_uri: Url,
    /// Whether the person is to choose an organization.
    pub wants_organization: bool,
    /// The organization the app has chosen for them.
    pub corp_id: Option<String>,
    /// Whether the page stands in a frame of the app's, and answers that instead of leaving it.
    pub is_framed: bool,
    /// The query it came in, to be carried from page to page.
    pub query: String,
    state: Option<String>,
}

/// Why a sign-in ends on DingTalk's own page.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoginRefused {
    /// No app has this client id.
    #[error("no app has this client_id")]
    UnknownClient,
    /// The app has no published version, or is stopped.
    #[error("the app is not in use")]
    AppUnavailable,
    /// The redirect URL is not one of the registered ones.
    #[error("the redirect_uri is not registered for this app")]
    RedirectNotRegistered {
        /// What was asked for.
        asked: String,
        /// What is registered.
        registered: Vec<String>,
    },
    /// A parameter is missing, doubled, or has a value DingTalk does not know.
    #[error("the parameter {parameter} is missing or wrong")]
    Malformed {
        /// Its name.
        parameter: &'static str,
    },
    /// Nobody has this key.
    #[error("there is no such person")]
    UnknownPerson,
    /// The person does not belong to the organization.
    #[error("the person is not a member of the organization")]
    NotInOrganization,
}

const PARAMETERS: [&str; 11] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "prompt",
    "state",
    "org_type",
    "corpId",
    "exclusiveLogin",
    "exclusiveCorpId",
    "iframe",
];

impl AuthorizationRequest {
    /// Reads the query of `/oauth2/auth`.
    pub fn read(world: &World, query: &str) -> Result<Self, LoginRefused> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        for parameter in PARAMETERS {
            if pairs.iter().filter(|(name, _)| name == parameter).count() > 1 {
                return Err(LoginRefused::Malformed { parameter });
            }
        }
        let find = |parameter: &str| {
            let (_, value) = pairs
                .iter()
                .find(|(name, value)| name == parameter && !value.is_empty())?;
            Some(value.as_str())
        };
        let mandatory =
            |parameter: &'static str| find(parameter).ok_or(LoginRefused::Malformed { parameter });
        let fixed = |parameter: &'static str, value: &str| {
            if mandatory(parameter)? == value {
                Ok(())
            } else {
                Err(LoginRefused::Malformed { parameter })
            }
        };

        let app = world
            .find_app(mandatory("client_id")?)
            .ok_or(LoginRefused::UnknownClient)?;
        if app.status != AppStatus::Published {
            return Err(LoginRefused::AppUnavailable);
        }
        let redirect_uri = mandatory("redirect_uri")?;
        if !app.accepts_redirect(redirect_uri) {
            return Err(LoginRefused::RedirectNotRegistered {
                asked: redirect_uri.to_owned(),
                registered: app.redirect_uris.clone(),
            });
        }
        let redirect_uri = Url::parse(redirect_uri).map_err(|_| LoginRefused::Malformed {
            parameter: "redirect_uri",
        })?;
        fixed("response_type", "code")?;
        fixed("prompt", "consent")?;

        let scopes: Vec<&str> = mandatory("scope")?.split(' ').collect();
        let known = ["openid", "corpid", permission::USER_READ, permission::USER_MOBILE];
        if !scopes.contains(&"openid") || scopes.iter().any(|scope| !known.contains(scope)) {
            return Err(LoginRefused::Malformed { parameter: "scope" });
        }
        let wants_organization = scopes.contains(&"corpid");
        if find("corpId").is_some() && !wants_organization {
            return Err(LoginRefused::Malformed { parameter: "corpId" });
        }
        let is_framed = find("iframe").is_some();
        if is_framed {
            fixed("iframe", "true")?;
        }
        Ok(Self {
            is_framed,
            app: app.clone(),
            redirect_uri,
            wants_organization,
            corp_id: find("corpId").map(str::to_owned),
            query: query.to_owned(),
            state: find("state").map(str::to_owned),
        })
    }

    /// Organizations the person may sign in with; empty when none is asked for.
    pub fn organizations(&self, person: &Person) -> Result<Vec<String>, LoginRefused> {
        if !self.wants_organization {
            return Ok(Vec::new());
        }
        let employed = person
            .memberships
            .iter()
            .filter(|membership| membership.contact == Contact::Employee);
        let employed = employed.map(|membership| membership.corp_id.clone());
        let mut organizations: Vec<String> = match &self.corp_id {
            Some(wanted) => employed.filter(|corp_id| corp_id == wanted).collect(),
            None => employed.collect(),
        };
        if organizations.is_empty() {
            return Err(LoginRefused::NotInOrganization);
        }
        // The owner of the app first, as the choice most people want.
        organizations.sort_by_key(|corp_id| *corp_id != self.app.corp_id);
        Ok(organizations)
    }

    /// Approves as a person: where the browser goes, with a fresh code.
    pub fn approve(
        &self,
        world: &mut World,
        person: &str,
        corp_id: Option<&str>,
    ) -> Result<Url, LoginRefused> {
        let person = world.find_person(person).ok_or(LoginRefused::UnknownPerson)?;
        let organizations = self.organizations(person)?;
        let corp_id = match corp_id {
            Some(chosen) if self.wants_organization => {
                let chosen = organizations.into_iter().find(|corp_id| corp_id == chosen);
                Some(chosen.ok_or(LoginRefused::NotInOrganization)?)
            }
            Some(_) | None => organizations.into_iter().next(),
        };
        let grant = Grant {
            client_id: self.app.client_id.clone(),
            person: person.key.clone(),
            corp_id,
        };
        let now = world.time.now();
        world
            .calls
            .note(now, "sign-in page", format!("approved as {}", grant.person));
        let code = world.grants.issue_code(&mut world.ids, CodeKind::Web, grant, now);
        let mut parameters = Vec::with_capacity(3);
        if world.login_answer != LoginAnswer::AuthCodeOnly {
            parameters.push(("code", code.clone()));
        }
        if world.login_answer != LoginAnswer::CodeOnly {
            parameters.push(("authCode", code));
        }
        Ok(self.answer(world, parameters))
    }

    /// Refuses: where the browser goes, with an error.
    pub fn refuse(&self, world: &mut World) -> Url {
        let now = world.time.now();
        world.calls.note(now, "sign-in page", "refused");
        self.answer(world, vec![("error", "access_denied".to_owned())])
    }

    fn answer(&self, world: &mut World, mut parameters: Vec<(&'static str, String)>) -> Url {
        match world.login_answer {
            LoginAnswer::MissingState => {}
            LoginAnswer::WrongState => parameters.push(("state", world.ids.token())),
            LoginAnswer::Complete | LoginAnswer::AuthCodeOnly | LoginAnswer::CodeOnly => {
                parameters.extend(self.state.clone().map(|state| ("state", state)));
            }
        }
        let mut url = self.redirect_uri.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }
}
