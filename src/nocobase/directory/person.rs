//! A person as a source gives them, in the words of the tables.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;

use super::columns::CustomColumns;

/// A person, and their departments by their ids here.
#[derive(Clone, PartialEq, Eq)]
pub struct SyncedPerson {
    /// Their id in the source.
    pub uid: String,
    /// The whole of it, as it is stored to recognise them unchanged.
    pub record: Value,
    /// The name that is shown.
    pub nickname: Option<String>,
    /// In the spelling to be stored.
    pub phone: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// By what the database calls the column.
    pub(super) columns: BTreeMap<String, String>,
    /// The departments they are in, and whether they lead them.
    pub departments: BTreeMap<i64, bool>,
    /// The one they mainly belong to.
    pub main_department: Option<i64>,
}

impl fmt::Debug for SyncedPerson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SyncedPerson")
            .field("departments", &self.departments.len())
            .finish_non_exhaustive()
    }
}

impl SyncedPerson {
    /// Reads a record; `None` when it names nobody. Departments that are not here are left out.
    pub fn of(record: Value, columns: &CustomColumns, departments: &HashMap<String, i64>) -> Option<Self> {
        let text = |name: &str| {
            let text = record.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let uid = text("uid")?;
        let (mut held, mut main) = (BTreeMap::new(), None);
        for department in record
            .get("departments")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let flag = |name: &str| department.get(name).and_then(Value::as_bool).unwrap_or_default();
            let id = department.get("uid").and_then(Value::as_str);
            if let Some(id) = id.and_then(|uid| departments.get(uid)) {
                held.insert(*id, flag("isOwner"));
                if flag("isMain") {
                    main = Some(*id);
                }
            }
        }
        let columns = columns.spelt.iter();
        Some(Self {
            uid,
            nickname: text("nickname"),
            phone: text("phone"),
            email: text("email"),
            columns: columns
                .filter_map(|(field, column)| Some((column.clone(), text(field)?)))
                .collect(),
            departments: held,
            main_department: main,
            record,
        })
    }
}
