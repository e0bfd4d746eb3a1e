//! The Redirect URL as DingTalk will see it.

use std::net::IpAddr;

use url::{Host, Url};

use super::finding::Finding;

const CHECK: &str = "redirect-url";

/// `requested` is the Redirect URL under the address that the request came in by; a callback origin replaces that.
pub(super) fn judge(requested: &Url, callback_origin: Option<&str>) -> Finding {
    match callback_origin.and_then(|origin| under_origin(requested, origin)) {
        Some(effective) if effective.origin() != requested.origin() => Finding::warning(
            CHECK,
            "This page is open under {{requested}}, but DingTalk will send people back to {{url}}, as the callback origin says.",
        )
        .with("requested", requested.origin().ascii_serialization())
        .with("url", effective)
        .advise("If people reach NocoBase under {{url}} too, register exactly this address in the DingTalk developer console. Otherwise correct the callback origin."),
        _ => judge_address(requested),
    }
}

/// The page is open under another host than the settings say.
pub fn opened_elsewhere(requested: &str, public_url: &str) -> Finding {
    Finding::warning(
        CHECK,
        "People open this site under {{requested}}. SIDECAR_PUBLIC_URL says {{url}}, and a sign-in is moved there when it begins.",
    )
    .with("requested", requested)
    .with("url", public_url)
    .advise("If both names are in use, let people open the site under the one that SIDECAR_PUBLIC_URL says: a session belongs to one host name. Otherwise correct SIDECAR_PUBLIC_URL, or let the proxy pass on the header Host.")
}

fn judge_address(url: &Url) -> Finding {
    let is_encrypted = url.scheme() == "https";
    let finding = if is_local(url) {
        Finding::ok(
            CHECK,
            "DingTalk will send people back to {{url}}, which works only in a browser on this computer.",
        )
    } else if is_encrypted {
        Finding::ok(CHECK, "DingTalk will send people back to {{url}}.")
    } else {
        Finding::warning(
            CHECK,
            "DingTalk will send people back to {{url}}, which is not encrypted.",
        )
    };
    let action = if is_encrypted || is_local(url) {
        "Register exactly this address as the callback URL in the DingTalk developer console."
    } else {
        "Let people reach NocoBase over https. If they do already, let the proxy pass on the headers Host and X-Forwarded-Proto, or set the callback origin."
    };
    finding.with("url", url.as_str()).advise(action)
}

/// The same path under another origin, which the options have parsed already.
fn under_origin(requested: &Url, origin: &str) -> Option<Url> {
    Url::parse(origin).ok()?.join(requested.path()).ok()
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn judged(requested: &str, callback_origin: Option<&str>) -> (Status, String) {
        let finding = judge(&Url::parse(requested).unwrap(), callback_origin);
        let shown = finding.params.into_iter().find(|(name, _)| *name == "url");
        (finding.status, shown.map(|(_, url)| url).unwrap_or_default())
    }

    #[test]
    fn https_and_this_computer_are_fine() {
        for url in [
            "https://crm.example.com/api/auth:redirect",
            "http://127.0.0.1:13100/api/auth:redirect",
            "http://[::1]:13000/api/auth:redirect",
            "http://localhost:13000/nocobase/api/auth:redirect",
        ] {
            assert_eq!(judged(url, None), (Status::Ok, url.to_owned()));
        }
    }

    #[test]
    fn plain_http_over_a_network_is_a_warning() {
        for url in [
            "http://crm.example.com/api/auth:redirect",
            "http://10.0.0.7/api/auth:redirect",
        ] {
            assert_eq!(judged(url, None), (Status::Warning, url.to_owned()));
        }
    }

    #[test]
    fn the_callback_origin_decides_the_address() {
        let requested = "http://10.0.0.7:13000/nb/api/auth:redirect";

        assert_eq!(
            judged(requested, Some("https://crm.example.com/")),
            (
                Status::Warning,
                "https://crm.example.com/nb/api/auth:redirect".to_owned()
            )
        );
        assert_eq!(
            judged(
                "https://crm.example.com/api/auth:redirect",
                Some("https://CRM.example.com:443")
            )
            .0,
            Status::Ok
        );
    }
}
