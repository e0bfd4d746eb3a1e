//! The simulator, asked by a plain HTTP client: it is what everything else is tested against.

#![expect(clippy::unwrap_used, reason = "a harness of tests; a panic is how it reports")]

mod faults;
mod login;
mod old_api;
mod open_api;
mod pages;

use dingtalk_simulator::{App, Control, Simulator, SimulatorOptions};
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, redirect};
use serde_json::{Value, json};
use url::Url;

pub const REDIRECT_URI: &str = "http://127.0.0.1:13100/api/auth:redirect";

/// A simulator of its own for each test, and a client that follows nothing.
pub struct Bench {
    pub http: Client,
    pub app: App,
    pub control: Control,
    simulator: Simulator,
}

pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answered {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Bench {
    pub async fn start() -> Self {
        let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
        let control = simulator.control();
        control.hold_time();
        let http = nocobase_dingtalk::tls::client_builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            http,
            app: control.apps().remove(0),
            control,
            simulator,
        }
    }

    pub fn url(&self, path: &str) -> Url {
        Url::parse(&self.simulator.url()).unwrap().join(path).unwrap()
    }

    pub async fn send(&self, request: RequestBuilder) -> Answered {
        let response = request.send().await.unwrap();
        Answered {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answered {
        self.send(self.http.get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answered {
        self.send(self.http.post(self.url(path)).json(&body)).await
    }

    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answered {
        self.send(self.http.post(self.url(path)).form(fields)).await
    }

    /// The authorization URL of a correct client, with some parameters replaced, or removed when empty.
    pub fn authorization_url(&self, changes: &[(&str, &str)]) -> Url {
        let mut parameters = vec![
            ("client_id", self.app.client_id.as_str()),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", "openid"),
            ("prompt", "consent"),
            ("state", "the-state"),
        ];
        parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        let mut url = self.url("/oauth2/auth");
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }

    pub fn code_of(&self, person: &str) -> String {
        self.control.issue_code(&self.app.client_id, person, None)
    }

    pub fn redemption(&self, code: &str) -> Value {
        json!({
            "clientId": self.app.client_id,
            "clientSecret": self.app.client_secret,
            "code": code,
            "grantType": "authorization_code",
        })
    }

    pub async fn redeem(&self, code: &str) -> Answered {
        self.post("/v1.0/oauth2/userAccessToken", self.redemption(code))
            .await
    }

    pub async fn user_token_of(&self, person: &str) -> String {
        let answer = self.redeem(&self.code_of(person)).await.json();
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    pub async fn profile(&self, token: &str) -> Answered {
        let request = self.http.get(self.url("/v1.0/contact/users/me"));
        self.send(request.header("x-acs-dingtalk-access-token", token))
            .await
    }

    pub async fn profile_of(&self, person: &str) -> Value {
        self.profile(&self.user_token_of(person).await).await.json()
    }

    pub async fn app_token(&self) -> String {
        let credentials = json!({"appKey": self.app.client_id, "appSecret": self.app.client_secret});
        let answer = self.post("/v1.0/oauth2/accessToken", credentials).await.json();
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    /// Calls the old API with a fresh app token.
    pub async fn directory(&self, path: &str, body: Value) -> Answered {
        let token = self.app_token().await;
        self.post(&format!("{path}?access_token={token}"), body).await
    }

    /// Changes the app of the demo.
    pub fn edit_app(&self, edit: impl FnOnce(&mut App)) {
        assert!(self.control.edit_app(&self.app.client_id, edit));
    }

    /// Takes a permission from the app of the demo.
    pub fn revoke(&self, permission: &str) {
        self.edit_app(|app| assert!(app.permissions.remove(permission)));
    }
}
