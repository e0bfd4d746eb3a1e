//! The package: the `.tgz` that an administrator adds on NocoBase's plugin manager page.
//!
//! The same contents give the same bytes: files are sorted, and times and owners are zero.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder};
use include_dir::{Dir, include_dir};
use thiserror::Error;
use url::Url;

use super::form;
use super::guide::guide_page;
use super::in_client::JSAPI;
use super::language::Language;
use super::locales;
use super::manifest::Manifest;
use super::program::{Platform, Program};
use super::script::Fill;

static SERVER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/nocobase-plugin/server");
static CLIENT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/nocobase-plugin/client");
static CLIENT_V2: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/nocobase-plugin/client-v2");

/// An empty list of built-against versions is compatible with every NocoBase; a missing file is with none.
const EXTERNAL_VERSION: &str = "module.exports = {};\n";

/// Why there is no package.
#[derive(Debug, Error)]
pub enum PackageError {
    /// The address cannot be one of a sidecar; NocoBase would call it with every sign-in.
    #[error("the sidecar's address is not a plain http or https address")]
    SidecarUrl,
    /// The archive could not be written.
    #[error("writing the plugin package failed")]
    Write(#[source] io::Error),
}

/// Where the plugin in the package finds its sidecar.
pub enum Contents<'a> {
    /// In the package: one program for each platform, the last given counts.
    Managed(Vec<Program>),
    /// At this address.
    Remote(&'a str),
}

/// The plugin package as a `.tgz`, with the path of NocoBase's pages (with a slash at both ends) written in, where
/// browsers find the guide.
pub fn package(contents: Contents<'_>, public_path: &str) -> Result<Vec<u8>, PackageError> {
    let (sidecar_url, programs) = match contents {
        Contents::Managed(programs) => (None, programs),
        Contents::Remote(url) => (
            Some(plain_address(url).ok_or(PackageError::SidecarUrl)?),
            Vec::new(),
        ),
    };
    let programs = programs
        .into_iter()
        .map(|program| (program.platform(), program))
        .collect();
    archive(&files(sidecar_url.as_deref(), programs, public_path)).map_err(PackageError::Write)
}

/// An address of scheme, host, port and path alone, without a slash at its end.
fn plain_address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (is_web && is_bare).then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// A file of the package.
struct PackedFile {
    content: Vec<u8>,
    mode: u32,
}

impl PackedFile {
    const fn plain(content: Vec<u8>) -> Self {
        Self { content, mode: 0o644 }
    }
}

fn files(
    sidecar_url: Option<&str>,
    programs: BTreeMap<Platform, Program>,
    public_path: &str,
) -> BTreeMap<String, PackedFile> {
    let manifest = Manifest::embedded();
    let checksums = programs
        .iter()
        .map(|(platform, program)| (platform.name(), program.sha256()))
        .collect();
    let fill = Fill::new(
        sidecar_url,
        &checksums,
        manifest.version(),
        form::FORM,
        form::DIRECTORY_FORM,
        form::BUTTON,
    );
    let mut files = BTreeMap::new();
    for (platform, program) in programs {
        let executable = PackedFile {
            content: program.into_bytes(),
            mode: 0o755,
        };
        files.insert(format!("bin/{platform}/nocobase-dingtalk"), executable);
    }
    let mut add = |path: String, content: String| {
        files.insert(path, PackedFile::plain(content.into_bytes()));
    };

    add(
        "package.json".to_owned(),
        format!("{:#}\n", manifest.package_json(public_path)),
    );
    add(
        "server.js".to_owned(),
        fill.apply(include_str!("../../nocobase-plugin/server.js")),
    );
    add(
        "client.js".to_owned(),
        fill.apply(include_str!("../../nocobase-plugin/client.js")),
    );
    add(
        "client-v2.js".to_owned(),
        fill.apply(include_str!("../../nocobase-plugin/client-v2.js")),
    );
    add("dist/externalVersion.js".to_owned(), EXTERNAL_VERSION.to_owned());
    for language in Language::ALL {
        add(
            format!("dist/locale/{language}.json"),
            locales::source(language).to_owned(),
        );
        if let Some(page) = guide_page(language) {
            // NocoBase serves this folder to browsers, but redirects every `.html` to where nothing is.
            add(format!("dist/client/guide-{language}.htm"), page);
        }
    }
    // Apart from the client, which loads it inside DingTalk only.
    add("dist/client/dingtalk-jsapi.js".to_owned(), JSAPI.to_owned());
    add_folder("dist/server", &SERVER, &fill, &mut files);
    add_folder("dist/client", &CLIENT, &fill, &mut files);
    let modern = fill.apply(&joined(&CLIENT_V2));
    files.insert(
        "dist/client-v2/index.js".to_owned(),
        PackedFile::plain(modern.into_bytes()),
    );
    files
}

/// The modules of a folder as one file, because browsers ask for one: each names itself, and `index.js`, the one that
/// is asked for, comes last.
fn joined(folder: &Dir<'_>) -> String {
    let mut modules: Vec<_> = folder.files().collect();
    modules.sort_by_key(|module| (module.path().ends_with("index.js"), module.path()));
    modules
        .into_iter()
        .filter_map(|module| module.contents_utf8())
        .collect()
}

/// Adds a folder of the repository with its subfolders; only `.js` files are written into.
fn add_folder(target: &str, folder: &Dir<'_>, fill: &Fill, files: &mut BTreeMap<String, PackedFile>) {
    for file in folder.files() {
        let path = format!("{target}/{}", file.path().display());
        let is_script = file.path().extension().is_some_and(|extension| extension == "js");
        let content = match file.contents_utf8() {
            Some(script) if is_script => fill.apply(script).into_bytes(),
            _ => file.contents().to_vec(),
        };
        files.insert(path, PackedFile::plain(content));
    }
    for subfolder in folder.dirs() {
        add_folder(target, subfolder, fill, files);
    }
}

fn archive(files: &BTreeMap<String, PackedFile>) -> io::Result<Vec<u8>> {
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(gzip);
    for (path, file) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("package/{path}"), file.content.as_slice())?;
    }
    let mut gzip = archive.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_web_address_can_be_a_sidecars() {
        for (given, written) in [
            ("http://127.0.0.1:13100", Some("http://127.0.0.1:13100")),
            (
                "https://Sidecar.example.com/dingtalk/",
                Some("https://sidecar.example.com/dingtalk"),
            ),
            ("http://[::1]:13100/", Some("http://[::1]:13100")),
            ("ftp://127.0.0.1", None),
            ("javascript:alert(1)", None),
            ("http://user:pass@host", None),
            ("http://host/?x=1", None),
            ("http://host/#x", None),
            ("//host", None),
            ("", None),
        ] {
            assert_eq!(plain_address(given).as_deref(), written, "{given}");
        }
    }
}
