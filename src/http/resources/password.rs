//! One's own password: changed where the sidecar takes passwords, and the proof of who is there.

use log::info;

use crate::audit::Event;
use crate::config::SHORTEST_PASSWORD;
use crate::error_code::Code;
use crate::http::request::context::Context;
use crate::http::request::cors;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;
use crate::http::{ActionResult, ApiError};
use crate::nocobase::UserId;

/// `auth:changePassword`: one's own, by who knows the present one. All sessions of the user end with it.
pub async fn change(context: Context) -> ActionResult {
    cors::require_trusted_origin(&context)?;
    let user = caller(&context)?;
    context
        .text("oldPassword")?
        .ok_or(RequestError::InvalidField("oldPassword"))?;
    let new = context
        .text("newPassword")?
        .ok_or(RequestError::InvalidField("newPassword"))?;
    if context.text("confirmPassword")?.is_some_and(|again| again != new) {
        return Err(RequestError::InvalidField("confirmPassword").into());
    }
    if new.chars().count() < SHORTEST_PASSWORD {
        return Err(RequestError::PasswordTooShort.into());
    }
    require(&context, "oldPassword", Event::PasswordChange, "").await?;
    context.state.sessions.change_password(user, new).await?;
    info!(
        "user {user} changed their password (reference {})",
        context.reference
    );
    context
        .record(Event::PasswordChange, "", Ok(()), Some(user.0))
        .await;
    Ok(envelope::nothing())
}

/// The user whose session this is.
pub fn caller(context: &Context) -> Result<UserId, RequestError> {
    let caller = context.caller.as_ref().and_then(|caller| caller.user_id);
    caller.map(UserId).ok_or(RequestError::Internal)
}

/// Lets nobody on who does not know the password of the session's user, which stands in this field of the body. Who is
/// wrong goes to the audit under `event`.
pub async fn require(
    context: &Context,
    field: &'static str,
    event: Event,
    authenticator: &str,
) -> Result<(), ApiError> {
    let user = caller(context)?;
    let password = context.text(field)?.ok_or(RequestError::InvalidField(field))?;
    // Whoever finds an open session may guess no faster than at the sign-in page.
    let (guesses, account) = (&context.state.throttles.passwords, format!("user {user}"));
    if let Err(error) = guesses.count(&account, context.address) {
        let refused = context.refuse_over_limit(event, "password", authenticator, error);
        return Err(refused.await);
    }
    if !context.state.sessions.has_password(user, password).await? {
        let result = Err(Code::PasswordRefused);
        context.record(event, authenticator, result, Some(user.0)).await;
        return Err(RequestError::PasswordRefused.into());
    }
    guesses.forget(&account, context.address);
    context.state.first_password.was_used(password);
    Ok(())
}
