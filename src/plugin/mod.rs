//! The plugin package: what NocoBase's administrators install, and the texts, forms and facts inside it.
//!
//! `plugin.json`, `client-schema/`, `locales/` and `nocobase-plugin/` are the single source. They are embedded in
//! the binary; the package, the plugin list, the settings form and every text shown to people are made from them.

mod form;
mod guide;
mod in_client;
mod language;
mod locales;
mod manifest;
mod package;
mod program;
mod script;
mod template;

pub use form::{FormFill, directory_form_schema, form_schema, sign_in_button};
pub use guide::{guide_page, guide_policy};
pub use in_client::shared_script;
pub use language::{Language, negotiate};
pub use locales::Locales;
pub use manifest::Manifest;
pub use package::{Contents, PackageError, package};
pub use program::{Platform, Program, ProgramError, platform_name};
