//! The guide as a page, of `docs/guide.<lang>.md`: the sidecar serves it, and the package carries it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use include_dir::{Dir, include_dir};
use pulldown_cmark::{Event, Parser, Tag, html};
use sha2::{Digest as _, Sha256};

use super::language::Language;

/// Nothing else of `docs`: the package has a size to keep to.
static PICTURES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/docs/pictures");
const STYLE: &str = include_str!("guide.css");

/// What a guide may load: its own style, by its digest, the pictures in the page itself, and nothing else.
pub fn guide_policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// A page that needs nothing from elsewhere, and forbids itself to ask: NocoBase serves it without any policy.
pub fn guide_page(language: Language) -> Option<String> {
    let mut body = String::new();
    let events = Parser::new(text(language))
        // Between two lines of Chinese a browser would leave a blank.
        .filter(|event| language != Language::ZhCn || *event != Event::SoftBreak)
        .map(with_picture);
    html::push_html(&mut body, events);
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

const fn text(language: Language) -> &'static str {
    match language {
        Language::EnUs => include_str!("../../docs/guide.en.md"),
        Language::ZhCn => include_str!("../../docs/guide.zh.md"),
        Language::HiIn => include_str!("../../docs/guide.hi.md"),
        Language::RuRu => include_str!("../../docs/guide.ru.md"),
        Language::DeDe => include_str!("../../docs/guide.de.md"),
        Language::IdId => include_str!("../../docs/guide.id.md"),
        Language::TrTr => include_str!("../../docs/guide.tr.md"),
    }
}

/// A picture of `docs` stands in the page itself: where the page is served, there is no folder beside it.
fn with_picture(event: Event<'_>) -> Event<'_> {
    let Event::Start(Tag::Image {
        link_type,
        dest_url,
        title,
        id,
    }) = event
    else {
        return event;
    };
    let dest_url = picture(&dest_url).map_or(dest_url, Into::into);
    Event::Start(Tag::Image {
        link_type,
        dest_url,
        title,
        id,
    })
}

fn picture(path: &str) -> Option<String> {
    let content = STANDARD.encode(PICTURES.get_file(path.strip_prefix("pictures/")?)?.contents());
    let kind = match path.rsplit_once('.')?.1 {
        "svg" => "svg+xml",
        other => other,
    };
    Some(format!("data:image/{kind};base64,{content}"))
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
            assert!(!page.contains("<script"), "{language}");
            let pictures = page.matches("<img").count();
            assert_eq!(
                page.matches("<img src=\"data:image/").count(),
                pictures,
                "{language}"
            );
            assert!(pictures > 0, "{language}");
        }
    }

    /// The relative luminance of a colour such as `#fff` or `#1677ff`, as WCAG defines it.
    fn luminance(colour: &str) -> f64 {
        let digits: Vec<u32> = colour.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let channels: Vec<u32> = match digits.len() {
            3 => digits.iter().map(|digit| digit * 17).collect(),
            _ => digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect(),
        };
        let weights = [0.2126, 0.7152, 0.0722];
        let parts = channels.iter().zip(weights).map(|(channel, weight)| {
            let share = f64::from(*channel) / 255.0;
            let linear = if share <= 0.040_45 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            };
            linear * weight
        });
        parts.sum()
    }

    #[test]
    fn text_and_links_can_be_read_on_their_background_by_day_and_by_night() {
        let schemes: Vec<&str> = STYLE.lines().filter(|line| line.contains("--back:")).collect();
        assert_eq!(schemes.len(), 2);
        for scheme in schemes {
            let colour = |name: &str| {
                let value = scheme.split_once(&format!("--{name}: ")).unwrap().1;
                luminance(value.split_once(';').unwrap().0)
            };
            for (above, below) in [("ink", "back"), ("link", "back"), ("ink", "soft")] {
                let (bright, dark) = (colour(above).max(colour(below)), colour(above).min(colour(below)));
                let contrast = (bright + 0.05) / (dark + 0.05);
                assert!(contrast >= 4.5, "{above} on {below}: {contrast:.2} in {scheme}");
            }
        }
    }
}
