//! The old API (`oapi.dingtalk.com`): the directory of an organization.

use serde_json::{Map, Value, json};

use super::answer::{Refusal, Reply};
use super::app::{App, permission};
use super::call::CallKind;
use super::grant::{CodeKind, Owner, Redemption, TOKEN_LIFETIME};
use super::open_api::{app_token, fields};
use super::person::{Contact, Membership, Person, Standing};
use super::request::ApiRequest;
use super::world::World;

/// `GET /gettoken`: the token of an app.
pub fn get_token(world: &mut World, request: &ApiRequest) -> Reply {
    let (Some(client_id), Some(client_secret)) = (request.query("appkey"), request.query("appsecret")) else {
        return Err(Refusal::business(40035, "缺少参数 corpid or appkey"));
    };
    let token = app_token(world, CallKind::GetToken, request, client_id, client_secret)?;
    Ok(fields(
        json!({"access_token": token, "expires_in": TOKEN_LIFETIME.as_secs()}),
    ))
}

/// `POST /topapi/user/getbyunionid`: the id inside the organization of a person.
pub fn user_id_by_union_id(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(world, CallKind::UserIdByUnionId, request, permission::GET_MEMBER)?;
    let union_id = request.field("unionid").ok_or_else(|| missing("unionid"))?;
    let (_, membership) =
        member(world, &app, |person, _| person.union_id == union_id).ok_or_else(not_found)?;
    if membership.out_of_scope {
        return Err(out_of_scope());
    }
    let contact_type = match membership.contact {
        Contact::Employee => 0,
        Contact::External => 1,
    };
    Ok(fields(
        json!({"result": {"contact_type": contact_type, "userid": membership.user_id}}),
    ))
}

/// `POST /topapi/v2/user/get`: the directory's entry of a member.
pub fn user_details(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(world, CallKind::UserDetails, request, permission::GET_MEMBER)?;
    let user_id = request.field("userid").ok_or_else(|| missing("userid"))?;
    let roster = world.roster(&app.corp_id);
    let (person, membership) = roster
        .person(user_id)
        .and_then(|position| {
            Some((
                &world.people()[position],
                world.people()[position].membership(&app.corp_id)?,
            ))
        })
        .ok_or_else(not_found)?;
    let reads = app.readable_members.contains(&membership.user_id)
        || membership.departments.iter().any(|path| {
            let path = path
                .first()
                .and_then(|own| roster.path(*own))
                .unwrap_or_else(|| path.clone());
            path.iter().any(|id| app.readable_departments.contains(id))
        });
    if membership.out_of_scope || !reads {
        return Err(out_of_scope());
    }
    let mut result = entry(&app, person, membership);
    let leads = membership
        .own_departments()
        .map(|id| json!({ "dept_id": id, "leader": membership.leads.contains(&id) }));
    let orders = membership
        .own_departments()
        .map(|id| json!({ "dept_id": id, "order": membership.orders.get(&id).copied().unwrap_or_default() }));
    result.extend(fields(json!({
        "real_authed": true,
        "senior": false,
        "leader_in_dept": leads.collect::<Vec<_>>(),
        "dept_order_list": orders.collect::<Vec<_>>(),
    })));
    Ok(fields(json!({"result": result})))
}

/// What the directory says of a member, as far as the app may know it.
pub fn entry(app: &App, person: &Person, membership: &Membership) -> Map<String, Value> {
    let sees_mobile = app.may(permission::FIELD_MOBILE);
    let sees_mailboxes = app.may(permission::FIELD_EMAIL);
    let mut entry = fields(json!({
        "userid": membership.user_id,
        "unionid": (!person.withholds_union_id).then_some(person.union_id.as_str()),
        "name": person.name,
        "avatar": person.avatar_url,
        "mobile": person.mobile.as_deref().filter(|_| sees_mobile),
        "state_code": person.state_code.as_deref().filter(|_| sees_mobile),
        "email": person.email.as_deref().filter(|_| sees_mailboxes),
        "org_email": membership.org_email.as_deref().filter(|_| sees_mailboxes),
        "title": membership.title,
        "job_number": membership.job_number,
        "work_place": membership.work_place.as_deref().filter(|_| sees_mailboxes),
        "dept_id_list": membership.own_departments().collect::<Vec<_>>(),
        "active": true,
        "admin": membership.standing == Standing::Administrator,
        "boss": membership.standing == Standing::Boss,
    }));
    entry.retain(|_, value| !value.is_null());
    entry
}

