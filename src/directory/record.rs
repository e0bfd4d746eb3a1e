//! A record: a person or a department as NocoBase's own engine takes it, the same text for the same facts.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::options::{Fields, MainDepartment};
use super::person::Person;
use crate::dingtalk::{DepartmentId, Place};

/// What people's records are made with.
pub struct Shape<'a> {
    /// What is written of them.
    pub fields: &'a Fields,
    /// Which of their departments is the main one.
    pub main: MainDepartment,
    /// The departments there are; `None` where NocoBase has none at all.
    pub departments: Option<&'a BTreeSet<DepartmentId>>,
}

/// What of somebody is left out, because it is another one's, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The phone number.
    pub phone: bool,
    /// The e-mail address.
    pub email: bool,
}

/// NocoBase's engine takes an id for text, and PostgreSQL does not compare it with a number.
pub fn department(id: DepartmentId, name: &str, parent: Option<DepartmentId>) -> Value {
    let mut record = json!({ "dataType": "department", "uid": id.to_string(), "title": name });
    if let (Some(parent), Some(fields)) = (parent, record.as_object_mut()) {
        fields.insert("parentUid".to_owned(), parent.to_string().into());
    }
    record
}

/// What is empty is left out: NocoBase's engine would erase what the user has.
pub fn person(uid: &str, person: &Person, left_out: LeftOut, shape: &Shape<'_>) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            record.insert(name.to_owned(), value.into());
        }
    };
    put("dataType", Some("user"));
    put("uid", Some(uid));
    put("unionId", person.union_id.as_deref());
    put(
        "nickname",
        person.name.as_deref().filter(|_| shape.fields.nickname),
    );
    let phone = person.phone.as_deref();
    put("phone", phone.filter(|_| shape.fields.phone && !left_out.phone));
    let email = person.email.as_deref();
    put("email", email.filter(|_| shape.fields.email && !left_out.email));
    if let Some(columns) = &person.columns {
        for (value, name) in columns.iter().zip(&shape.fields.columns) {
            if let Some(name) = name {
                put(name, value.as_deref());
            }
        }
    }
    if let Some(known) = shape.departments {
        let places: Vec<&Place> = person
            .places
            .iter()
            .filter(|place| known.contains(&place.department))
            .collect();
        let main = main_of(&places, shape.main);
        let mut places: Vec<(String, Value)> = places
            .into_iter()
            .map(|place| {
                let uid = place.department.to_string();
                let is_main = Some(place.department) == main;
                let value = json!({ "uid": uid, "isOwner": place.leads, "isMain": is_main });
                (uid, value)
            })
            .collect();
        places.sort_by(|(a, _), (b, _)| a.cmp(b));
        places.dedup_by(|(a, _), (b, _)| a == b);
        let places = places.into_iter().map(|(_, value)| value).collect();
        record.insert("departments".to_owned(), Value::Array(places));
    }
    Value::Object(record)
}

/// DingTalk sorts the highest number first.
fn main_of(places: &[&Place], rule: MainDepartment) -> Option<DepartmentId> {
    let first = places.first()?;
    let main = match rule {
        MainDepartment::First => first,
        // The first of several that are alike.
        MainDepartment::Order => places.iter().rev().max_by_key(|place| place.order)?,
    };
    Some(main.department)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(department: i64, leads: bool, order: i64) -> Place {
        Place {
            department,
            leads,
            order: Some(order),
        }
    }

    fn ann() -> Person {
        Person {
            union_id: Some("u".into()),
            name: Some("Ann".into()),
            phone: Some("13911110001".into()),
            email: Some("".into()),
            columns: Some(Box::new([Some("CTO".into()), None, None, None])),
            places: [place(20, false, 5), place(3, true, 9), place(99, true, 99)].into(),
        }
    }

    fn known() -> BTreeSet<i64> {
        [3, 20].into()
    }

    fn fields() -> Fields {
        Fields {
            nickname: true,
            phone: true,
            email: true,
            columns: [Some("title".to_owned()), None, None, None],
        }
    }

    #[test]
    fn a_person_is_written_with_sorted_keys_and_without_what_is_empty() {
        let (fields, known) = (fields(), known());
        let shape = Shape {
            fields: &fields,
            main: MainDepartment::First,
            departments: Some(&known),
        };

        let record = person("ann", &ann(), LeftOut::default(), &shape);

        assert_eq!(
            record.to_string(),
            r#"{"dataType":"user","departments":[{"isMain":true,"isOwner":false,"uid":"20"},{"isMain":false,"isOwner":true,"uid":"3"}],"nickname":"Ann","phone":"13911110001","title":"CTO","uid":"ann","unionId":"u"}"#
        );
    }

    #[test]
    fn the_main_department_is_the_first_or_the_one_sorted_highest_of_those_that_are_known() {
        let (fields, known) = (fields(), known());
        let shape = Shape {
            fields: &fields,
            main: MainDepartment::Order,
            departments: Some(&known),
        };

        let record = person("ann", &ann(), LeftOut::default(), &shape);

        assert_eq!(
            record["departments"][1],
            json!({"uid": "3", "isOwner": true, "isMain": true})
        );
    }

    #[test]
    fn what_is_not_wanted_is_not_written_and_without_departments_none_are_named() {
        let fields = Fields::default();
        let shape = Shape {
            fields: &fields,
            main: MainDepartment::First,
            departments: None,
        };

        let record = person("ann", &ann(), LeftOut::default(), &shape);

        assert_eq!(record, json!({"dataType": "user", "uid": "ann", "unionId": "u"}));
    }

    #[test]
    fn only_a_root_names_no_department_above_it() {
        assert_eq!(
            department(7, "Sales", Some(1)),
            json!({"dataType": "department", "uid": "7", "title": "Sales", "parentUid": "1"})
        );
        assert_eq!(
            department(1, "All", None),
            json!({"dataType": "department", "uid": "1", "title": "All"})
        );
    }
}
