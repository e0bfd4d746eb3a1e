//! An event of an organization: what its apps are told when people or departments change.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::person::{Contact, Person};

/// What happened, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrgEvent {
    /// DingTalk's word for it, such as `user_add_org`.
    pub word: String,
    /// User ids, or ids of departments.
    pub subjects: Vec<String>,
}

/// The two generations of how DingTalk spells the fields of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spelling {
    /// `eventId`, `userId`.
    #[default]
    Current,
    /// `UserId`, and no number of the event.
    Older,
}

impl OrgEvent {
    /// One that befalls a person.
    pub fn of_person(word: &str, user_id: &str) -> Self {
        Self {
            word: word.to_owned(),
            subjects: vec![user_id.to_owned()],
        }
    }

    /// One that befalls a department.
    pub fn of_department(word: &str, id: i64) -> Self {
        Self {
            word: word.to_owned(),
            subjects: vec![id.to_string()],
        }
    }

    /// What the difference between two states of a person is to each of their organizations.
    pub fn between(before: Option<&Person>, after: Option<&Person>) -> Vec<(String, Self)> {
        let mut events = Vec::new();
        let employments = |person: Option<&Person>| {
            let memberships = person
                .map(|person| person.memberships.clone())
                .unwrap_or_default();
            memberships
                .into_iter()
                .filter(|membership| membership.contact == Contact::Employee)
                .collect::<Vec<_>>()
        };
        let (old, new) = (employments(before), employments(after));
        for membership in &old {
            let stays = new
                .iter()
                .any(|other| other.corp_id == membership.corp_id && other.user_id == membership.user_id);
            if !stays {
                let event = Self::of_person("user_leave_org", &membership.user_id);
                events.push((membership.corp_id.clone(), event));
            }
        }
        let is_changed = json!(before) != json!(after);
        for membership in &new {
            let was_there = old
                .iter()
                .any(|other| other.corp_id == membership.corp_id && other.user_id == membership.user_id);
            let word = match (was_there, is_changed) {
                (false, _) => "user_add_org",
                (true, true) => "user_modify_org",
                (true, false) => continue,
            };
            let event = Self::of_person(word, &membership.user_id);
            events.push((membership.corp_id.clone(), event));
        }
        events
    }

    /// The body of a callback.
    pub fn body(&self, spelling: Spelling, id: &str, corp_id: &str, at_ms: i64) -> Value {
        match spelling {
            Spelling::Current => {
                let mut body = json!({
                    "EventType": self.word,
                    "EventTime": at_ms,
                    "CorpId": corp_id,
                    "BizId": id,
                    "eventId": id,
                    "timeStamp": at_ms.to_string(),
                });
                body[self.subject_name("userId", "deptId")] = self.subjects();
                body
            }
            Spelling::Older => {
                let mut body = json!({
                    "EventType": self.word,
                    "CorpId": corp_id,
                    "OptStaffId": "manager164",
                    "TimeStamp": at_ms.to_string(),
                });
                body[self.subject_name("UserId", "DeptId")] = self.subjects();
                body
            }
        }
    }

    /// The entry in the list of callbacks that failed.
    pub fn failed_entry(&self, corp_id: &str, at_ms: i64) -> Value {
        let mut inner = json!({ "corpid": corp_id });
        inner[self.subject_name("userid", "deptid")] = self.subjects();
        let mut entry = json!({ "call_back_tag": self.word, "event_time": at_ms });
        entry[&self.word] = inner;
        entry
    }

    /// The data of a frame, in JSON.
    pub fn frame_data(&self, id: &str, at_ms: i64) -> String {
        let mut data = json!({ "timeStamp": at_ms, "eventId": id, "optStaffId": "manager164" });
        data[self.subject_name("userId", "deptId")] = self.subjects();
        data.to_string()
    }

    fn is_about_departments(&self) -> bool {
        self.word.starts_with("org_dept")
    }

    fn subject_name<'a>(&self, people: &'a str, departments: &'a str) -> &'a str {
        if self.is_about_departments() {
            departments
        } else {
            people
        }
    }

    fn subjects(&self) -> Value {
        if self.is_about_departments() {
            json!(
                self.subjects
                    .iter()
                    .filter_map(|id| id.parse::<i64>().ok())
                    .collect::<Vec<_>>()
            )
        } else {
            json!(self.subjects)
        }
    }
}
