//! DingTalk, as this crate sees it: an authorization page to send a browser to, and a few calls.
//!
//! DingTalk's web sign-in is OAuth 2 without discovery, without PKCE and without an id token. The browser comes
//! back with a one-time code; [`DingTalk::redeem`] turns it into the person's access token and
//! [`DingTalk::profile`] into who they are. Membership of the organization and the employee id need a second
//! credential, the app access token, and an older API that answers 200 whatever happens
//! ([`DingTalk::find_user_id`]).
//!
//! Inside DingTalk's own client a page asks the client for a code instead; [`DingTalk::redeem_in_client`] says who is
//! signed in there, in one call, and [`DingTalk::find_member`] their phone number, title and
//! rights in the organization; [`DingTalk::departments_of`] tells where in it they are.
//!
//! [`DingTalk::data_scope`], [`DingTalk::departments_below`] and [`DingTalk::department_members`] read the organization,
//! [`DingTalk::member`] and [`DingTalk::department`] one of it, and [`DingTalk::member_count`] how large it is.
//!
//! [`DingTalk::open_stream`] asks for a WebSocket that events come over; [`DingTalk::failed_callbacks`] for those that did
//! not arrive by callback.
//!
//! "Client ID" and "Client Secret" are DingTalk's AppKey and AppSecret.
//!
//! Everything DingTalk can say ends in one enum, [`ErrorKind`], with a kind for each reaction; nothing above
//! this module sees a status, an `errcode` or a text of DingTalk's. Codes, tokens and personal facts cannot be
//! printed from here.

pub mod answer;
mod app_token;
mod authorization;
mod call;
mod call_queue;
mod client;
mod credentials;
mod directory;
mod endpoints;
mod error;
mod identity;
mod organization;
pub mod organization_answer;
mod organization_calls;
mod pace;
mod raw_answer;
mod refusal;
mod retry_pauses;
pub mod stream_ticket;
mod surrogates;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transport;

pub use app_token::AppAccessToken;
pub use authorization::AuthorizationRequest;
pub use call::{Call, CallReport, Observer};
pub use client::{DingTalk, Limits};
pub use credentials::Credentials;
pub use endpoints::Endpoints;
pub use error::{DingTalkError, ErrorKind, Fault, SetUpFault};
pub use identity::{ClientUser, DingTalkUserId, Member, Profile, UnionId, UserAccessToken};
pub use organization::{DataScope, Department, DepartmentId, DirectoryEntry, MembersPage, Place};
pub use stream_ticket::{FailedCallbacks, StreamTicket};
