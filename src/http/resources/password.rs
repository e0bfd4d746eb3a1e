//! One's own password, where the sidecar takes passwords.

use log::info;

use crate::audit::Event;
use crate::config::SHORTEST_PASSWORD;
use crate::error_code::Code;
use crate::http::ActionResult;
use crate::http::request::context::Context;
use crate::http::request::cors;
use crate::http::response::envelope;
use crate::http::response::error::RequestError;

/// `auth:changePassword`: one's own, by who knows the present one. All sessions of the user end with it.
pub async fn change(context: Context) -> ActionResult {
    cors::require_trusted_origin(&context)?;
    let caller = context.caller.as_ref().ok_or(RequestError::Internal)?;
    let user = caller.user.as_ref().ok_or(RequestError::Internal)?.id;
    let old = context
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
    // Whoever finds an open session may guess no faster than at the sign-in page.
    let (guesses, account) = (&context.state.throttles.passwords, format!("user {user}"));
    if let Err(error) = guesses.count(&account, context.address) {
        let refused = context.refuse_over_limit(Event::PasswordChange, "password", "", error);
        return Err(refused.await);
    }
    let sessions = &context.state.sessions;
    let is_right = sessions.has_password(user, old).await?;
    if !is_right {
        context
            .record(
                Event::PasswordChange,
                "",
                Err(Code::PasswordRefused),
                Some(user.0),
            )
            .await;
        return Err(RequestError::PasswordRefused.into());
    }
    guesses.forget(&account, context.address);
    context.state.first_password.was_used(old);
    sessions.change_password(user, new).await?;
    info!(
        "user {user} changed their password (reference {})",
        context.reference
    );
    context
        .record(Event::PasswordChange, "", Ok(()), Some(user.0))
        .await;
    Ok(envelope::nothing())
}
