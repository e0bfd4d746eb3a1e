//! The plugin package, unpacked as NocoBase would.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use flate2::read::GzDecoder;
use nocobase_dingtalk::plugin::{Contents, Language, Manifest, PackageError, Platform, Program, package};
use serde_json::Value;

const SIDECAR_URL: &str = "http://127.0.0.1:13100";
const PUBLIC_PATH: &str = "/nocobase/";

/// The files of the package for a sidecar address, without the top directory.
fn unpack(sidecar_url: &str) -> BTreeMap<String, String> {
    let bytes = package(Contents::Remote(sidecar_url), PUBLIC_PATH).unwrap();
    let mut archive = tar::Archive::new(GzDecoder::new(bytes.as_slice()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        (
            path.strip_prefix("package/")
                .expect("one top directory")
                .to_owned(),
            content,
        )
    });
    entries.collect()
}

fn server_scripts(files: &BTreeMap<String, String>) -> String {
    let scripts = files.iter().filter(|(path, _)| path.starts_with("dist/server/"));
    scripts.map(|(_, content)| content.as_str()).collect()
}

#[test]
fn package_has_the_files_that_nocobase_looks_for() {
    let files = unpack(SIDECAR_URL);

    for path in [
        "package.json",
        "server.js",
        "client.js",
        "client-v2.js",
        "dist/server/index.js",
        "dist/client/index.js",
        "dist/client-v2/index.js",
        "dist/externalVersion.js",
    ] {
        assert!(
            files.get(path).is_some_and(|content| !content.is_empty()),
            "{path}"
        );
    }
    for language in Language::ALL {
        let texts: BTreeMap<String, String> =
            serde_json::from_str(&files[&format!("dist/locale/{language}.json")]).unwrap();
        assert!(!texts.is_empty(), "{language}");
    }
    // NocoBase scans the sources for versions when a package ships them.
    assert!(
        files
            .keys()
            .all(|path| !path.starts_with("src/") && !path.contains(".."))
    );
}

#[test]
fn package_json_names_a_main_file_that_is_there() {
    let files = unpack(SIDECAR_URL);

    let package: Value = serde_json::from_str(&files["package.json"]).unwrap();
    let main = package["main"].as_str().unwrap().strip_prefix("./").unwrap();
    assert!(files.contains_key(main));
    assert_eq!(package["name"], Manifest::embedded().name());
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(package["keywords"], serde_json::json!(["Authentication"]));
    assert!(package["peerDependencies"]["@nocobase/plugin-auth"].is_string());
    for key in [
        "displayName",
        "description",
        "homepage",
        "displayName.hi-IN",
        "description.tr-TR",
    ] {
        assert!(
            package[key].as_str().is_some_and(|text| !text.is_empty()),
            "{key}"
        );
    }
    assert!(!files["package.json"].contains("{{"));
}

#[test]
fn package_has_all_modules_of_the_modern_client_in_the_one_file_that_browsers_ask_for() {
    let files = unpack(SIDECAR_URL);
    let name = format!("{}/client-v2", Manifest::embedded().name());

    let scripts = files.keys().filter(|path| path.starts_with("dist/client-v2/"));
    assert_eq!(scripts.collect::<Vec<_>>(), ["dist/client-v2/index.js"]);
    let script = &files["dist/client-v2/index.js"];
    let defined = script.split("define(").skip(1);
    let defined: Vec<&str> = defined.map(|rest| rest.split('\'').nth(1).unwrap()).collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/nocobase-plugin/client-v2");
    let modules: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|file| match file.strip_suffix(".js").unwrap() {
            "index" => name.clone(),
            module => format!("{name}/{module}"),
        })
        .collect();
    // The one that browsers ask for begins when it is read: the others have to be known by then.
    assert_eq!(defined.last(), Some(&name.as_str()));
    assert_eq!(
        defined.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
        modules
    );
}

#[test]
fn package_carries_the_guide_that_each_language_links_to() {
    let files = unpack(SIDECAR_URL);

    let package: Value = serde_json::from_str(&files["package.json"]).unwrap();
    let folder = format!("{PUBLIC_PATH}static/plugins/{}/", Manifest::embedded().name());
    for language in Language::ALL {
        let key = if language == Language::default() {
            "homepage".to_owned()
        } else {
            format!("homepage.{language}")
        };
        let path = package[&key].as_str().unwrap().strip_prefix(&folder).unwrap();
        assert!(
            path.starts_with("dist/client/"),
            "{path} is not served by NocoBase"
        );
        assert!(files[path].contains(&format!("lang=\"{language}\"")), "{path}");
    }
}

