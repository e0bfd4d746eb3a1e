//! A browser as far as the protocol sees it: cookies, a stored token, no redirects followed by itself.

use std::collections::BTreeMap;

use dingtalk_simulator::Control;
use nocobase_dingtalk::clock::Clock;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use super::app::AUTHENTICATOR;
use super::app_internals::sign_with;

/// One browser profile.
#[derive(Clone)]
pub struct Browser {
    base: String,
    client: reqwest::Client,
    /// The cookie jar.
    pub jar: BTreeMap<String, String>,
    /// The stored session token.
    pub token: Option<String>,
    /// Headers sent with every request.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What carries its sign-ins beside NocoBase.
    pub bridge: Option<Bridge>,
}

/// The plugin inside NocoBase, as far as a sign-in goes through it.
#[derive(Clone)]
pub struct Bridge {
    /// NocoBase's secret.
    pub secret: &'static str,
    /// The time on NocoBase's machine.
    pub clock: Clock,
}

impl Bridge {
    fn token(&self, base: &str) -> String {
        let now = self.clock.now().timestamp();
        let host = base.split("://").nth(1).unwrap();
        let claims = json!({
            "aud": "nocobase-dingtalk", "app": "main", "iat": now, "exp": now + 60,
            "host": host, "peer": "127.0.0.1",
        });
        sign_with(self.secret.as_bytes(), &claims)
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    /// The body as JSON; null when it is none.
    pub json: Value,
}

impl Answer {
    /// The `Location`.
    pub fn location(&self) -> String {
        self.headers
            .get(LOCATION)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    /// Where it redirects to with a refusal, and the reference told there.
    pub fn refused_at(&self) -> (String, String) {
        let location = self.location();
        let (page, reference) = location.split_once("&dingtalkReference=").unwrap();
        assert_eq!(reference.len(), 8, "no reference in {location}");
        (page.to_owned(), reference.to_owned())
    }

    /// The code of the first error.
    pub fn code(&self) -> &str {
        self.json["errors"][0]["code"].as_str().unwrap_or_default()
    }

    /// The body with what differs from run to run taken out.
    pub fn stable(&self) -> Value {
        let mut json = self.json.clone();
        if let Some(message) = json.pointer_mut("/errors/0/message") {
            let text = message.as_str().unwrap();
            let (words, reference) = text.rsplit_once(' ').unwrap();
            assert_eq!(reference.len(), 8, "no reference in {text}");
            *message = json!(format!("{words} [reference]"));
        }
        json
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What a page of ours says: its code and its sentence, the reference taken out.
    pub fn page(&self) -> (String, String) {
        assert_eq!(
            self.header("content-type"),
            "text/html; charset=utf-8",
            "{}",
            self.text
        );
        let between = |from: &str, to: &str| {
            let rest = self.text.split_once(from).unwrap().1;
            rest.split_once(to).unwrap().0.to_owned()
        };
        let sentence = between("data-code=\"", "</p>");
        let (code, sentence) = sentence.split_once("\">").unwrap();
        let (words, reference) = sentence.rsplit_once(' ').unwrap();
        assert_eq!(reference.len(), 8, "no reference in {sentence}");
        (
            code.to_owned(),
            format!("{words} [reference]").replace("&#39;", "'"),
        )
    }

    /// Every `Set-Cookie`.
    pub fn set_cookies(&self) -> Vec<String> {
        self.headers
            .get_all(SET_COOKIE)
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }
}

impl Browser {
    /// A fresh profile.
    pub fn new(base: &str) -> Self {
        let client = nocobase_dingtalk::tls::client_builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            base: base.to_owned(),
            client,
            jar: BTreeMap::new(),
            token: None,
            headers: Vec::new(),
            bridge: None,
        }
    }

    /// A profile whose sign-ins go through the plugin inside NocoBase.
    pub fn through(mut self, bridge: Option<Bridge>) -> Self {
        self.bridge = bridge;
        self
    }

    /// The sign-in, as it reaches the sidecar.
    fn posted_sign_in(&self, authenticator: &str) -> reqwest::RequestBuilder {
        let request = self
            .client
            .post(format!("{}/api/auth:signIn", self.base))
            .header("X-Authenticator", authenticator);
        match &self.bridge {
            Some(bridge) => request.header("X-Dingtalk-Bridge", bridge.token(&self.base)),
            None => request,
        }
    }

    /// A profile that says this with every request.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.with_bytes(name, value.as_bytes())
    }

