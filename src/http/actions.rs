//! The table of actions, in NocoBase's conventions: `/api/<resource>:<action>`.

use actix_web::HttpResponse;
use futures_util::future::LocalBoxFuture;

use super::request::context::Context;
use super::resources::{
    app, auth, authenticators, calls, dingtalk, in_client, links, membership, own_link, password,
    people_rules, pm, qr_code, runs, sync_sources, synced,
};
use super::response::error::ApiError;
use crate::product::REDIRECT_ACTION;

/// Which methods an action takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Only looking.
    Get,
    /// Looking, also with a body, as NocoBase allows.
    GetOrPost,
    /// Only changing.
    Post,
}

impl Takes {
    /// Their names.
    pub fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Get => &["GET", "HEAD"],
            Self::GetOrPost => &["GET", "HEAD", "POST"],
            Self::Post => &["POST"],
        }
    }
}

/// In which modes we answer an action.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// In all of them.
    Always,
    /// Beside NocoBase it is NocoBase's.
    Alone,
    /// Only beside NocoBase, to the bridge itself and for no browser.
    Bridge,
}

/// Who may use an action.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Who may configure the site.
    Administrator,
}

/// What an action answers.
pub type ActionResult = Result<HttpResponse, ApiError>;
/// What answers an action.
pub type Handler = fn(Context) -> LocalBoxFuture<'static, ActionResult>;

/// Something that can be asked for.
pub struct Action {
    /// Such as `auth:signIn`.
    pub name: &'static str,
    /// Its methods.
    pub takes: Takes,
    /// In which modes.
    pub served: Served,
    /// For whom.
    pub access: Access,
    /// What answers it.
    pub handler: Handler,
}

impl Action {
    /// Whether a browser shows the answer as it is, so that a refusal has to be a page.
    pub fn is_for_people(&self) -> bool {
        self.name == REDIRECT_ACTION
    }

    /// Whether it begins a session.
    pub fn is_sign_in(&self) -> bool {
        self.name == "auth:signIn"
    }
}

impl Action {
    /// The action of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|action| action.name == name)
    }
}

macro_rules! action {
    ($name:expr, $takes:ident, $served:ident, $access:ident, $handler:path) => {
        Action {
            name: $name,
            takes: Takes::$takes,
            served: Served::$served,
            access: Access::$access,
            handler: |context| Box::pin($handler(context)),
        }
    };
}

/// All of them: name, methods, where, for whom, and what answers.
#[rustfmt::skip]
pub const ACTIONS: &[Action] = &[
    action!(REDIRECT_ACTION, Get, Always, Public, auth::redirect),
    action!("auth:signIn", Post, Always, Public, auth::sign_in),
    action!("auth:check", GetOrPost, Alone, SignedIn, auth::check),
    action!("auth:signOut", Post, Alone, Public, auth::sign_out),
    action!("auth:changePassword", Post, Alone, SignedIn, password::change),
    action!("auth:syncCookies", Post, Alone, SignedIn, auth::sync_cookies),
    action!("authenticators:publicList", GetOrPost, Always, Public, authenticators::public_list),
    action!("authenticators:listTypes", GetOrPost, Alone, Administrator, authenticators::list_types),
    action!("authenticators:list", GetOrPost, Alone, Administrator, authenticators::list),
    action!("authenticators:get", GetOrPost, Alone, Administrator, authenticators::get),
    action!("authenticators:create", Post, Alone, Administrator, authenticators::create),
    action!("authenticators:update", Post, Alone, Administrator, authenticators::update),
    action!("authenticators:destroy", Post, Alone, Administrator, authenticators::destroy),
    action!("authenticators:move", Post, Alone, Administrator, authenticators::move_),
    action!("pm:listEnabled", GetOrPost, Alone, Public, pm::list_enabled),
    action!("pm:list", GetOrPost, Alone, Administrator, pm::list),
    action!("pm:get", GetOrPost, Alone, Administrator, pm::get),
    action!("pm:enable", Post, Alone, Administrator, pm::enable),
    action!("pm:disable", Post, Alone, Administrator, pm::disable),
    action!("app:getLang", GetOrPost, Alone, Public, app::get_lang),
    action!("app:getInfo", GetOrPost, Alone, Public, app::get_info),
    action!("systemSettings:get", GetOrPost, Alone, Public, app::system_settings),
    action!("dingtalk:signInButton", Get, Always, Public, dingtalk::sign_in_button),
    action!("dingtalk:checkLogin", Get, Always, Public, in_client::check_login),
    action!("dingtalk:getAuthUrl", Post, Always, Public, in_client::get_auth_url),
    action!("dingtalk:qrCode", Post, Always, Public, qr_code::begin),
    action!("dingtalk:configForm", Get, Always, Administrator, dingtalk::config_form),
    action!("dingtalk:diagnose", Post, Always, Administrator, dingtalk::diagnose),
    action!("dingtalk:checkRules", Post, Always, Administrator, people_rules::check_rules),
    action!("dingtalk:bindings", Get, Always, Administrator, links::bindings),
    action!("dingtalk:unlinkedUsers", Get, Always, Administrator, links::unlinked_users),
    action!("dingtalk:bind", Post, Always, Administrator, links::bind),
    action!("dingtalk:unbind", Post, Always, Administrator, links::unbind),
    action!("dingtalk:myLink", Get, Always, SignedIn, own_link::my_link),
    action!("dingtalk:link", Post, Always, SignedIn, own_link::link),
    action!("dingtalk:unlinkMe", Post, Always, SignedIn, own_link::unlink_me),
    action!("dingtalk:membership", Get, Bridge, SignedIn, membership::membership),
    action!("dingtalk:sessionsEnded", Post, Bridge, SignedIn, membership::sessions_ended),
    action!("dingtalk:audit", Get, Always, Administrator, dingtalk::audit),
    action!("dingtalk:sources", Get, Always, Administrator, runs::sources),
    action!("dingtalk:startRun", Post, Always, Administrator, runs::start),
    action!("dingtalk:run", Get, Always, Administrator, runs::run),
    action!("dingtalk:confirmRun", Post, Always, Administrator, runs::confirm),
    action!("dingtalk:discardRun", Post, Always, Administrator, runs::discard),
    action!("dingtalk:runRows", Get, Always, Administrator, runs::rows),
    action!("dingtalk:runReport", Get, Always, Administrator, runs::report),
    action!("dingtalk:runs", Get, Always, Administrator, runs::runs),
    action!("dingtalk:sourceForm", Get, Alone, Administrator, sync_sources::form),
    action!("dingtalk:callbackAddress", Get, Always, Administrator, sync_sources::callback_address),
    action!("dingtalk:syncedPeople", Get, Alone, Administrator, synced::people),
    action!("dingtalk:syncedDepartments", Get, Alone, Administrator, synced::departments),
    action!("userDataSyncSources:list", GetOrPost, Alone, Administrator, sync_sources::list),
    action!("userDataSyncSources:get", GetOrPost, Alone, Administrator, sync_sources::get),
    action!("userDataSyncSources:create", Post, Alone, Administrator, sync_sources::create),
    action!("userDataSyncSources:update", Post, Alone, Administrator, sync_sources::update),
    action!("userDataSyncSources:destroy", Post, Alone, Administrator, sync_sources::destroy),
    action!("dingtalk:calls", Get, Always, Administrator, calls::calls),
];
