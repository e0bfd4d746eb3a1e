//! What goes back: envelopes, cookies, errors, pages.

pub mod envelope;
pub mod error;
pub mod pages;
pub mod refusal;
pub mod set_cookies;
pub mod sign_in;
