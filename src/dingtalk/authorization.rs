//! The authorization URL: the DingTalk page a browser is sent to, where the person approves.

use url::{Url, form_urlencoded};

/// What is asked for on DingTalk's page. No `Debug`: the state belongs to one browser.
pub struct AuthorizationRequest<'a> {
    /// The app that asks.
    pub client_id: &'a str,
    /// Where DingTalk sends the browser back; it must be registered there letter by letter.
    pub redirect_uri: &'a str,
    /// Our value that binds the round trip to one browser; DingTalk repeats it unchanged.
    pub state: &'a str,
    /// Preselects an organization, and makes DingTalk say which one the person chose.
    pub corp_id: Option<&'a str>,
    /// Whether people sign in with the accounts which that organization gave them (专属账号), on its own page.
    pub is_exclusive: bool,
    /// Whether DingTalk's page is shown in a frame of ours, and answers that instead of leaving it.
    pub is_framed: bool,
}

/// The address of `page` for this request.
pub(super) fn url(page: &Url, request: &AuthorizationRequest<'_>) -> String {
    let scope = if request.corp_id.is_some() {
        "openid corpid"
    } else {
        "openid"
    };
    let mut query = form_urlencoded::Serializer::for_suffix(format!("{page}?"), page.as_str().len() + 1);
    query
        .append_pair("client_id", request.client_id)
        .append_pair("redirect_uri", request.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", scope)
        // Without it DingTalk's page fails to sign in.
        .append_pair("prompt", "consent")
        .append_pair("state", request.state);
    if let Some(corp_id) = request.corp_id {
        query.append_pair("corpId", corp_id);
        if request.is_exclusive {
            query
                .append_pair("exclusiveLogin", "true")
                .append_pair("exclusiveCorpId", corp_id);
        }
    }
    if request.is_framed {
        query.append_pair("iframe", "true");
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dingtalk::endpoints::{Addresses, Endpoints};

    fn authorization_url(login: &str, redirect_uri: &str, corp_id: Option<&str>) -> String {
        url_of(login, redirect_uri, corp_id, false)
    }

    fn url_of(login: &str, redirect_uri: &str, corp_id: Option<&str>, is_exclusive: bool) -> String {
        let request = AuthorizationRequest {
            client_id: "dingdemo",
            redirect_uri,
            state: "s-t_ate",
            corp_id,
            is_exclusive,
            is_framed: false,
        };
        let bases = Endpoints {
            login: Url::parse(login).unwrap(),
            ..Endpoints::default()
        };
        url(&Addresses::below(&bases).authorization, &request)
    }

    #[test]
    fn everything_dingtalk_needs_is_in_the_url() {
        let url = authorization_url(
            "https://login.dingtalk.com",
            "https://noco.example/api/auth:redirect",
            None,
        );

        assert_eq!(
            url,
            "https://login.dingtalk.com/oauth2/auth?client_id=dingdemo\
             &redirect_uri=https%3A%2F%2Fnoco.example%2Fapi%2Fauth%3Aredirect\
             &response_type=code&scope=openid&prompt=consent&state=s-t_ate"
        );
    }

    #[test]
    fn an_organization_adds_its_scope_after_a_space() {
        let url = authorization_url(
            "https://login.dingtalk.com",
            "https://noco.example/",
            Some("dingcorp"),
        );

        assert!(url.contains("&scope=openid+corpid&"), "{url}");
        assert!(url.ends_with("&corpId=dingcorp"), "{url}");
    }

    #[test]
    fn accounts_of_an_organization_are_asked_for_on_its_own_page() {
        let url = |corp_id| {
            url_of(
                "https://login.dingtalk.com",
                "https://noco.example/",
                corp_id,
                true,
            )
        };

        assert!(
            url(Some("dingcorp")).ends_with("&corpId=dingcorp&exclusiveLogin=true&exclusiveCorpId=dingcorp"),
            "{}",
            url(Some("dingcorp"))
        );
        assert!(!url(None).contains("exclusive"), "{}", url(None));
    }

    #[test]
    fn a_redirect_uri_is_encoded_once_whatever_it_holds() {
        let redirect_uri = "https://noco.example/钉钉/api/auth:redirect?a=1&b=%20+";

        let url = authorization_url("https://login.dingtalk.com", redirect_uri, None);

        let url = Url::parse(&url).unwrap();
        let (_, sent) = url
            .query_pairs()
            .find(|(name, _)| name == "redirect_uri")
            .unwrap();
        assert_eq!(sent, redirect_uri);
        assert!(
            url.as_str()
                .contains("%E9%92%89%E9%92%89%2Fapi%2Fauth%3Aredirect%3Fa%3D1%26b%3D%2520%2B"),
            "{url}"
        );
    }

    #[test]
    fn a_login_address_may_have_a_path() {
        for login in [
            "http://127.0.0.1:9/sim",
            "http://127.0.0.1:9/sim/",
            "http://127.0.0.1:9/sim?x=1#y",
        ] {
            let url = authorization_url(login, "http://127.0.0.1:1/", None);
            assert!(
                url.starts_with("http://127.0.0.1:9/sim/oauth2/auth?client_id="),
                "{url}"
            );
        }
    }
}
