//! Events: DingTalk says that something in the organization has changed, by a callback or over a stream.
//!
//! An event is stored before it is acknowledged, and is never applied as it stands: whom it names is read anew, a moment
//! later. So it does not matter how often an event comes, nor in which order.

pub mod callback;
mod companion;
mod connection;
pub mod crypto;
pub mod event;
mod failed_list;
pub mod frame;
mod hold;
mod inbox;
mod queue;
mod reread;
mod source;
mod status;
mod stream;

pub use callback::{CALLBACK_PATH, CallbackError, Callbacks, callback_address};
pub use companion::companion;
pub use connection::StreamPatience;
pub use crypto::{Seal, SealedReply, Signed};
pub use hold::{EventContext, EventsHandle, Receive, hold};
pub use inbox::{Channel, EventObserver, Inbox};
pub(super) use queue::LAST_EVENT;
pub use queue::{Apply, NotApplied};
pub use source::{CallbackKeys, EventSource};
pub use status::{StreamState, StreamStatus};
pub use stream::StreamPace;
