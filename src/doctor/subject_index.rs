//! Whether the database itself keeps two users from claiming one DingTalk account.

use crate::nocobase::SubjectIndex;

use super::finding::Finding;

const CHECK: &str = "subject-index";

/// `index` is what the sidecar found when it started; `None` when it was not let make one.
pub(super) fn judge(index: Option<SubjectIndex>) -> Finding {
    match index {
        Some(SubjectIndex::Created | SubjectIndex::Present) => Finding::ok(
            CHECK,
            "A unique index keeps two users from being linked to one DingTalk account.",
        ),
        Some(SubjectIndex::NotUsed) => Finding::ok(
            CHECK,
            "On this kind of database first sign-ins take turns instead of relying on a unique index.",
        ),
        None => Finding::warning(
            CHECK,
            "The unique index that keeps two users from being linked to one DingTalk account is missing.",
        )
        .advise("Look into the log of the sidecar for the reason, and let it create the index."),
    }
}
