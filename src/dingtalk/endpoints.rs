//! The three addresses of DingTalk: where people approve, the newer API, and the older one.

use url::Url;

use super::error::SetUpFault;

/// Bases of all calls; each may have a path of its own, with or without a slash at its end.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Where the browser is sent.
    pub login: Url,
    /// The newer API: tokens and the person's profile.
    pub api: Url,
    /// The older API: the organization's directory.
    pub oapi: Url,
}

/// The hosts of the edition for mainland China; the international one has its own (`*.dingtalk.io`).
impl Default for Endpoints {
    #[expect(
        clippy::expect_used,
        reason = "the three addresses are written here, and a test parses them"
    )]
    fn default() -> Self {
        let parse = |text| Url::parse(text).expect("a constant address");
        Self {
            login: parse("https://login.dingtalk.com"),
            api: parse("https://api.dingtalk.com"),
            oapi: parse("https://oapi.dingtalk.com"),
        }
    }
}

impl Endpoints {
    /// Only http and https addresses can be called.
    pub(super) fn check(&self) -> Result<(), SetUpFault> {
        for (name, url) in [("login", &self.login), ("api", &self.api), ("oapi", &self.oapi)] {
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(SetUpFault::Address(name));
            }
        }
        Ok(())
    }
}

/// Every address that is used, put together once.
pub(super) struct Addresses {
    pub(super) authorization: Url,
    pub(super) user_access_token: Url,
    pub(super) profile: Url,
    pub(super) app_access_token: Url,
    pub(super) user_id_by_union_id: Url,
    pub(super) user_info: Url,
    pub(super) user_details: Url,
    pub(super) departments_of_user: Url,
    pub(super) data_scope: Url,
    pub(super) departments_below: Url,
    pub(super) department_members: Url,
    pub(super) department: Url,
    pub(super) member_count: Url,
    pub(super) stream: Url,
    pub(super) failed_callbacks: Url,
}

impl Addresses {
    /// The addresses below these bases.
    pub(super) fn below(bases: &Endpoints) -> Self {
        Self {
            authorization: join(&bases.login, &["oauth2", "auth"]),
            user_access_token: join(&bases.api, &["v1.0", "oauth2", "userAccessToken"]),
            profile: join(&bases.api, &["v1.0", "contact", "users", "me"]),
            app_access_token: join(&bases.api, &["v1.0", "oauth2", "accessToken"]),
            user_id_by_union_id: join(&bases.oapi, &["topapi", "user", "getbyunionid"]),
            user_info: join(&bases.oapi, &["topapi", "v2", "user", "getuserinfo"]),
            user_details: join(&bases.oapi, &["topapi", "v2", "user", "get"]),
            departments_of_user: join(&bases.oapi, &["topapi", "v2", "department", "listparentbyuser"]),
            data_scope: join(&bases.oapi, &["auth", "scopes"]),
            departments_below: join(&bases.oapi, &["topapi", "v2", "department", "listsub"]),
            department_members: join(&bases.oapi, &["topapi", "v2", "user", "list"]),
            department: join(&bases.oapi, &["topapi", "v2", "department", "get"]),
            member_count: join(&bases.oapi, &["topapi", "user", "count"]),
            stream: join(&bases.api, &["v1.0", "gateway", "connections", "open"]),
            failed_callbacks: join(&bases.oapi, &["call_back", "get_call_back_failed_result"]),
        }
    }
}

/// `path` below `base`; a query or fragment of the base is dropped.
fn join(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_addresses_are_usable() {
        Endpoints::default().check().unwrap();
    }

    #[test]
    fn an_address_that_is_no_base_of_http_calls_is_refused_by_name() {
        for address in ["ftp://oapi.example", "mailto:x@example.com", "data:text/plain,x"] {
            let endpoints = Endpoints {
                oapi: Url::parse(address).unwrap(),
                ..Endpoints::default()
            };
            let error = endpoints.check().unwrap_err();
            assert!(matches!(error, SetUpFault::Address("oapi")), "{error:?}");
        }
    }

    #[test]
    fn a_base_keeps_its_path_with_or_without_a_slash_at_its_end() {
        for (base, joined) in [
            ("http://h", "http://h/v1.0/me"),
            ("http://h/", "http://h/v1.0/me"),
            ("http://h/a/b", "http://h/a/b/v1.0/me"),
            ("http://h/a/b/?q=1#f", "http://h/a/b/v1.0/me"),
        ] {
            assert_eq!(join(&Url::parse(base).unwrap(), &["v1.0", "me"]).as_str(), joined);
        }
    }
}
