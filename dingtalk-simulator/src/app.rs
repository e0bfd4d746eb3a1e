//! An app: what an organization registers in DingTalk's developer console.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::Url;

/// Names of the permissions that change an answer of the simulator, as DingTalk spells them.
pub mod permission {
    /// What every app is granted by itself; redeems codes of the client.
    pub const BASE: &str = "qyapi_base";
    /// Read the profile of the person who signs in.
    pub const USER_READ: &str = "Contact.User.Read";
    /// See the phone number in that profile.
    pub const USER_MOBILE: &str = "Contact.User.mobile";
    /// Read members of the organization.
    pub const GET_MEMBER: &str = "qyapi_get_member";
    /// Read departments of the organization.
    pub const GET_DEPARTMENT_LIST: &str = "qyapi_get_department_list";
    /// Read the people of a department.
    pub const GET_DEPARTMENT_MEMBER: &str = "qyapi_get_department_member";
    /// Find a member by phone number.
    pub const GET_MEMBER_BY_MOBILE: &str = "qyapi_get_member_by_mobile";
    /// See the phone numbers of members.
    pub const FIELD_MOBILE: &str = "fieldMobile";
    /// See the mail addresses of members.
    pub const FIELD_EMAIL: &str = "fieldEmail";

    /// All of them, in the order of the simulator's page.
    pub const ALL: [&str; 9] = [
        USER_READ,
        USER_MOBILE,
        GET_MEMBER,
        GET_DEPARTMENT_LIST,
        GET_DEPARTMENT_MEMBER,
        GET_MEMBER_BY_MOBILE,
        FIELD_MOBILE,
        FIELD_EMAIL,
        BASE,
    ];
}

/// An app of one organization, with the settings of its console pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct App {
    /// Client ID, which DingTalk also calls AppKey.
    pub client_id: String,
    /// Client Secret; it opens nothing but this simulator, so its page shows it.
    pub client_secret: String,
    /// Organization that owns the app.
    pub corp_id: String,
    /// Registered redirect URLs.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// How closely a redirect URL must agree with a registered one.
    #[serde(default)]
    pub redirect_match: RedirectMatch,
    /// Granted permissions; see [`permission`].
    #[serde(default = "every_permission")]
    pub permissions: BTreeSet<String>,
    /// Whether the app can be used at all.
    #[serde(default)]
    pub status: AppStatus,
    /// The departments that the app may read, with all below them (通讯录权限范围).
    #[serde(default = "whole_organization")]
    pub readable_departments: Vec<i64>,
    /// People outside of these whom it may read besides, by user id.
    #[serde(default)]
    pub readable_members: Vec<String>,
    /// Addresses that may call for this app; none means any.
    #[serde(default)]
    pub allowed_addresses: Vec<IpAddr>,
}

/// How a redirect URL is compared with the registered ones; DingTalk's documents contradict each other here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedirectMatch {
    /// Character for character.
    #[default]
    Exact,
    /// Scheme, host and port only.
    Origin,
}

/// What the developer console says about the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppStatus {
    /// A version is published: the credentials work.
    #[default]
    Published,
    /// No version was ever published: the credentials do not work yet.
    Unpublished,
    /// An administrator has stopped the app (停用).
    Disabled,
    /// The organization itself is stopped.
    OrganizationDisabled,
}

impl App {
    /// The app of the demo: all permissions, one registered redirect URL.
    pub fn demo(redirect_uri: impl Into<String>) -> Self {
        Self {
            client_id: "dingdemo8qk3v1x7w2ab".to_owned(),
            client_secret: "simulated-and-not-secret-0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZabc".to_owned(),
            corp_id: super::person::DEMO_CORP_ID.to_owned(),
            redirect_uris: vec![redirect_uri.into()],
            redirect_match: RedirectMatch::Exact,
            permissions: every_permission(),
            status: AppStatus::Published,
            readable_departments: whole_organization(),
            readable_members: Vec::new(),
            allowed_addresses: Vec::new(),
        }
    }

    /// Whether a browser may be sent back to this address.
    pub fn accepts_redirect(&self, redirect_uri: &str) -> bool {
        match self.redirect_match {
            RedirectMatch::Exact => self
                .redirect_uris
                .iter()
                .any(|registered| registered == redirect_uri),
            RedirectMatch::Origin => origin(redirect_uri).is_some_and(|wanted| {
                self.redirect_uris
                    .iter()
                    .any(|registered| origin(registered).as_ref() == Some(&wanted))
            }),
        }
    }

    /// Whether the permission was granted.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    /// Whether calls from this address are let through.
    pub fn accepts_address(&self, address: Option<IpAddr>) -> bool {
        self.allowed_addresses.is_empty()
            || address.is_some_and(|address| self.allowed_addresses.contains(&address))
    }
}

fn whole_organization() -> Vec<i64> {
    vec![super::department::ROOT]
}

fn every_permission() -> BTreeSet<String> {
    permission::ALL.iter().map(|&name| name.to_owned()).collect()
}

fn origin(url: &str) -> Option<url::Origin> {
    let origin = Url::parse(url).ok()?.origin();
    origin.is_tuple().then_some(origin)
}
