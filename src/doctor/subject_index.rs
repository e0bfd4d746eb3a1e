//! Whether the database itself keeps two users from claiming one DingTalk account.

use crate::nocobase::{StoreError, SubjectIndex};

use super::finding::Finding;

const CHECK: &str = "subject-index";

/// `index` is what became of it when the sidecar started; `None` when the settings did not let it try.
pub(super) fn judge(index: Option<&Result<SubjectIndex, StoreError>>) -> Finding {
    match index {
        Some(Ok(SubjectIndex::Created | SubjectIndex::Present)) => Finding::ok(
            CHECK,
            "A unique index keeps two users from being linked to one DingTalk account.",
        ),
        Some(Ok(SubjectIndex::CreatedPlain | SubjectIndex::Plain | SubjectIndex::NotUsed)) => Finding::ok(
            CHECK,
            "On this kind of database first sign-ins take turns instead of relying on a unique index.",
        ),
        Some(Err(StoreError::SubjectsNotUnique)) => {
            Finding::error(CHECK, "Two users are linked to one DingTalk account.")
                .advise("Remove one of the two in the list of linked users.")
        }
        Some(Err(_)) | None => Finding::warning(
            CHECK,
            "The unique index that keeps two users from being linked to one DingTalk account is missing.",
        )
        .advise("Look into the log of the sidecar for the reason, and let it create the index."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn an_index_that_cannot_be_made_is_worse_than_one_that_was_not() {
        assert_eq!(judge(Some(&Ok(SubjectIndex::Present))).status, Status::Ok);
        assert_eq!(judge(Some(&Ok(SubjectIndex::Plain))).status, Status::Ok);
        assert_eq!(judge(Some(&Ok(SubjectIndex::NotUsed))).status, Status::Ok);
        assert_eq!(judge(None).status, Status::Warning);
        assert_eq!(judge(Some(&Err(StoreError::ReadOnly))).status, Status::Warning);
        assert_eq!(
            judge(Some(&Err(StoreError::SubjectsNotUnique))).status,
            Status::Error
        );
    }
}
