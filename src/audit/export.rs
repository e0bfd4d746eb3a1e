//! The audit as a table for a spreadsheet.

use csv::{Terminator, WriterBuilder};

use super::entry::{Event, Matched, NamedEntry, printed};

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

/// Without it spreadsheets take the bytes for those of another alphabet.
const UTF_8: &str = "\u{feff}";

/// CSV with a header row, as RFC 4180 has it. No cell is one that a spreadsheet would calculate.
#[expect(clippy::missing_panics_doc, reason = "it does not panic")]
#[expect(
    clippy::expect_used,
    reason = "the table is a buffer in memory, which takes any text and gives it back"
)]
pub fn to_csv(entries: &[NamedEntry]) -> String {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(HEADER).expect("a buffer takes a row");
    for entry in entries {
        table
            .write_record(cells(entry).map(inert))
            .expect("a buffer takes a row");
    }
    let bytes = table.into_inner().expect("a buffer is flushed");
    UTF_8.to_owned() + &String::from_utf8(bytes).expect("text went in")
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

/// A cell that begins a formula gets an apostrophe, which spreadsheets take for "this is text". The full-width
/// signs count in Chinese and Japanese editions.
fn inert(cell: String) -> String {
    if cell
        .trim_start_matches(' ')
        .starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
    {
        format!("'{cell}")
    } else {
        cell
    }
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

    #[test]
    fn no_cell_is_a_formula() {
        for name in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"] {
            let entry = Entry {
                authenticator: name.into(),
                ..an_entry()
            };

            let table = table(entry, name);

            let mut rows = csv::Reader::from_reader(table.as_bytes());
            let row = rows.records().next().unwrap().unwrap();
            for column in [2, 7] {
                assert_eq!(row.get(column).unwrap(), format!("'{name}"));
            }
        }
    }

    #[test]
    fn commas_quotes_and_line_breaks_stay_inside_their_cell() {
        let entry = Entry {
            authenticator: "a,\"b\"\r\nc".into(),
            ..an_entry()
        };

        let table = table(entry, "Li");

        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let row = rows.records().next().unwrap().unwrap();
        assert_eq!(row.get(2).unwrap(), "a,\"b\"\r\nc");
        assert_eq!(row.len(), 13);
    }
}
