//! Rebuilds the crate when a file changes that is embedded in it as part of a folder.

fn main() {
    for folder in [
        "console",
        "client-schema",
        "docs",
        "locales",
        "nocobase-plugin",
        "plugin.json",
    ] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
