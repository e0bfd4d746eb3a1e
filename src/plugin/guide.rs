//! The guide as a page, of `docs/guide.<lang>.md`: the sidecar serves it, and the package carries it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};

use super::language::Language;

static DOCS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/docs");
const STYLE: &str = include_str!("guide.css");

/// What a guide may load: its own style, by its digest, and nothing else.
pub fn guide_policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}

/// A page that needs nothing from elsewhere, and forbids itself to ask: NocoBase serves it without any policy.
pub fn guide_page(language: Language) -> Option<String> {
    let short = language.code().split('-').next()?;
    let text = DOCS.get_file(format!("guide.{short}.md"))?.contents_utf8()?;
    let mut body = String::new();
    pulldown_cmark::html::push_html(&mut body, pulldown_cmark::Parser::new(text));
    let title = body.split_once("<h1>")?.1.split_once("</h1>")?.0;
    Some(format!(
        include_str!("guide.html"),
        lang = language.code(),
        policy = guide_policy(),
        style = STYLE,
        title = title,
        body = body,
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_language_has_a_guide_with_a_plain_title() {
        for language in Language::ALL {
            let page = guide_page(language).unwrap();

            let title = page
                .split_once("<title>")
                .unwrap()
                .1
                .split_once("</title>")
                .unwrap()
                .0;
            assert!(!title.is_empty() && !title.contains('<'), "{language}: {title}");
            assert!(page.contains(&format!("<html lang=\"{language}\">")));
        }
    }

    #[test]
    fn a_guide_works_wherever_it_is_served() {
        for language in Language::ALL {
            let page = guide_page(language).unwrap();

            let targets = page
                .split(['"', '\''])
                .filter(|text| Path::new(text).extension() == Some("md".as_ref()));
            assert_eq!(targets.collect::<Vec<_>>(), Vec::<&str>::new(), "{language}");
            assert!(!page.contains("<script") && !page.contains("<img"), "{language}");
        }
    }
}
