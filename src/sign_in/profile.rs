//! What of a known person's profile follows DingTalk. It keeps nobody out: what cannot be had now is had the next time.

use log::warn;
use url::Url;

use super::directory_member::DirectoryMember;
use super::identity::{Identity, nickname, shortened};
use super::matching::MatchedUser;
use super::{SignIn, SignInError};
use crate::audit::Matched;
use crate::authenticator::Configured;
use crate::causes::with_causes;
use crate::nocobase::{ProfileChanges, StoreError, UserId};
use crate::phone::{Dialled, Phone};

/// What NocoBase's column for short texts holds.
const ADDRESS_LIMIT: usize = 255;

/// What DingTalk says of somebody at a sign-in.
pub struct Presented {
    /// Their name.
    pub nickname: Option<String>,
    /// What is more.
    pub contact: Contact,
}

/// A phone number and a picture, or where to ask for them.
pub enum Contact {
    /// DingTalk told them with the identity.
    Told {
        /// A usable number.
        phone: Option<Phone>,
        /// The address of the picture.
        avatar: Option<String>,
    },
    /// The directory knows.
    InDirectory,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Refreshed {
    /// The fields that were changed.
    pub fields: Vec<&'static str>,
    /// Whether the phone number was left, because another user has it.
    pub is_phone_taken: bool,
}

impl Presented {
    /// As the identity tells it.
    pub fn of(identity: &Identity) -> Self {
        Self {
            nickname: identity.nickname.clone(),
            contact: Contact::Told {
                phone: identity.phone.clone().ok(),
                avatar: identity.avatar.clone(),
            },
        }
    }
}

impl Refreshed {
    /// For the audit: names of fields, and never what is in them.
    pub fn told(&self) -> Option<String> {
        let fields = (!self.fields.is_empty()).then(|| format!("refreshed={}", self.fields.join(",")));
        let taken = self.is_phone_taken.then(|| "phone_taken".to_owned());
        let told: Vec<_> = fields.into_iter().chain(taken).collect();
        (!told.is_empty()).then(|| told.join(" "))
    }
}

impl SignIn {
    /// Takes over what the settings say, unless the person became a user just now.
    pub(super) async fn refresh(
        &self,
        latest: &Configured,
        person: &mut MatchedUser,
        presented: Presented,
        member: &mut DirectoryMember,
    ) -> Refreshed {
        if latest.options.rules.refresh.is_off() || person.matched == Matched::SignUp {
            return Refreshed::default();
        }
        let user = person.user.id;
        match self.try_refresh(latest, person, presented, member).await {
            Ok(refreshed) => {
                if refreshed.is_phone_taken {
                    warn!(
                        "user {user} did not get the phone number that DingTalk tells: another user has it"
                    );
                }
                refreshed
            }
            Err(error) => {
                report_failure(user, &error);
                Refreshed::default()
            }
        }
    }

    async fn try_refresh(
        &self,
        latest: &Configured,
        person: &mut MatchedUser,
        presented: Presented,
        member: &mut DirectoryMember,
    ) -> Result<Refreshed, SignInError> {
        let rules = latest.options.rules.refresh;
        let user = &person.user;
        let wants_phone = rules.phone.wants(user.phone.as_deref());
        let avatar = self.wanted_avatar(latest, person).await?;
        let (phone, picture) = match presented.contact {
            Contact::Told { phone, avatar } => (phone, avatar),
            Contact::InDirectory if wants_phone || avatar.is_wanted => {
                let entry = match member.entry().await {
                    Ok(entry) => entry,
                    // The name came without it.
                    Err(error) => {
                        report_failure(person.user.id, &error);
                        None
                    }
                };
                let phone = entry.and_then(|entry| {
                    Phone::parse(entry.state_code.as_deref(), entry.mobile.as_deref()).ok()
                });
                (phone, entry.and_then(|entry| entry.avatar_url.clone()))
            }
            Contact::InDirectory => (None, None),
        };
        let is_new_name = |name: &String| {
            rules.nickname.wants(user.nickname.as_deref()) && user.nickname.as_ref() != Some(name)
        };
        let dialled_now = user.phone.as_deref().and_then(Dialled::read);
        let phone = phone.filter(|phone| wants_phone && dialled_now != Some(phone.dialled()));
        let is_new_picture = |address: &String| {
            avatar.is_wanted && is_address(address) && avatar.stored.as_ref() != Some(address)
        };
        let changes = ProfileChanges {
            nickname: nickname(presented.nickname.as_deref()).filter(is_new_name),
            phone: phone.as_ref().map(Phone::stored),
            avatar: picture.filter(is_new_picture),
        };
        self.write_profile(latest, person, changes, phone.as_ref()).await
    }

    /// Nobody looks for a picture unless it may be wanted.
    async fn wanted_avatar(
        &self,
        latest: &Configured,
        person: &MatchedUser,
    ) -> Result<StoredAvatar, SignInError> {
        let (users, rule) = (self.store.users(), latest.options.rules.refresh.avatar);
        if !rule.wants(None) || !users.have_avatar().await? {
            return Ok(StoredAvatar::default());
        }
        let stored = users.avatar(person.user.id).await?;
        Ok(StoredAvatar {
            is_wanted: rule.wants(stored.as_deref()),
            stored,
        })
    }

    /// Writes in turn with the linkings, which look for users by phone number.
    async fn write_profile(
        &self,
        latest: &Configured,
        person: &mut MatchedUser,
        mut changes: ProfileChanges,
        phone: Option<&Phone>,
    ) -> Result<Refreshed, SignInError> {
        let mut refreshed = Refreshed::default();
        let (user, now) = (person.user.id, self.clock.now());
        let mut spellings = Vec::new();
        if let Some(phone) = phone {
            spellings = phone.spellings();
            spellings.extend(self.known_phones.of(phone.dialled()).await?);
        }
        while changes != ProfileChanges::default() {
            let Some(mut linking) = self.store.begin_link(&latest.authenticator.name).await? else {
                return Ok(refreshed);
            };
            if changes.phone.is_some() {
                let holders = linking.find_by_phone(&spellings).await?;
                if holders.iter().any(|holder| holder.user.id != user) {
                    changes.phone = None;
                    refreshed.is_phone_taken = true;
                    continue;
                }
            }
            match linking.change_profile(user, &changes, now).await {
                Ok(()) => {}
                // In a spelling that only the database takes for the same.
                Err(StoreError::Duplicate { .. }) if changes.phone.is_some() => {
                    changes.phone = None;
                    refreshed.is_phone_taken = true;
                    continue;
                }
                // The database's alphabet lacks a character, which only a name can have.
                Err(StoreError::TextRefused) if changes.nickname.is_some() => {
                    changes.nickname = changes.nickname.as_deref().and_then(shortened);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            linking.commit().await?;
            refreshed.fields = changes.fields();
            let told = &mut person.user;
            told.nickname = changes.nickname.take().or(told.nickname.take());
            told.phone = changes.phone.take().or(told.phone.take());
            break;
        }
        Ok(refreshed)
    }
}

#[derive(Default)]
struct StoredAvatar {
    is_wanted: bool,
    stored: Option<String>,
}

fn report_failure(user: UserId, error: &dyn std::error::Error) {
    warn!(
        "the profile of user {user} was not refreshed: {}",
        with_causes(error)
    );
}

/// Pages show it as a picture, so it has to be an address of one.
fn is_address(text: &str) -> bool {
    let is_web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    is_web && text.chars().count() <= ADDRESS_LIMIT
}
