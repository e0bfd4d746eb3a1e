//! A person: somebody with a DingTalk account, and what DingTalk would tell an app about them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Organization of the demo.
pub const DEMO_CORP_ID: &str = "ding3f9c1e77a20b4d58836fc2657bd714e8";
/// Another organization, where the demo's outsider works.
pub const OTHER_CORP_ID: &str = "dingc41d88f06e9a4b1385a7d2b90e63f71c";

/// A DingTalk account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Person {
    /// Short name for addresses, tests and forms, such as `li-lei`.
    pub key: String,
    /// Name as DingTalk shows it.
    pub name: String,
    /// The same name for readers of the Latin script.
    #[serde(default)]
    pub latin_name: Option<String>,
    /// What signing in as this person shows, for the page where one is chosen.
    #[serde(default)]
    pub shows: String,
    /// Identifier of the person across all apps of one developer.
    pub union_id: String,
    /// Country calling code without `+`.
    #[serde(default)]
    pub state_code: Option<String>,
    /// National phone number.
    #[serde(default)]
    pub mobile: Option<String>,
    /// How the profile gives the phone number.
    #[serde(default)]
    pub mobile_sharing: MobileSharing,
    /// Whether the profile leaves out the union id.
    #[serde(default)]
    pub withholds_union_id: bool,
    /// Whether DingTalk marks the person as a visitor.
    #[serde(default)]
    pub visitor: bool,
    /// Address of their picture.
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// Personal mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Organizations they belong to.
    #[serde(default)]
    pub memberships: Vec<Membership>,
}

/// How a profile gives the phone number, when the app may see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MobileSharing {
    /// In full.
    #[default]
    Shown,
    /// Not at all; the country code stays, as DingTalk leaves it.
    Withheld,
    /// With stars in the middle, as third-party apps get it.
    Masked,
    /// As an empty text.
    Blank,
}

/// How a person belongs to one organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Membership {
    /// The organization.
    pub corp_id: String,
    /// Identifier of the person inside it (userid).
    pub user_id: String,
    /// Employee or external contact.
    #[serde(default)]
    pub contact: Contact,
    /// Whether the person is outside what the organization's apps may read.
    #[serde(default)]
    pub out_of_scope: bool,
    /// Whether the person is outside the visible range (可使用范围) of the organization's apps.
    #[serde(default)]
    pub app_hidden: bool,
    /// Whether access rules hide them from their colleagues.
    #[serde(default)]
    pub hidden: bool,
    /// The departments they belong to, each followed by those above it up to the root, 1.
    #[serde(default = "root_department")]
    pub departments: Vec<Vec<i64>>,
    /// Those of their own departments that they lead.
    #[serde(default)]
    pub leads: Vec<i64>,
    /// How they are sorted in their own departments; 0 where nothing is said.
    #[serde(default)]
    pub orders: BTreeMap<i64, i64>,
    /// Their title (职位).
    #[serde(default)]
    pub title: Option<String>,
    /// Their number (工号).
    #[serde(default)]
    pub job_number: Option<String>,
    /// Where they work (办公地点).
    #[serde(default)]
    pub work_place: Option<String>,
    /// Mailbox that the organization gave them.
    #[serde(default)]
    pub org_email: Option<String>,
    /// What they may do in the organization.
    #[serde(default)]
    pub standing: Standing,
}

/// What a member may do in the organization, as `user/get` tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nothing beyond their work.
    #[default]
    Ordinary,
    /// They administer it: `admin`.
    Administrator,
    /// They own it (老板): `boss`.
    Boss,
}

fn root_department() -> Vec<Vec<i64>> {
    vec![vec![1]]
}

/// Kind of contact that `getbyunionid` reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// `contact_type` 0.
    #[default]
    Employee,
    /// `contact_type` 1: known to the organization, not a member of it.
    External,
}

