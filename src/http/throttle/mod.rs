//! What an address, or an account, may try how often.

pub mod cooldown;
pub mod in_client_throttle;
pub mod leaky_buckets;
pub mod password_throttle;
pub mod sign_in_throttle;
