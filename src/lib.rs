//! Sign-in with DingTalk for NocoBase, as a sidecar.

pub mod audit;
pub mod clock;
pub mod dingtalk;
pub mod doctor;
pub mod entropy;
pub mod nocobase;
pub mod plugin;
pub mod session;
pub mod simulator;
