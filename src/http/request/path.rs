//! Which action an address names. Every proxy and NocoBase read the same address with parsers of their own; so one that
//! could be read in two ways is nobody's.

use std::borrow::Cow;

/// The action and the record's key below the API base, from the address as it was sent.
pub fn read(path: &str, api_base: &str) -> Option<(String, Option<String>)> {
    let inside = path.strip_prefix(api_base)?;
    let (name, key) = match inside.split_once('/') {
        Some((name, key)) => (name, Some(key)),
        None => (inside, None),
    };
    let name = colon(name);
    let is_plain =
        |text: &str| !text.is_empty() && !matches!(text, "." | "..") && !text.contains(['/', '\\', '%', ';']);
    let is_read_alike = is_plain(&name) && key.is_none_or(is_plain);
    is_read_alike.then(|| (name.into_owned(), key.map(str::to_owned)))
}

/// The one character of an action's name that clients and proxies may write as another.
fn colon(name: &str) -> Cow<'_, str> {
    if name.contains('%') {
        name.replace("%3A", ":").replace("%3a", ":").into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(path: &str) -> Option<(String, Option<String>)> {
        read(path, "/api/")
    }

    #[test]
    fn an_action_and_its_key_are_read() {
        for (path, name, key) in [
            ("/api/auth:signIn", "auth:signIn", None),
            ("/api/auth%3AsignIn", "auth:signIn", None),
            ("/api/auth%3asignIn", "auth:signIn", None),
            ("/api/authenticators:get/7", "authenticators:get", Some("7")),
        ] {
            assert_eq!(
                action(path),
                Some((name.to_owned(), key.map(str::to_owned))),
                "{path}"
            );
        }
    }

    #[test]
    fn an_address_that_another_parser_reads_otherwise_names_no_action() {
        for path in [
            "/api/auth:signIn/../auth:redirect",
            "/api/auth:signIn/..",
            "/api/auth:signIn/.",
            "/api/./auth:signIn",
            "/api/../api/auth:signIn",
            "/api//auth:signIn",
            "/api/auth:signIn/",
            "/api/auth:signIn//",
            "/api/auth:signIn/1/2",
            "/api/auth:signIn%2F..%2Fauth:redirect",
            "/api/auth:signIn/%2e%2e",
            "/api/auth:signIn/%2e%2e/auth:redirect",
            "/api/auth:signIn/..%2fauth:redirect",
            "/api/auth:signIn\\..\\auth:redirect",
            "/api/auth:signIn%00",
            "/api/auth:signIn;/../auth:redirect",
            "/api/auth:sign%49n",
            "/%61pi/auth:signIn",
            "/api/",
            "/api",
        ] {
            assert_eq!(action(path), None, "{path}");
        }
    }
}
