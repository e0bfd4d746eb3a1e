//! The audit as a table for a spreadsheet.

use super::entry::{Event, Matched, NamedEntry, printed};
use crate::spreadsheet;

const HEADER: [&str; 13] = [
    "time",
    "reference",
    "authenticator",
    "event",
    "result",
    "matched",
    "userId",
    "nickname",
    "actorId",
    "actorNickname",
    "address",
    "dingtalkRequestId",
    "detail",
];

/// The entries, a row each.
pub fn to_csv(entries: &[NamedEntry]) -> String {
    spreadsheet::to_csv(HEADER, entries.iter().map(cells))
}

fn cells(told: &NamedEntry) -> [String; 13] {
    fn text(value: Option<impl ToString>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let entry = &told.entry;
    [
        printed(&entry.time),
        entry.reference.clone(),
        entry.authenticator.clone(),
        Event::label(entry.event).to_owned(),
        entry.result.clone(),
        text(entry.matched.map(Matched::label)),
        text(entry.user_id),
        text(told.nickname.as_ref()),
        text(entry.actor_id),
        text(told.actor_nickname.as_ref()),
        text(entry.address),
        text(entry.dingtalk_request_id.as_ref()),
        text(entry.detail.as_ref()),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::audit::Entry;

    fn an_entry() -> Entry {
        Entry {
            authenticator: "dingtalk".into(),
            matched: Some(Matched::Phone),
            user_id: Some(7),
            address: Some("2001:db8::1".parse().unwrap()),
            ..Entry::new(
                "2026-11-18T10:26:40.007Z".parse().unwrap(),
                "r1",
                Event::SignIn,
                Ok(()),
            )
        }
    }

    /// The table of one entry whose user is called so.
    fn table(entry: Entry, nickname: &str) -> String {
        to_csv(&[entry.told(&BTreeMap::from([(7, nickname.to_owned())]))])
    }

    #[test]
    fn a_table_has_a_header_and_a_row_an_entry() {
        assert_eq!(
            table(an_entry(), "Li Lei"),
            "\u{feff}time,reference,authenticator,event,result,matched,userId,nickname,actorId,actorNickname,address,\
             dingtalkRequestId,detail\r\n\
             2026-11-18T10:26:40.007Z,r1,dingtalk,signIn,OK,phone,7,Li Lei,,,2001:db8::1,,\r\n"
        );
        assert_eq!(to_csv(&[]).lines().count(), 1);
    }
}