    /// A profile that says this with every request, text or not.
    pub fn with_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.to_owned(), value.to_vec()));
        self
    }

    /// Gets an API action.
    pub async fn get(&mut self, action: &str) -> Answer {
        let request = self.client.get(format!("{}/api/{action}", self.base));
        self.send(request).await
    }

    /// Gets a page of the site.
    pub async fn visit(&mut self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request).await
    }

    /// Posts JSON to an API action.
    pub async fn post(&mut self, action: &str, body: Value) -> Answer {
        let request = self
            .client
            .post(format!("{}/api/{action}", self.base))
            .json(&body);
        self.send(request).await
    }

    /// Posts a sign-in with this body.
    pub async fn post_sign_in(&mut self, authenticator: &str, body: Value) -> Answer {
        let request = self.posted_sign_in(authenticator).json(&body);
        self.send(request).await
    }

    /// Sends a request that was put together elsewhere.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.base))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// Posts the sign-in as a page does that names no flow.
    pub async fn complete_newest(&mut self, authenticator: &str) -> Answer {
        let request = self.posted_sign_in(authenticator);
        self.send(request).await
    }

    /// The same profile, pointed at another process of the same site.
    pub fn at(mut self, base: &str) -> Self {
        base.clone_into(&mut self.base);
        self
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// Fails when nobody answers.
    async fn try_send(&mut self, mut request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if !self.jar.is_empty() {
            let pairs: Vec<String> = self
                .jar
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (pair, attributes) = text.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let is_removed = attributes.contains("Max-Age=0") || attributes.contains("1970");
            if is_removed {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer {
            status,
            headers,
            text,
            json,
        })
    }

    /// Clicks the button of an authenticator and gives DingTalk's authorization URL.
    pub async fn click(&mut self, authenticator: &str, return_path: &str) -> Url {
        let query =
            serde_urlencoded::to_string([("authenticator", authenticator), ("return", return_path)]).unwrap();
        let answer = self.get(&format!("auth:redirect?{query}")).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        Url::parse(&answer.location()).unwrap()
    }

    /// Follows DingTalk's redirect back to the site.
    pub async fn follow(&mut self, back: &Url) -> Answer {
        let path = format!("{}?{}", back.path(), back.query().unwrap_or_default());
        self.visit(&path).await
    }

    /// Clicks, signs in at DingTalk as `person`, comes back: the handle of the flow.
    pub async fn return_from_dingtalk(&mut self, dingtalk: &Control, person: &str) -> String {
        let at_dingtalk = self.click(AUTHENTICATOR, "/signin").await;
        let back = dingtalk.approve(&at_dingtalk, person).unwrap();
        self.come_back(&back).await
    }

    /// Comes back from DingTalk to the sign-in page: the handle of the flow.
    pub async fn come_back(&mut self, back: &Url) -> String {
        let answer = self.follow(back).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        handle_in(&answer.location())
    }

    /// Posts the sign-in with a flow.
    pub async fn complete(&mut self, authenticator: &str, handle: &str) -> Answer {
        self.try_complete(authenticator, handle).await.unwrap()
    }

    /// Posts the sign-in with a flow to a server that may go away.
    pub async fn try_complete(
        &mut self,
        authenticator: &str,
        handle: &str,
    ) -> Result<Answer, reqwest::Error> {
        let request = self
            .posted_sign_in(authenticator)
            .json(&json!({ "flow": handle }));
        self.try_send(request).await
    }

    /// The whole journey as `person`.
    pub async fn sign_in(&mut self, dingtalk: &Control, person: &str) -> Answer {
        let handle = self.return_from_dingtalk(dingtalk, person).await;
        let answer = self.complete(AUTHENTICATOR, &handle).await;
        self.token = answer.json["data"]["token"].as_str().map(str::to_owned);
        answer
    }
}

/// What a refusal of the API says, the reference taken out.
pub fn refusal(code: &str, sentence: &str) -> Value {
    let message = format!("{sentence} Reference: [reference]");
    json!({ "errors": [{ "code": code, "message": message }] })
}

/// A `Set-Cookie` as name, value and the other words in the order of the alphabet.
pub fn cookie_parts(text: &str) -> (String, String, Vec<String>) {
    let mut parts = text.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let mut words: Vec<String> = parts.map(str::to_owned).collect();
    words.sort();
    (name.to_owned(), value.to_owned(), words)
}

/// The flow's handle in the query of the sign-in page.
pub fn handle_in(location: &str) -> String {
    let url = Url::parse("http://site.invalid").unwrap().join(location).unwrap();
    url.query_pairs()
        .find(|(name, _)| name == "dingtalk")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
