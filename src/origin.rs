//! A public origin: the scheme, host and port under which people see this site.

use std::fmt;

use url::Url;

/// An http or https origin, in the spelling browsers use for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    text: String,
    is_secure: bool,
}

impl Origin {
    /// Reads `https://host[:port]`, with or without a final slash; anything more is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        (is_bare && matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| Self {
            text: url.origin().ascii_serialization(),
            is_secure: url.scheme() == "https",
        })
    }

    /// Puts an origin together from what a request says; `None` when it is not the shape of one.
    pub fn of_request(scheme: &str, host: &str) -> Option<Self> {
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        if is_host {
            Self::parse(&format!("{scheme}://{host}"))
        } else {
            None
        }
    }

    /// Whether it is on the same host and port, whatever the scheme: a proxy that ends TLS often does not say so.
    pub fn has_host_of(&self, other: &Self) -> bool {
        let host = |origin: &Self| origin.text.split_once("://").map(|(_, host)| host.to_owned());
        host(self) == host(other)
    }

    /// Whether people reach it over TLS.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Its spelling, without a final slash.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The address of `path` there; `path` begins with a slash.
    pub fn with_path(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_one_spelling() {
        for text in [
            "https://Nocobase.Example",
            "https://nocobase.example/",
            "https://nocobase.example:443",
        ] {
            assert_eq!(Origin::parse(text).unwrap().as_text(), "https://nocobase.example");
        }
        assert_eq!(
            Origin::parse("http://127.0.0.1:13000").unwrap().as_text(),
            "http://127.0.0.1:13000"
        );
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        for text in [
            "",
            "nocobase.example",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "ftp://a",
            "javascript:a",
        ] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
        for host in ["", "a/b", "a b", "a@b", "a\r\nb", "a?b", "a#b", "a\\b"] {
            assert_eq!(Origin::of_request("https", host), None, "{host:?}");
        }
    }
}
