//! The answers about an organization, understood.

use serde_json::{Map, Value};

use super::answer::{
    RawAnswer, entries, known_error_number, optional, own_user_id, result, understood, without_controls,
};
use super::call::Call;
use super::error::{DingTalkError, ErrorKind, Fault};
use super::identity::{DingTalkUserId, UnionId};
use super::organization::{DataScope, Department, DepartmentId, DirectoryEntry, MembersPage};
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

/// A page of a department's people; `None` where the department is gone.
pub fn members_page(answer: &RawAnswer) -> Result<Option<MembersPage>, DingTalkError> {
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
            entries: listed.iter().map(directory_entry).collect::<Result<_, _>>()?,
            next,
        }))
    }))
}

fn department(value: &Value) -> Result<Department, Fault> {
    let id = value.get("dept_id").and_then(department_id);
    let parent = value.get("parent_id").and_then(department_id);
    let name = value
        .as_object()
        .and_then(|department| optional(department, "name"));
    Ok(Department {
        id: id.ok_or(Fault::Field("dept_id"))?,
        name: without_controls(name.ok_or(Fault::Field("name"))?),
        parent: parent.ok_or(Fault::Field("parent_id"))?,
    })
}

/// One entry that cannot be read would be one person fewer, and look like somebody who has left.
fn directory_entry(value: &Value) -> Result<DirectoryEntry, Fault> {
    let entry: &Map<String, Value> = value.as_object().ok_or(Fault::Field("list"))?;
    let departments = entries(entry, "dept_id_list")?;
    Ok(DirectoryEntry {
        user_id: own_user_id(entry)?,
        union_id: entry
            .get("unionid")
            .and_then(Value::as_str)
            .and_then(UnionId::parse),
        name: optional(entry, "name").map(without_controls),
        mobile: optional(entry, "mobile"),
        state_code: optional(entry, "state_code").map(|code| code.trim_start_matches('+').to_owned()),
        departments: departments
            .iter()
            .map(|id| department_id(id).ok_or(Fault::Field("dept_id_list")))
            .collect::<Result<_, _>>()?,
    })
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
