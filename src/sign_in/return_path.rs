//! A page of this site to return to.
//!
//! A browser reads the `Location` header by the rules of the URL standard: it drops tabs and line ends,
//! takes `\` for `/`, and resolves `..`. A path is accepted only when it reads the same after all that,
//! and is then written in its resolved form.

use url::Url;

/// The most of a return path that a flow cookie has room for.
const LENGTH_LIMIT: usize = 800;
/// Stands for whichever origin the page is served from.
const SITE: &str = "http://site.invalid";
/// What the return itself adds to the page.
const OWN_PARAMETERS: [&str; 6] = [
    "authenticator",
    "dingtalk",
    "error",
    "dingtalkReference",
    "dingtalkLink",
    "dingtalkLinkError",
];

/// The path and query of a page on this very site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// Accepts `text` when no reading of it leaves the site. Our own parameters are removed from it.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with('/') || text.starts_with("//") || text.len() > LENGTH_LIMIT * 4 {
            return None;
        }
        if text
            .chars()
            .any(|c| c.is_control() || c == '\\' || c == '\u{2028}' || c == '\u{2029}')
        {
            return None;
        }
        let site = Url::parse(SITE).ok()?;
        let mut url = site.join(text).ok()?;
        if url.origin() != site.origin() {
            return None;
        }
        url.set_fragment(None);
        remove_own_parameters(&mut url);
        let resolved = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        // `/..//host` resolves to `//host`: harmless where it stood, another site once written again.
        (!resolved.starts_with("//")).then_some(Self(resolved))
    }

    /// The first of `text` and its path alone that is accepted and fits into a flow; else `fallback`.
    pub fn parse_or(text: Option<&str>, fallback: &str) -> Self {
        let fits = |path: &Self| path.0.len() <= LENGTH_LIMIT;
        text.and_then(Self::parse)
            .and_then(|path| {
                if fits(&path) {
                    return Some(path);
                }
                let bare = path.0.split('?').next().unwrap_or_default();
                Self::parse(bare).filter(fits)
            })
            .unwrap_or_else(|| Self(fallback.to_owned()))
    }

    /// A path that was accepted when its flow began, and comes out of the seal as it went in.
    pub(super) fn accepted_before(text: String) -> Self {
        Self(text)
    }

    /// The path and query.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This page, told which authenticator the return is for and what came of it.
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let joint = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.0, query.finish())
    }
}

/// Removes our own parameters and leaves every other one as it was written.
fn remove_own_parameters(url: &mut Url) {
    let Some(query) = url.query() else { return };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            let name = url::form_urlencoded::parse(pair.as_bytes())
                .next()
                .map(|(name, _)| name.into_owned());
            name.is_some_and(|name| !OWN_PARAMETERS.contains(&name.as_str()))
        })
        .collect();
    let kept = kept.join("&");
    url.set_query((!kept.is_empty()).then_some(&kept));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepted(text: &str) -> Option<String> {
        ReturnPath::parse(text).map(|path| path.0)
    }

    #[test]
    fn pages_of_this_site_are_kept_as_they_are() {
        for path in [
            "/",
            "/signin",
            "/signin?redirect=/admin/abc",
            "/v/signin?redirect=%2Fv%2Fadmin%2F1%3Ftab%3Dx",
            "/nocobase/signin?a=1&b=2",
            "/signin?name=%E6%9D%8E",
        ] {
            assert_eq!(accepted(path).as_deref(), Some(path));
        }
    }

    #[test]
    fn what_would_leave_the_site_is_refused() {
        for text in [
            "",
            "signin",
            "//evil.example",
            "//evil.example/signin",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/..//evil.example",
            "/.//evil.example",
            "/a/../..//evil.example",
            "/%2e%2e//evil.example",
            "/signin\r\nSet-Cookie: a=b",
            "//site.invalid/signin",
            "//user:password@site.invalid/signin",
            "/signin\\admin",
            "/signin\u{2028}",
            "/signin\u{2029}",
            &format!("/signin?{}", "x".repeat(4 * LENGTH_LIMIT)),
        ] {
            assert_eq!(accepted(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_path_as_long_as_is_read_is_read() {
        let long = format!("/{}", "x".repeat(4 * LENGTH_LIMIT - 1));

        assert_eq!(accepted(&long).as_deref(), Some(long.as_str()));
    }

    #[test]
    fn our_own_parameters_are_removed_and_the_others_stay_as_written() {
        assert_eq!(
            accepted("/signin?authenticator=a&redirect=%2Fadmin&dingtalk=b&error=C&x=a+b").as_deref(),
            Some("/signin?redirect=%2Fadmin&x=a+b")
        );
        assert_eq!(accepted("/signin?dingtalk=b#top").as_deref(), Some("/signin"));
        assert_eq!(accepted("/signin?%64ingtalk=b").as_deref(), Some("/signin"));
    }

    #[test]
    fn a_path_too_long_for_a_flow_loses_its_query_first() {
        let long = format!("/v/signin?redirect={}", "x".repeat(2000));

        assert_eq!(ReturnPath::parse_or(Some(&long), "/signin").as_str(), "/v/signin");
        assert_eq!(
            ReturnPath::parse_or(Some("//evil.example"), "/signin").as_str(),
            "/signin"
        );
        assert_eq!(
            ReturnPath::parse_or(Some(&format!("/{}", "x".repeat(9000))), "/signin").as_str(),
            "/signin"
        );
    }

    #[test]
    fn the_outcome_is_added_behind_what_the_page_had() {
        let bare = ReturnPath::parse("/signin").unwrap();
        let with_query = ReturnPath::parse("/signin?redirect=/admin").unwrap();

        assert_eq!(
            bare.with(&[("authenticator", "s_1"), ("error", "X")]),
            "/signin?authenticator=s_1&error=X"
        );
        assert_eq!(
            with_query.with(&[("dingtalk", "h&h")]),
            "/signin?redirect=/admin&dingtalk=h%26h"
        );
    }

    proptest! {
        #[test]
        fn nothing_that_is_accepted_leaves_the_site(text in "[/\\\\.:@?#&=%a-z0-9\t\r\n ]{0,60}|.{0,60}") {
            if let Some(path) = ReturnPath::parse(&text) {
                let page = Url::parse("https://nocobase.example/signin").unwrap();
                let target = page.join(path.as_str()).unwrap();
                prop_assert_eq!(target.origin(), page.origin());
                prop_assert!(!path.as_str().chars().any(char::is_control));
                let again = ReturnPath::parse(path.as_str());
                prop_assert_eq!(again.as_ref(), Some(&path), "not stable");
            }
        }
    }
}