/// `POST /topapi/v2/department/listparentbyuser`: where a member is, each department with those above it.
pub fn departments_of_user(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(
        world,
        CallKind::DepartmentsOfUser,
        request,
        permission::GET_DEPARTMENT_LIST,
    )?;
    let user_id = request.field("userid").ok_or_else(|| missing("userid"))?;
    let (_, membership) =
        member(world, &app, |_, membership| membership.user_id == user_id).ok_or_else(not_found)?;
    if membership.out_of_scope {
        return Err(out_of_scope());
    }
    let paths = membership.departments.iter();
    let paths: Vec<_> = paths.map(|path| json!({ "parent_dept_id_list": path })).collect();
    Ok(fields(json!({"result": {"parent_list": paths}})))
}

/// `POST /topapi/v2/user/getbymobile`: the id of the employee with a phone number.
pub fn user_id_by_mobile(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(
        world,
        CallKind::UserIdByMobile,
        request,
        permission::GET_MEMBER_BY_MOBILE,
    )?;
    let mobile = request.field("mobile").ok_or_else(|| missing("mobile"))?;
    let has_number = |person: &Person, membership: &Membership| {
        membership.contact == Contact::Employee && directory_number(person).as_deref() == Some(mobile)
    };
    let (_, membership) = member(world, &app, has_number).ok_or_else(not_found)?;
    Ok(fields(
        json!({"result": {"userid": membership.user_id, "exclusive_account_userid_list": []}}),
    ))
}

/// `POST /topapi/v2/user/getuserinfo`: who is signed in in the client that gave the code.
pub fn user_info(world: &mut World, request: &ApiRequest) -> Reply {
    let app = authorize(world, CallKind::UserInfo, request, permission::BASE)?;
    let code = request.field("code").ok_or_else(|| missing("code"))?;
    let now = world.time.now();
    let grant = match world.grants.redeem(code, CodeKind::InClient, &app.client_id, now) {
        Redemption::Granted(grant) => grant,
        Redemption::NotFound | Redemption::Repeated => {
            return Err(Refusal::business(40078, "不存在的临时授权码"));
        }
    };
    let (person, membership) = member(world, &app, |person, _| person.key == grant.person)
        .filter(|(_, membership)| !membership.app_hidden)
        .ok_or_else(|| Refusal::business(40079, "不存在的授权信息"))?;
    let mut result = fields(json!({
        "userid": membership.user_id,
        "unionid": (!person.withholds_union_id).then_some(person.union_id.as_str()),
        "associated_unionid": (!person.withholds_union_id).then_some(person.union_id.as_str()),
        "name": person.name,
        "device_id": "simulated-device",
        "sys": false,
        "sys_level": 0,
    }));
    result.retain(|_, value| !value.is_null());
    Ok(fields(json!({"result": result})))
}

/// Finds the app of the token, and whether it may do this; an empty permission is one that every app has.
pub fn authorize(
    world: &mut World,
    kind: CallKind,
    request: &ApiRequest,
    permission: &str,
) -> Result<App, Refusal> {
    let token = request
        .query("access_token")
        .ok_or_else(|| Refusal::gateway(40000, "access_token is blank"))?;
    let client_id = match world.grants.owner(token, world.time.now()) {
        Some(Owner::App(client_id)) => client_id,
        Some(Owner::User(_)) | None => return Err(Refusal::gateway(40014, "不合法的access_token")),
    };
    let app = world.admit(kind, &client_id, request.peer)?;
    if permission.is_empty() || app.may(permission) {
        Ok(app)
    } else {
        Err(Refusal::permission(kind, permission, &client_id))
    }
}

fn member<'world>(
    world: &'world World,
    app: &App,
    wanted: impl Fn(&Person, &Membership) -> bool,
) -> Option<(&'world Person, &'world Membership)> {
    world.people().iter().find_map(|person| {
        let membership = person.membership(&app.corp_id)?;
        wanted(person, membership).then_some((person, membership))
    })
}

/// The number as the directory spells it: national for mainland China, `+1-…` elsewhere.
fn directory_number(person: &Person) -> Option<String> {
    let mobile = person.mobile.as_deref()?;
    match person.state_code.as_deref() {
        None | Some("86") => Some(mobile.to_owned()),
        Some(code) => Some(format!("+{code}-{mobile}")),
    }
}

pub fn missing(name: &str) -> Refusal {
    Refusal::business(400_002, &format!("无效的参数:缺少参数 {name}"))
}

fn not_found() -> Refusal {
    Refusal::business(60121, "找不到该用户")
}

fn out_of_scope() -> Refusal {
    Refusal::business(50002, "请求的员工userid不在授权范围内")
}
