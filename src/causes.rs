//! An error with everything that led to it: what a log line says, and what the person at the terminal reads; or with
//! the one cause at the bottom of it, where a sentence around it says the rest.

use std::error::Error;

/// Its text and those of its causes. A cause that only repeats what stands before it is left out.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// What the system or the other side said.
pub fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Fault {
        #[error("the file cannot be written")]
        Write(#[source] std::io::Error),
        #[error("{0}")]
        Repeated(#[source] std::io::Error),
    }

    #[test]
    fn no_reason_of_the_system_is_left_out_and_none_is_said_twice() {
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);

        assert_eq!(
            with_causes(&Fault::Write(full())),
            "the file cannot be written: no storage space"
        );
        assert_eq!(with_causes(&Fault::Repeated(full())), "no storage space");
        assert_eq!(innermost(&Fault::Write(full())), "no storage space");
    }
}
