//! The answers about an organization, understood.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::answer::{
    RawAnswer, entries, is_true, known_error_number, optional, own_user_id, result, understood, unless_gone,
    without_controls,
};
use super::call::Call;
use super::error::{DingTalkError, ErrorKind, Fault};
use super::identity::{DingTalkUserId, UnionId};
use super::organization::{DataScope, Department, DepartmentId, DirectoryEntry, MembersPage, Place};
use super::refusal::text;

/// What the app may read.
pub fn data_scope(answer: &RawAnswer) -> Result<DataScope, DingTalkError> {
    understood(Call::DataScope, answer, |body| {
        known_error_number(body)?;
        let scopes = body
            .get("auth_org_scopes")
            .and_then(Value::as_object)
            .ok_or(Fault::Field("auth_org_scopes"))?;
        let departments = entries(scopes, "authed_dept")?;
        let members = entries(scopes, "authed_user")?;
        Ok(DataScope {
            departments: departments
                .iter()
                .map(|id| department_id(id).ok_or(Fault::Field("authed_dept")))
                .collect::<Result<_, _>>()?,
            members: members
                .iter()
                .map(|id| {
                    let id = id.as_str().and_then(DingTalkUserId::parse);
                    id.ok_or(Fault::Field("authed_user"))
                })
                .collect::<Result<_, _>>()?,
        })
    })
}

/// The departments below one; `None` where that one is gone.
pub fn departments_below(answer: &RawAnswer) -> Result<Option<Vec<Department>>, DingTalkError> {
    unless_deleted(understood(Call::DepartmentsBelow, answer, |body| {
        known_error_number(body)?;
        let departments = entries(body, "result")?;
        departments
            .iter()
            .map(department)
            .collect::<Result<_, _>>()
            .map(Some)
    }))
}

/// A department by itself; `None` where it is gone.
pub fn single_department(answer: &RawAnswer) -> Result<Option<Department>, DingTalkError> {
    unless_deleted(understood(Call::Department, answer, |body| {
        known_error_number(body)?;
        let found = body.get("result").ok_or(Fault::Field("result"))?;
        department(found).map(Some)
    }))
}

/// Somebody by themselves; `None` for somebody who is no member.
pub fn single_entry(answer: &RawAnswer) -> Result<Option<DirectoryEntry>, DingTalkError> {
    unless_gone(understood(Call::UserDetails, answer, |body| {
        directory_entry(result(body)?).map(Some)
    }))
}

/// How many people the organization has.
pub fn member_count(answer: &RawAnswer) -> Result<u64, DingTalkError> {
    understood(Call::MemberCount, answer, |body| {
        let count = result(body)?.get("count").and_then(text);
        count
            .and_then(|count| count.parse().ok())
            .ok_or(Fault::Field("count"))
    })
}

/// A page of a department's people; `None` where the department is gone.
pub fn members_page(
    department: DepartmentId,
    answer: &RawAnswer,
) -> Result<Option<MembersPage>, DingTalkError> {
    unless_deleted(understood(Call::DepartmentMembers, answer, |body| {
        let result = result(body)?;
        let has_more = result
            .get("has_more")
            .and_then(Value::as_bool)
            .ok_or(Fault::Field("has_more"))?;
        let next = if has_more {
            let cursor = result.get("next_cursor").and_then(text);
            let cursor = cursor.and_then(|cursor| cursor.parse().ok());
            Some(cursor.ok_or(Fault::Field("next_cursor"))?)
        } else {
            None
        };
        let listed = entries(result, "list")?;
        Ok(Some(MembersPage {
            entries: listed
                .iter()
                .map(|listed| listed_entry(department, listed))
                .collect::<Result<_, _>>()?,
            next,
        }))
    }))
}

fn department(value: &Value) -> Result<Department, Fault> {
    let id = value.get("dept_id").and_then(department_id);
    let parent = match value.get("parent_id") {
        // The organization itself, which is nobody's.
        None | Some(Value::Null) => None,
        Some(parent) => Some(department_id(parent).ok_or(Fault::Field("parent_id"))?),
    };
    let name = value
        .as_object()
        .and_then(|department| optional(department, "name"));
    Ok(Department {
        id: id.ok_or(Fault::Field("dept_id"))?,
        name: without_controls(name.ok_or(Fault::Field("name"))?),
        parent,
    })
}

/// The list of a department says of its people what they are in this one.
fn listed_entry(department: DepartmentId, value: &Value) -> Result<DirectoryEntry, Fault> {
    let listed: &Map<String, Value> = value.as_object().ok_or(Fault::Field("list"))?;
    let mut entry = directory_entry(listed)?;
    let here = Place {
        department,
        leads: listed.get("leader").is_some_and(is_true),
        order: listed.get("dept_order").and_then(number),
    };
    match entry
        .departments
        .iter_mut()
        .find(|place| place.department == department)
    {
        Some(place) => place.merge(here),
        None => entry.departments.push(here),
    }
    Ok(entry)
}

/// One entry that cannot be read would be one person fewer, and look like somebody who has left.
fn directory_entry(entry: &Map<String, Value>) -> Result<DirectoryEntry, Fault> {
    let departments = entries(entry, "dept_id_list")?;
    let leads = by_department(entry, "leader_in_dept", |place| place.get("leader").map(is_true));
    let orders = by_department(entry, "dept_order_list", |place| {
        place.get("order").and_then(number)
    });
    Ok(DirectoryEntry {
        user_id: own_user_id(entry)?,
        union_id: entry
            .get("unionid")
            .and_then(Value::as_str)
            .and_then(UnionId::parse),
        name: optional(entry, "name").map(without_controls),
        mobile: optional(entry, "mobile"),
        state_code: optional(entry, "state_code").map(|code| code.trim_start_matches('+').to_owned()),
        email: optional(entry, "email").or_else(|| optional(entry, "org_email")),
        title: optional(entry, "title").map(without_controls),
        job_number: optional(entry, "job_number").map(without_controls),
        avatar_url: optional(entry, "avatar"),
        work_place: optional(entry, "work_place").map(without_controls),
        departments: departments
            .iter()
            .map(|id| {
                let department = department_id(id).ok_or(Fault::Field("dept_id_list"))?;
                Ok(Place {
                    department,
                    leads: leads.get(&department).copied().unwrap_or_default(),
                    order: orders.get(&department).copied(),
                })
            })
            .collect::<Result<_, _>>()?,
    })
}

/// A list with something for each department; only `user/get` has them.
fn by_department<T>(
    entry: &Map<String, Value>,
    name: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> HashMap<DepartmentId, T> {
    let places = entry.get(name).and_then(Value::as_array);
    let places = places.into_iter().flatten();
    places
        .filter_map(|place| Some((place.get("dept_id").and_then(department_id)?, read(place)?)))
        .collect()
}

fn number(value: &Value) -> Option<i64> {
    text(value)?.parse().ok()
}

fn department_id(value: &Value) -> Option<DepartmentId> {
    text(value)?.parse().ok()
}

/// A department that was there a moment ago may be gone: an answer, too.
fn unless_deleted<T>(found: Result<Option<T>, DingTalkError>) -> Result<Option<T>, DingTalkError> {
    match found {
        Err(DingTalkError {
            kind: ErrorKind::Refused { code, .. },
            ..
        }) if code == "60003" => Ok(None),
        found => found,
    }
}