impl Membership {
    /// An employee whom the organization's apps may read.
    pub fn employee(corp_id: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self {
            corp_id: corp_id.into(),
            user_id: user_id.into(),
            contact: Contact::Employee,
            out_of_scope: false,
            app_hidden: false,
            hidden: false,
            departments: root_department(),
            leads: Vec::new(),
            orders: BTreeMap::new(),
            title: None,
            job_number: None,
            work_place: None,
            org_email: None,
            standing: Standing::Ordinary,
        }
    }

    /// The departments they are in themselves.
    pub fn own_departments(&self) -> impl Iterator<Item = i64> {
        self.departments.iter().filter_map(|path| path.first().copied())
    }
}

impl Person {
    /// An employee of the demo's organization with a phone number in mainland China.
    pub fn employee(key: &str, name: &str, union_id: &str, mobile: &str) -> Self {
        Self {
            key: key.to_owned(),
            name: name.to_owned(),
            latin_name: None,
            shows: String::new(),
            union_id: union_id.to_owned(),
            state_code: Some("86".to_owned()),
            mobile: Some(mobile.to_owned()),
            mobile_sharing: MobileSharing::Shown,
            withholds_union_id: false,
            visitor: false,
            avatar_url: None,
            email: None,
            memberships: vec![Membership::employee(DEMO_CORP_ID, format!("staff-{key}"))],
        }
    }

    /// The membership in one organization.
    pub fn membership(&self, corp_id: &str) -> Option<&Membership> {
        self.memberships
            .iter()
            .find(|membership| membership.corp_id == corp_id)
    }

    /// The people of the demo: one for each way a sign-in can end.
    pub fn demo() -> Vec<Self> {
        let person = |key, name, latin: &str, union_id, mobile, shows: &str| Self {
            latin_name: Some(latin.to_owned()),
            shows: shows.to_owned(),
            ..Self::employee(key, name, union_id, mobile)
        };
        vec![
            person(
                "li-lei",
                "李雷",
                "Li Lei",
                "vQR2XRTIXbAUYtz7oy0nfwiEiE",
                "13800138000",
                "A user here has the same phone number, so this person becomes that user.",
            ),
            person(
                "han-meimei",
                "韩梅梅",
                "Han Meimei",
                "Kd71mVbNq4sPzLwXo3TRhAiEiE",
                "13900139001",
                "New here: signed up where that is allowed, refused where it is not.",
            ),
            Self {
                mobile: None,
                ..person(
                    "wang-fang",
                    "王芳",
                    "Wang Fang",
                    "p9Zs2FYcWuE8kRgJ5tHnQxiEiE",
                    "",
                    "DingTalk gives no phone number, so nobody can be matched.",
                )
            },
            Self {
                state_code: Some("1".to_owned()),
                ..person(
                    "alex-kim",
                    "Alex Kim",
                    "",
                    "Ht5uBq0YxVn6CeMlP8dKSgiEiE",
                    "13800138000",
                    "The digits of Li Lei's number in another country: must not become the same user.",
                )
            },
            Self {
                memberships: vec![Membership::employee(OTHER_CORP_ID, "staff-zhao-yun")],
                ..person(
                    "zhao-yun",
                    "赵云",
                    "Zhao Yun",
                    "Wr3LjOa9TzKfU1vGc6XyBmiEiE",
                    "13600136006",
                    "Outside the organization: has a DingTalk account, but works elsewhere.",
                )
            },
            person(
                "chen-chen",
                "陈晨",
                "Chen Chen",
                "e4DhN7iSJpQw2MbZx0FoVkiEiE",
                "13700137000",
                "Two users here claim this phone number, so neither is chosen.",
            ),
        ]
        .into_iter()
        .map(|person| Self {
            latin_name: person.latin_name.filter(|name| !name.is_empty()),
            ..person
        })
        .map(|mut person| {
            let departments: &[&[i64]] = match person.key.as_str() {
                "li-lei" | "alex-kim" => &[&[102, 101, 1]],
                "han-meimei" => &[&[101, 1]],
                "chen-chen" => &[&[201, 1], &[101, 1]],
                _ => &[&[1]],
            };
            if let Some(membership) = person.memberships.first_mut() {
                membership.departments = departments.iter().map(|path| path.to_vec()).collect();
            }
            person
        })
        .collect()
    }
}
