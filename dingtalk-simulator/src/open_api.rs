//! The new API (`api.dingtalk.com/v1.0`): tokens, and the profile of the person who signs in.

use serde_json::{Map, Value, json};

use super::answer::{Refusal, Reply};
use super::app::permission;
use super::call::CallKind;
use super::grant::{CodeKind, Owner, Redemption, TOKEN_LIFETIME};
use super::ids::Ids;
use super::person::{MobileSharing, Person};
use super::request::ApiRequest;
use super::world::World;

/// `POST /v1.0/oauth2/userAccessToken`: trades a code, or a refresh token, for a person's token.
pub fn user_access_token(world: &mut World, request: &ApiRequest) -> Reply {
    const KIND: CallKind = CallKind::UserAccessToken;
    let client_id = request.mandatory("clientId")?;
    let client_secret = request.mandatory("clientSecret")?;
    let grant_type = request.mandatory("grantType")?;
    let app = world.admit(KIND, client_id, request.peer)?;
    if app.client_secret != client_secret {
        return Err(Refusal::credentials(KIND));
    }

    let code_not_found = || Refusal::open(400, "invalidParameter.authCode.notFound", "不合法的临时授权码");
    let now = world.time.now();
    let grant = match grant_type {
        "authorization_code" => {
            match world
                .grants
                .redeem(request.mandatory("code")?, CodeKind::Web, client_id, now)
            {
                Redemption::Granted(grant) => grant,
                Redemption::NotFound => return Err(code_not_found()),
                Redemption::Repeated => {
                    world
                        .calls
                        .note_unexpected("userAccessToken: the code was redeemed before");
                    return Err(code_not_found());
                }
            }
        }
        "refresh_token" => world
            .grants
            .refreshes(request.mandatory("refreshToken")?, client_id, now)
            .ok_or_else(code_not_found)?,
        _ => return Err(Refusal::open(400, "unsupported.grant.type", "不支持的grantType")),
    };

    let tokens = world.grants.user_tokens(&mut world.ids, &grant, now);
    let mut answer = fields(json!({
        "expireIn": TOKEN_LIFETIME.as_secs(),
        "accessToken": tokens.access,
        "refreshToken": tokens.refresh,
    }));
    if let Some(corp_id) = grant.corp_id {
        answer.insert("corpId".to_owned(), json!(corp_id));
    }
    Ok(answer)
}

/// `GET /v1.0/contact/users/me`: who the token's owner is.
pub fn profile(world: &mut World, request: &ApiRequest) -> Reply {
    const KIND: CallKind = CallKind::Profile;
    let token = request.header_token().ok_or_else(|| {
        Refusal::open(
            400,
            "AuthenticationFailed.MissingParameter",
            "缺少参数：x-acs-dingtalk-access-token",
        )
    })?;
    let owner = world.grants.owner(token, world.time.now());
    let owner = owner.ok_or_else(|| Refusal::open(400, "InvalidAuthentication", "不合法的access_token"))?;
    let client_id = match &owner {
        Owner::User(grant) => &grant.client_id,
        Owner::App(client_id) => client_id,
    };
    let app = world.admit(KIND, client_id, request.peer)?;
    let not_permitted = || Refusal::permission(KIND, permission::USER_READ, &app.client_id);
    let grant = match owner {
        Owner::User(grant) if app.may(permission::USER_READ) => grant,
        Owner::User(_) | Owner::App(_) => return Err(not_permitted()),
    };
    let person = world
        .find_person(&grant.person)
        .filter(|_| request.subject.as_deref() == Some("me"));
    let person =
        person.ok_or_else(|| Refusal::open(404, "invalidParameter.user.notFound", "找不到该用户"))?;
    Ok(profile_fields(
        person,
        &app.client_id,
        app.may(permission::USER_MOBILE),
    ))
}

fn profile_fields(person: &Person, client_id: &str, sees_mobile: bool) -> Map<String, Value> {
    let mobile = person.mobile.as_deref().filter(|_| sees_mobile);
    let mobile = match person.mobile_sharing {
        MobileSharing::Shown => mobile.map(str::to_owned),
        MobileSharing::Withheld => None,
        MobileSharing::Masked => mobile.map(masked),
        MobileSharing::Blank => mobile.map(|_| String::new()),
    };
    let union_id = (!person.withholds_union_id).then_some(person.union_id.as_str());
    let mut fields = fields(json!({
        "nick": person.name,
        "unionId": union_id,
        "openId": Ids::open_id(client_id, &person.union_id),
        "avatarUrl": person.avatar_url,
        "mobile": mobile,
        "stateCode": person.state_code,
        "email": person.email,
        "visitor": person.visitor,
    }));
    fields.retain(|_, value| !value.is_null());
    fields
}

fn masked(mobile: &str) -> String {
    let last = mobile.chars().count().saturating_sub(4);
    mobile
        .chars()
        .enumerate()
        .map(|(index, digit)| if (3..last).contains(&index) { '*' } else { digit })
        .collect()
}

/// `POST /v1.0/oauth2/accessToken`: the token of an app.
pub fn app_access_token(world: &mut World, request: &ApiRequest) -> Reply {
    const KIND: CallKind = CallKind::AppAccessToken;
    let client_id = request.mandatory("appKey")?;
    let client_secret = request.mandatory("appSecret")?;
    let token = app_token(world, KIND, request, client_id, client_secret)?;
    Ok(fields(
        json!({"accessToken": token, "expireIn": TOKEN_LIFETIME.as_secs()}),
    ))
}

/// `POST /v1.0/oauth2/{corpId}/token`: the same token, asked for in snake case.
pub fn corp_access_token(world: &mut World, request: &ApiRequest) -> Reply {
    const KIND: CallKind = CallKind::CorpAccessToken;
    let client_id = request.mandatory("client_id")?;
    let client_secret = request.mandatory("client_secret")?;
    if request.mandatory("grant_type")? != "client_credentials" {
        return Err(Refusal::open(400, "unsupported.grant.type", "不支持的grant_type"));
    }
    let corp_id = request.subject.as_deref();
    if !world.apps.iter().any(|app| Some(app.corp_id.as_str()) == corp_id) {
        return Err(Refusal::open(500, "unknownError", "未知错误"));
    }
    let token = app_token(world, KIND, request, client_id, client_secret)?;
    if world
        .find_app(client_id)
        .is_some_and(|app| Some(app.corp_id.as_str()) != corp_id)
    {
        return Err(Refusal::open(400, "unauthorized.client", "应用未被该企业授权"));
    }
    Ok(fields(
        json!({"access_token": token, "expires_in": TOKEN_LIFETIME.as_secs()}),
    ))
}

/// The token of an app, once its credentials are right; shared with the old API's `gettoken`.
pub fn app_token(
    world: &mut World,
    kind: CallKind,
    request: &ApiRequest,
    client_id: &str,
    client_secret: &str,
) -> Result<String, Refusal> {
    let app = world.admit(kind, client_id, request.peer)?;
    if app.client_secret != client_secret {
        return Err(Refusal::credentials(kind));
    }
    let now = world.time.now();
    Ok(world.grants.app_token(&mut world.ids, client_id, now))
}

/// The fields of a JSON object.
pub fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
