//! What proxies write about the way of a request, in the spellings that are met: `X-Forwarded-For` with ports, brackets,
//! quotes and trailing commas, and the `Forwarded` header of RFC 7239.
//!
//! Written here, because the crates for the latter refuse a whole header for one odd element, and know nothing of the
//! former.

use std::net::{IpAddr, SocketAddr};

/// The address in one element of a chain; a port, brackets, quotes and a zone do not count.
pub fn address(text: &str) -> Option<IpAddr> {
    let text = unquoted(text);
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let inner = text.strip_prefix('[').and_then(|text| text.split(']').next());
    let host = inner.unwrap_or(text);
    let host = host.split('%').next().unwrap_or_default();
    host.parse().ok()
}

/// The scheme in a list of what each proxy saw: `Ok(None)` when nobody says anything, `Err` when it is no scheme, or not
/// one and the same.
pub fn scheme<'a>(values: impl Iterator<Item = &'a str>) -> Result<Option<&'static str>, ()> {
    let mut found = None;
    for value in values.map(unquoted).filter(|value| !value.is_empty()) {
        let scheme = ["http", "https"]
            .into_iter()
            .find(|scheme| value.eq_ignore_ascii_case(scheme))
            .ok_or(())?;
        if found.is_some_and(|before| before != scheme) {
            return Err(());
        }
        found = Some(scheme);
    }
    Ok(found)
}

/// The values of one parameter in a `Forwarded` header, from the client's proxy to the nearest.
pub fn parameter<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    outside_quotes(header, ',').filter_map(move |element| {
        outside_quotes(element, ';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| unquoted(value))
        })
    })
}

/// Without blanks and quotes around it.
pub fn unquoted(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"')
}

/// The parts between separators that stand in no quotes.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    text.split(move |c| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    })
}
