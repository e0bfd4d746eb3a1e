//! The sign-in audit.
