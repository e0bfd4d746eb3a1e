//! A return path never leaves the site, whichever page it is read on, and never breaks the header it stands in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::sign_in::ReturnPath;
use url::Url;

const PAGES: [&str; 3] = [
    "https://nocobase.example/signin",
    "http://127.0.0.1:13000/nocobase/v/signin?redirect=%2F",
    "https://nocobase.example//twice/",
];
const FALLBACK: &str = "/signin";

fuzz_target!(|text: &str| {
    if let Some(path) = ReturnPath::parse(text) {
        check(path.as_str());
        check(&path.with(&[("authenticator", text), ("dingtalk", "handle")]));
        assert_eq!(
            ReturnPath::parse(path.as_str()).as_ref(),
            Some(&path),
            "not stable"
        );
    }
    let chosen = ReturnPath::parse_or(Some(text), FALLBACK);
    check(chosen.as_str());
    assert!(chosen.as_str().len() <= 800, "does not fit into a flow");
});

fn check(path: &str) {
    assert!(path.starts_with('/') && !path.starts_with("//"), "{path:?}");
    assert!(
        path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'),
        "{path:?}"
    );
    for page in PAGES.map(|page| Url::parse(page).unwrap()) {
        let target = page.join(path).unwrap();
        assert_eq!(target.origin(), page.origin(), "{path:?}");
        assert!(
            target.username().is_empty() && target.password().is_none(),
            "{path:?}"
        );
    }
}
