//! The organization as a whole: its departments, who is in each, and what of it an app may read.

use serde_json::{Value, json};

use super::answer::{Refusal, Reply};
use super::app::{App, permission};
use super::call::CallKind;
use super::department::{Department, ROOT};
use super::old_api::{authorize, entry, missing};
use super::open_api::fields;
use super::person::{Contact, Membership, Person};
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
        "auth_org_scopes": {"authed_user": [], "authed_dept": app.readable_departments},
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
    let below = departments_of(world, &app).filter(|department| department.parent == id);
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
    let is_listed = |membership: &Membership| {
        membership.contact == Contact::Employee
            && !membership.out_of_scope
            && (sees_hidden || !membership.hidden)
            && membership
                .departments
                .iter()
                .any(|path| path.first() == Some(&id))
    };
    let mut listed: Vec<(&Person, &Membership)> = world
        .people
        .iter()
        .filter_map(|person| Some((person, person.membership(&app.corp_id)?)))
        .filter(|(_, membership)| is_listed(membership))
        .collect();
    listed.sort_by(|(_, a), (_, b)| a.user_id.cmp(&b.user_id));
    let page: Vec<Value> = listed
        .iter()
        .skip(cursor)
        .take(size)
        .map(|(person, membership)| {
            let mut entry = entry(&app, person, membership);
            entry.insert("leader".to_owned(), json!(false));
            entry.insert("dept_order".to_owned(), json!(0));
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

/// The department that is asked about, if the app may read it.
fn readable_department(world: &World, app: &App, request: &ApiRequest) -> Result<i64, Refusal> {
    let id = request.number("dept_id").ok_or_else(|| missing("dept_id"))?;
    if id == SCHOOL {
        return Err(Refusal::business(40009, "不合法的部门id"));
    }
    let path = path_of(world, app, id).ok_or_else(|| Refusal::business(60003, "部门不存在"))?;
    if path.iter().any(|id| app.readable_departments.contains(id)) {
        Ok(id)
    } else {
        Err(Refusal::business(50004, "请求的部门id不在授权范围内"))
    }
}

/// A department and all those above it; none for one that does not exist.
fn path_of(world: &World, app: &App, id: i64) -> Option<Vec<i64>> {
    let mut path = vec![id];
    let mut at = id;
    while at != ROOT {
        at = departments_of(world, app)
            .find(|department| department.id == at)?
            .parent;
        path.push(at);
    }
    Some(path)
}

fn departments_of<'world>(world: &'world World, app: &App) -> impl Iterator<Item = &'world Department> {
    let corp_id = app.corp_id.clone();
    world
        .departments
        .iter()
        .filter(move |department| department.corp_id == corp_id)
}
