//! What a link says of its subject: which kind of id it is, and whose app and organization gave it.
//!
//! A subject alone is a text, and two kinds of id may be spelt alike: somebody's user id may be another one's phone
//! number. So each link notes it, in `meta` beside whatever else stands there.

use serde_json::{Map, Value};

/// What identifies a DingTalk person to an authenticator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectKind {
    /// The same in all apps of one developer organization; needs no further permission.
    #[default]
    UnionId,
    /// The person's id inside the organization.
    UserId,
    /// The phone number.
    Mobile,
}

impl SubjectKind {
    /// The name in the settings and in the notes of links.
    pub const fn label(self) -> &'static str {
        match self {
            Self::UnionId => "unionId",
            Self::UserId => "userId",
            Self::Mobile => "mobile",
        }
    }

    /// All of them.
    pub const ALL: [Self; 3] = [Self::UnionId, Self::UserId, Self::Mobile];
}

/// Where the subject of a sign-in comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSource {
    /// The kind of id.
    pub kind: SubjectKind,
    /// The DingTalk app that was told it.
    pub client_id: String,
    /// The organization it was told for, where sign-ins are fenced by one.
    pub corp_id: Option<String>,
}

/// What the note of a link means to a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Made under the same settings.
    Same,
    /// The same person, and the note is missing or of another app of theirs: it is written anew.
    Refresh,
    /// Another kind of id, or an id of another organization: spelt alike, and not the same.
    Other,
}

/// Written since the first version that compares: a link without it is older.
pub(super) const KIND: &str = "subject";
pub(super) const CLIENT_ID: &str = "clientId";
pub(super) const CORP_ID: &str = "corpId";

impl LinkSource {
    /// Whether `meta` says which kind of id the link holds.
    pub fn is_noted(meta: &Value) -> bool {
        meta.get(KIND).is_some_and(Value::is_string)
    }

    /// What `meta` means to a sign-in from here.
    pub fn compare(&self, meta: &Value) -> Noted {
        let noted = |name| meta.get(name).and_then(Value::as_str);
        let Some(kind) = noted(KIND) else {
            return Noted::Refresh;
        };
        if kind != self.kind.label() {
            return Noted::Other;
        }
        let (client_id, corp_id) = (noted(CLIENT_ID), noted(CORP_ID));
        let is_same_app = client_id == Some(self.client_id.as_str());
        if is_same_app && corp_id == self.corp_id.as_deref() {
            return Noted::Same;
        }
        // A union id and a phone number are the same in every organization; a user id is given by one, as it likes.
        let is_same_organization = match (corp_id, self.corp_id.as_deref()) {
            (Some(noted), Some(ours)) => noted == ours,
            _ => is_same_app,
        };
        if self.kind == SubjectKind::UserId && !is_same_organization {
            Noted::Other
        } else {
            Noted::Refresh
        }
    }

    /// `meta` with this note in it.
    pub fn noted_in(&self, meta: &Value) -> Value {
        let mut noted = meta.as_object().cloned().unwrap_or_else(Map::new);
        noted.insert(KIND.to_owned(), self.kind.label().into());
        noted.insert(CLIENT_ID.to_owned(), self.client_id.as_str().into());
        match &self.corp_id {
            Some(corp_id) => noted.insert(CORP_ID.to_owned(), corp_id.as_str().into()),
            None => noted.remove(CORP_ID),
        };
        Value::Object(noted)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(kind: SubjectKind, client_id: &str, corp_id: Option<&str>) -> LinkSource {
        LinkSource {
            kind,
            client_id: client_id.to_owned(),
            corp_id: corp_id.map(str::to_owned),
        }
    }

    #[test]
    fn a_note_is_what_is_compared() {
        for kind in [SubjectKind::UnionId, SubjectKind::UserId, SubjectKind::Mobile] {
            for corp_id in [None, Some("corp")] {
                let source = source(kind, "app", corp_id);
                let meta = source.noted_in(&json!({"matchedBy": "phone", "corpId": "old"}));

                assert_eq!(meta["matchedBy"], "phone");
                assert_eq!(source.compare(&meta), Noted::Same);
            }
        }
    }

    #[test]
    fn what_an_older_version_wrote_is_filled_in() {
        for meta in [
            json!(null),
            json!({}),
            json!({"matchedBy": "signUp"}),
            json!("text"),
        ] {
            assert_eq!(
                source(SubjectKind::UserId, "app", None).compare(&meta),
                Noted::Refresh
            );
        }
    }

    #[test]
    fn an_id_of_another_kind_is_another_id() {
        let meta = source(SubjectKind::Mobile, "app", None).noted_in(&json!({}));

        assert_eq!(
            source(SubjectKind::UserId, "app", None).compare(&meta),
            Noted::Other
        );
        assert_eq!(
            source(SubjectKind::UnionId, "app", None).compare(&meta),
            Noted::Other
        );
    }

    #[test]
    fn a_user_id_is_the_same_in_one_organization_only() {
        let by = |client_id, corp_id| source(SubjectKind::UserId, client_id, corp_id);
        for (before, now, expected) in [
            (by("app", None), by("other", None), Noted::Other),
            (by("app", Some("corp")), by("other", Some("corp")), Noted::Refresh),
            (
                by("app", Some("corp")),
                by("app", Some("elsewhere")),
                Noted::Other,
            ),
            (by("app", None), by("app", Some("corp")), Noted::Refresh),
            (by("app", Some("corp")), by("other", None), Noted::Other),
        ] {
            assert_eq!(
                now.compare(&before.noted_in(&json!({}))),
                expected,
                "{before:?} {now:?}"
            );
        }
    }

    #[test]
    fn a_union_id_and_a_number_stay_the_same_when_the_app_is_replaced() {
        for kind in [SubjectKind::UnionId, SubjectKind::Mobile] {
            let before = source(kind, "app", Some("corp")).noted_in(&json!({}));

            assert_eq!(
                source(kind, "other", Some("elsewhere")).compare(&before),
                Noted::Refresh
            );
        }
    }
}
