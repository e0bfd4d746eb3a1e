//! The addresses of the simulator, and what it says about all others.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use super::answer::{Answer, Refusal};
use super::call::CallKind;
use super::exchange::{Operation, deliver, exchange};
use super::html::{FRAME_SCRIPT_PATH, STYLE_PATH, frame_script, page, style};
use super::world::Shared;
use super::{
    control_routes, login_pages, old_api, open_api, organization, push, status_page, stream_server, streams,
};

/// Adds every route.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(status_page::show))
        .route("/", web::head().to(HttpResponse::Ok))
        .route(STYLE_PATH, web::get().to(style))
        .route(FRAME_SCRIPT_PATH, web::get().to(frame_script))
        // Browsers ask for it of their own accord; that is nobody's mistake.
        .route("/favicon.ico", web::get().to(HttpResponse::NoContent))
        .route("/oauth2/auth", web::get().to(login_pages::choose))
        .route("/oauth2/approve", web::get().to(login_pages::ask))
        .route("/oauth2/approve", web::post().to(login_pages::approve))
        .route("/oauth2/refuse", web::post().to(login_pages::refuse))
        .route("/connect", web::get().to(stream_server::connect))
        .configure(control_routes::configure);
    for (method, path, kind, operation) in OPERATIONS {
        config.service(route(method, path, kind, operation));
    }
    config.default_service(web::to(unexpected));
}

const OPERATIONS: [(Method, &str, CallKind, Operation); 17] = [
    (
        Method::POST,
        "/v1.0/oauth2/userAccessToken",
        CallKind::UserAccessToken,
        open_api::user_access_token,
    ),
    (
        Method::POST,
        "/v1.0/oauth2/accessToken",
        CallKind::AppAccessToken,
        open_api::app_access_token,
    ),
    (
        Method::POST,
        "/v1.0/oauth2/{subject}/token",
        CallKind::CorpAccessToken,
        open_api::corp_access_token,
    ),
    (
        Method::GET,
        "/v1.0/contact/users/{subject}",
        CallKind::Profile,
        open_api::profile,
    ),
    (Method::GET, "/gettoken", CallKind::GetToken, old_api::get_token),
    (
        Method::GET,
        "/auth/scopes",
        CallKind::AuthScopes,
        organization::auth_scopes,
    ),
    (
        Method::POST,
        "/topapi/v2/department/listsub",
        CallKind::DepartmentsBelow,
        organization::departments_below,
    ),
    (
        Method::POST,
        "/topapi/v2/department/get",
        CallKind::Department,
        organization::single_department,
    ),
    (
        Method::POST,
        "/topapi/user/count",
        CallKind::MemberCount,
        organization::member_count,
    ),
    (
        Method::POST,
        "/topapi/v2/user/list",
        CallKind::DepartmentMembers,
        organization::department_members,
    ),
    (
        Method::POST,
        "/topapi/user/getbyunionid",
        CallKind::UserIdByUnionId,
        old_api::user_id_by_union_id,
    ),
    (
        Method::POST,
        "/topapi/v2/user/get",
        CallKind::UserDetails,
        old_api::user_details,
    ),
    (
        Method::POST,
        "/topapi/v2/user/getbymobile",
        CallKind::UserIdByMobile,
        old_api::user_id_by_mobile,
    ),
    (
        Method::POST,
        "/topapi/v2/user/getuserinfo",
        CallKind::UserInfo,
        old_api::user_info,
    ),
    (
        Method::POST,
        "/topapi/v2/department/listparentbyuser",
        CallKind::DepartmentsOfUser,
        old_api::departments_of_user,
    ),
    (
        Method::POST,
        "/v1.0/gateway/connections/open",
        CallKind::OpenStream,
        streams::open_stream,
    ),
    (
        Method::GET,
        "/call_back/get_call_back_failed_result",
        CallKind::FailedCallbacks,
        push::failed_callbacks,
    ),
];

fn route(method: Method, path: &str, kind: CallKind, operation: Operation) -> Resource {
    let answer = move |request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>| {
        exchange(kind, operation, request, body, shared)
    };
    web::resource(path)
        .route(web::method(method).to(answer))
        .default_service(web::to(unexpected))
}

/// An unknown path, or a known one asked in the wrong way.
async fn unexpected(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let mut world = shared.lock();
    let what = format!("{} {}", request.method(), request.path());
    world.calls.note_unexpected(what.as_str());
    let at = world.time.now();
    world.calls.note(at, what, "unexpected");

    let path = request.path();
    let is_known = OPERATIONS.iter().any(|(_, known, _, _)| *known == path);
    let (kind, refusal) = match path {
        _ if path.starts_with("/v1.0/") => (
            CallKind::UserAccessToken,
            Refusal::open(
                404,
                "InvalidAction.NotFound",
                "Specified api is not found, please check your url and method.",
            ),
        ),
        _ if path.starts_with("/topapi/") && is_known => {
            (CallKind::UserDetails, Refusal::business(43002, "需要POST请求"))
        }
        _ if path.starts_with("/topapi/") => {
            let message = format!("Invalid method[submsg=不合法的请求路径 {path}]");
            (CallKind::UserDetails, Refusal::business(22, &message))
        }
        _ if is_known => (CallKind::GetToken, Refusal::business(43001, "需要GET请求")),
        _ if path.starts_with("/oauth2/") || path.starts_with("/__simulator/") => {
            let body = maud::html! {
                main.narrow {
                    h1 { "No such page" }
                    p { a href="/" { "To the simulator's page" } }
                }
            };
            return page(StatusCode::NOT_FOUND, "No such page", &body, None);
        }
        _ => (CallKind::GetToken, Refusal::business(404, "请求的URI地址不存在")),
    };
    deliver(kind, &Answer::new(kind, Err(refusal), &mut world.ids))
}