#[test]
fn package_carries_the_address_and_no_token_is_left() {
    let files = unpack("https://sidecar.example.com/dingtalk/");

    assert!(server_scripts(&files).contains(r#""https://sidecar.example.com/dingtalk""#));
    for (path, content) in files {
        assert!(!content.contains("__NBDT_"), "{path}");
    }
}

#[test]
fn package_is_the_same_each_time_and_belongs_to_nobody() {
    let first = package(Contents::Remote(SIDECAR_URL), PUBLIC_PATH).unwrap();

    let second = package(Contents::Remote(SIDECAR_URL), PUBLIC_PATH).unwrap();

    assert_eq!(first, second);
    let mut archive = tar::Archive::new(GzDecoder::new(first.as_slice()));
    let mut paths = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!(header.mode().unwrap(), 0o644);
        assert_eq!(
            (
                header.uid().unwrap(),
                header.gid().unwrap(),
                header.mtime().unwrap()
            ),
            (0, 0, 0)
        );
        paths.push(entry.path().unwrap().display().to_string());
    }
    assert!(paths.is_sorted());
}

#[test]
fn a_hostile_address_cannot_leave_its_string() {
    let hostile = "http://127.0.0.1:13100/\";process.exit();//</script>'`${x}\\";

    let files = unpack(hostile);

    let server = server_scripts(&files);
    assert!(!server.contains("\";process") && !server.contains("</script>"));
    assert!(server.contains(r#""http://127.0.0.1:13100/%22;process.exit();//%3C/script%3E'%60$%7Bx%7D"#));
}

#[test]
fn an_address_that_is_not_plain_http_is_refused() {
    for address in [
        "javascript:alert(1)",
        "file:///etc",
        "http://a:b@host",
        "http://host?x",
        "not a url",
    ] {
        assert!(
            matches!(
                package(Contents::Remote(address), PUBLIC_PATH),
                Err(PackageError::SidecarUrl)
            ),
            "{address}"
        );
    }
}

/// A file that has the head of a program for a platform, and a body of its own.
fn stub(folder: &tempfile::TempDir, platform: Platform, body: &[u8]) -> Program {
    let machine: u8 = match platform {
        Platform::LinuxX64 => 62,
        Platform::LinuxArm64 => 183,
    };
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    bytes.extend([machine, 0]);
    bytes.extend(body);
    let path = folder.path().join(platform.name());
    std::fs::write(&path, bytes).unwrap();
    Program::read(platform, &path).unwrap()
}

/// Path, mode and content of each file of a package.
fn entries(package: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(package));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (path, (entry.header().mode().unwrap(), content))
    });
    entries.collect()
}

#[test]
fn a_package_brings_each_program_along_with_its_checksum_and_may_run_it() {
    use sha2::Digest as _;
    let folder = tempfile::tempdir().unwrap();
    let programs = Platform::ALL.map(|platform| stub(&folder, platform, platform.name().as_bytes()));

    let files = entries(&package(Contents::Managed(programs.into()), PUBLIC_PATH).unwrap());

    let (_, built_in) = &files["package/dist/server/built-in.js"];
    let built_in = String::from_utf8(built_in.clone()).unwrap();
    assert!(built_in.contains("SIDECAR_URL: null"), "{built_in}");
    for platform in Platform::ALL {
        let (mode, content) = &files[&format!("package/bin/{platform}/nocobase-dingtalk")];
        assert_eq!(*mode, 0o755);
        let sum = hex::encode(sha2::Sha256::digest(content));
        assert!(
            built_in.contains(&format!(r#""{platform}":"{sum}""#)),
            "{platform}: {built_in}"
        );
    }
    let others = files.iter().filter(|(path, _)| !path.starts_with("package/bin/"));
    assert!(others.into_iter().all(|(_, (mode, _))| *mode == 0o644));
}

#[test]
fn the_same_programs_give_the_same_bytes_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let pack = |body: &[u8]| {
        let programs = vec![stub(&folder, Platform::LinuxX64, body)];
        package(Contents::Managed(programs), PUBLIC_PATH).unwrap()
    };

    assert_eq!(pack(b"one"), pack(b"one"));
    assert_ne!(pack(b"one"), pack(b"two"));
}

#[test]
fn a_package_for_a_sidecar_elsewhere_holds_no_program() {
    let files = entries(&package(Contents::Remote(SIDECAR_URL), PUBLIC_PATH).unwrap());

    assert!(files.keys().all(|path| !path.starts_with("package/bin/")));
    let (_, built_in) = &files["package/dist/server/built-in.js"];
    assert!(String::from_utf8_lossy(built_in).contains("PROGRAMS: {}"));
}
