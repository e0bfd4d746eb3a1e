//! The organization in DingTalk, compared with the users here.
//!
//! A comparison reads everything that the app may read, and then says who of it is a user already, who would become one,
//! and who would be made anew. It changes nothing. What could not be read is never taken for somebody who has left: people
//! count as missing only after a reading without a gap.

mod comparison;
mod previews;
mod reading;
mod snapshot;

pub use comparison::{ComparedPerson, Comparison, Counts, Prospect};
pub use previews::{Preview, PreviewError, PreviewState, Previews};
pub use reading::{Progress, ReadError};
