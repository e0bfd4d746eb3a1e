//! A person, as much of them as is written or compared: an organization of fifty thousand lies in memory.

use super::options::Fields;
use crate::dingtalk::{DirectoryEntry, Place};
use crate::phone::{Dialled, Phone};

/// Somebody of an organization, under their user id.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id across organizations.
    pub union_id: Option<Box<str>>,
    /// What they are called.
    pub name: Option<Box<str>>,
    /// As it is stored for a new user.
    pub phone: Option<Box<str>>,
    /// Their mailbox.
    pub email: Option<Box<str>>,
    /// Title, number, picture and place of work, as far as they are written.
    pub columns: Option<Box<Columns>>,
    /// Where they belong, in DingTalk's order.
    pub places: Box<[Place]>,
}

/// In the order of [`Fields::COLUMNS`].
pub type Columns = [Option<Box<str>>; 4];

impl Person {
    /// What is used of an entry.
    pub fn of(entry: DirectoryEntry, fields: &Fields) -> Self {
        let phone = Phone::parse(entry.state_code.as_deref(), entry.mobile.as_deref()).ok();
        let given = [entry.title, entry.job_number, entry.avatar_url, entry.work_place];
        let mut columns: Columns = [const { None }; 4];
        for ((column, given), wanted) in columns.iter_mut().zip(given).zip(&fields.columns) {
            *column = given.filter(|_| wanted.is_some()).map(Into::into);
        }
        let is_empty = columns.iter().all(Option::is_none);
        Self {
            union_id: entry.union_id.map(|id| id.as_str().into()),
            name: entry.name.map(Into::into),
            phone: phone.map(|phone| phone.stored().into()),
            email: entry.email.map(|email| email.trim().into()),
            columns: (!is_empty).then(|| Box::new(columns)),
            places: entry.departments.into(),
        }
    }

    /// What the list of another department knows of them besides.
    pub fn merge(&mut self, other: &Self) {
        for place in &mut self.places {
            let same = |known: &&Place| known.department == place.department;
            if let Some(known) = other.places.iter().find(same) {
                place.merge(*known);
            }
        }
    }

    /// What is dialled to reach them.
    pub fn dialled(&self) -> Option<Dialled> {
        Dialled::read(self.phone.as_deref()?)
    }
}
