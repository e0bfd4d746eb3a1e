//! Signing in inside DingTalk and by a code to scan, on pages of our own: the modules of NocoBase's client as modules of
//! the console's kind.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::form;
use super::manifest::Manifest;
use super::script::Fill;

/// What the clients call of DingTalk's JSAPI, with its licence.
pub(super) const JSAPI: &str = include_str!("../../nocobase-plugin/dingtalk-jsapi/dingtalk-jsapi.js");

/// The modules of the modern client that need nothing of NocoBase's, each before those that need it.
const MODULES: [&str; 8] = [
    include_str!("../../nocobase-plugin/client-v2/texts.js"),
    include_str!("../../nocobase-plugin/client-v2/way-back.js"),
    include_str!("../../nocobase-plugin/client-v2/in-client-marks.js"),
    include_str!("../../nocobase-plugin/client-v2/in-client-code.js"),
    include_str!("../../nocobase-plugin/client-v2/attempts.js"),
    include_str!("../../nocobase-plugin/client-v2/in-client-session.js"),
    include_str!("../../nocobase-plugin/client-v2/in-client.js"),
    include_str!("../../nocobase-plugin/client-v2/title-bar.js"),
];

/// What NocoBase's loader does for them, as far as they need it; what is NocoBase's own is left out.
const LOADER: &str = r"const modules = new Map();
function define(name, dependencies, factory) {
  const path = (one) => name.replace(/[^/]+$/, one.replace('./', ''));
  modules.set(name, factory(...dependencies.map((one) => modules.get(path(one)))));
}
const module = (name) => modules.get(`nocobase-plugin-auth-dingtalk/client-v2/${name}`);
";

/// A module of the console's kind, with what is wanted of them.
const EXPORTS: &str = r"export const inClient = module('in-client');
export const marks = module('in-client-marks');
export const titleBar = module('title-bar');
module('in-client-code').useLibrary(new URL('dingtalk-jsapi.js', import.meta.url).href);
";

/// The code to scan, for pages of our own.
const QR_FLOW: &str = include_str!("../../nocobase-plugin/client-v2/qr-flow.js");
const QR_EXPORTS: &str = "export const { isOffered, showFrame } = module('qr-flow');\n";

/// A script of the plugin's that pages of ours load, too, by its name; `None` for other names.
pub fn shared_script(name: &str) -> Option<&'static str> {
    static IN_CLIENT: LazyLock<String> = LazyLock::new(|| {
        let version = Manifest::embedded().version();
        let fill = Fill::new(
            None,
            &BTreeMap::new(),
            version,
            form::FORM,
            form::DIRECTORY_FORM,
            form::BUTTON,
        );
        format!("{LOADER}{}{EXPORTS}", fill.apply(&MODULES.concat()))
    });
    static QR_CODE: LazyLock<String> = LazyLock::new(|| format!("{LOADER}{QR_FLOW}{QR_EXPORTS}"));
    match name {
        "qr-flow.js" => Some(QR_CODE.as_str()),
        "in-client.js" => Some(IN_CLIENT.as_str()),
        "dingtalk-jsapi.js" => Some(JSAPI),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_stands_before_those_that_need_it() {
        let script = shared_script("in-client.js").unwrap();

        let mut known = vec!["react-i18next".to_owned()];
        for definition in script.split("\ndefine(").skip(1) {
            let head = definition.split("function").next().unwrap();
            let texts: Vec<&str> = head.split('\'').skip(1).step_by(2).collect();
            let (name, needed) = texts.split_first().unwrap();
            for one in needed {
                let one = one.trim_start_matches("./");
                assert!(known.iter().any(|module| module == one), "{name} needs {one}");
            }
            known.push(name.rsplit('/').next().unwrap().to_owned());
        }
        assert_eq!(known.len(), MODULES.len() + 1);
        assert!(!script.contains("__NBDT_"));
    }
}
