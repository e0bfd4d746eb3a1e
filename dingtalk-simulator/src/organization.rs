//! The organization as a whole: its departments, who is in each, and what of it an app may read.

use serde_json::{Value, json};

use super::answer::{Refusal, Reply};
use super::app::{App, permission};
use super::call::CallKind;
use super::department::{ROOT, ROOT_NAME};
use super::old_api::{authorize, entry, missing};
use super::open_api::fields;
use super::person::{Membership, Person};
use super::request::ApiRequest;
use super::world::World;

/// The school address book, which these operations refuse.
const SCHOOL: i64 = -7;
const LARGEST_PAGE: usize = 100;

/// `GET /auth/scopes`: what the app may read.
pub fn auth_scopes(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(world, CallKind::AuthScopes, request, "")?;
    let mut readable = vec!["userid", "name", "department"];
    readable.extend(app.may(permission::FIELD_MOBILE).then_some("mobile"));
    readable.extend(app.may(permission::FIELD_EMAIL).then_some("email"));
    Ok(fields(json!({
        "auth_org_scopes": {"authed_user": app.readable_members, "authed_dept": app.readable_departments},
        "auth_user_field": readable,
        "condition_field": [],
    })))
}

/// `POST /topapi/v2/department/listsub`: the departments directly below one.
pub fn departments_below(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(
        world,
        CallKind::DepartmentsBelow,
        request,
        permission::GET_DEPARTMENT_LIST,
    )?;
    let id = readable_department(world, &app, request)?;
    let roster = world.roster(&app.corp_id);
    let below = roster
        .below(id)
        .iter()
        .map(|position| &world.departments()[*position]);
    let below: Vec<Value> = below
        .map(|department| {
            json!({
                "dept_id": department.id,
                "name": department.name,
                "parent_id": department.parent,
                "create_dept_group": false,
                "auto_add_user": false,
            })
        })
        .collect();
    Ok(fields(json!({ "result": below })))
}

/// `POST /topapi/v2/user/list`: the people directly in a department, a page of them.
pub fn department_members(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(
        world,
        CallKind::DepartmentMembers,
        request,
        permission::GET_DEPARTMENT_MEMBER,
    )?;
    let id = readable_department(world, &app, request)?;
    let number = |name| {
        request
            .number(name)
            .and_then(|number| usize::try_from(number).ok())
    };
    let cursor = number("cursor").ok_or_else(|| missing("cursor"))?;
    let size = number("size").ok_or_else(|| missing("size"))?;
    if !(1..=LARGEST_PAGE).contains(&size) {
        return Err(Refusal::business(40069, "不合法的分页大小"));
    }
    let sees_hidden = request.flag("contain_access_limit");
    let is_listed = |membership: &Membership| !membership.out_of_scope && (sees_hidden || !membership.hidden);
    let roster = world.roster(&app.corp_id);
    let listed: Vec<(&Person, &Membership)> = roster
        .members(id)
        .iter()
        .filter_map(|position| {
            let person = &world.people()[*position];
            Some((person, person.membership(&app.corp_id)?))
        })
        .filter(|(_, membership)| is_listed(membership))
        .collect();
    let page: Vec<Value> = listed
        .iter()
        .skip(cursor)
        .take(size)
        .map(|(person, membership)| {
            let mut entry = entry(&app, person, membership);
            entry.insert("leader".to_owned(), json!(membership.leads.contains(&id)));
            let order = membership.orders.get(&id).copied().unwrap_or_default();
            entry.insert("dept_order".to_owned(), json!(order));
            Value::Object(entry)
        })
        .collect();
    let next = cursor + page.len();
    let mut result = fields(json!({ "has_more": next < listed.len(), "list": page }));
    if next < listed.len() {
        result.insert("next_cursor".to_owned(), json!(next));
    }
    Ok(fields(json!({ "result": result })))
}

/// `POST /topapi/v2/department/get`: a department by itself.
pub fn single_department(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(
        world,
        CallKind::Department,
        request,
        permission::GET_DEPARTMENT_LIST,
    )?;
    let id = readable_department(world, &app, request)?;
    let roster = world.roster(&app.corp_id);
    let found = roster
        .department(id)
        .map(|position| &world.departments()[position]);
    let mut result = fields(json!({
        "dept_id": id,
        "name": found.map_or(ROOT_NAME, |department| department.name.as_str()),
        "parent_id": found.map(|department| department.parent).filter(|_| id != ROOT),
        "order": id,
        "create_dept_group": false,
        "auto_add_user": false,
        "hide_dept": false,
    }));
    result.retain(|_, value| !value.is_null());
    Ok(fields(json!({ "result": result })))
}

/// `POST /topapi/user/count`: how many people there are, whatever of them the app may read.
pub fn member_count(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(world, CallKind::MemberCount, request, permission::GET_MEMBER)?;
    if !request.has("only_active") {
        return Err(missing("only_active"));
    }
    let count = world.roster(&app.corp_id).employees();
    Ok(fields(json!({ "result": { "count": count } })))
}

/// The department that is asked about, if the app may read it.
fn readable_department(world: &mut World, app: &App, request: &ApiRequest) -> Result<i64, Refusal> {
    let id = request.number("dept_id").ok_or_else(|| missing("dept_id"))?;
    if id == SCHOOL {
        return Err(Refusal::business(40009, "不合法的部门id"));
    }
    let path = world.roster(&app.corp_id).path(id);
    let path = path.ok_or_else(|| Refusal::business(60003, "部门不存在"))?;
    if path.iter().any(|id| app.readable_departments.contains(id)) {
        Ok(id)
    } else {
        Err(Refusal::business(50004, "请求的部门id不在授权范围内"))
    }
}
