//! A table for a spreadsheet: CSV as RFC 4180 has it, in which no cell is one that a spreadsheet would calculate.

use csv::{Terminator, WriterBuilder};

/// Without it spreadsheets take the bytes for those of another alphabet.
const UTF_8: &str = "\u{feff}";

/// CSV with a header row.
#[expect(
    clippy::expect_used,
    reason = "the table is a buffer in memory, which takes any text and gives it back"
)]
pub fn to_csv<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl Iterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(header).expect("a buffer takes a row");
    for row in rows {
        table.write_record(row.map(inert)).expect("a buffer takes a row");
    }
    let bytes = table.into_inner().expect("a buffer is flushed");
    UTF_8.to_owned() + &String::from_utf8(bytes).expect("text went in")
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
    use super::*;

    fn row_of(cells: [&str; 2]) -> Vec<String> {
        let table = to_csv(["a", "b"], [cells.map(str::to_owned)].into_iter());
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let row = rows.records().next().unwrap().unwrap();
        row.iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_table_without_rows_has_its_header() {
        assert_eq!(to_csv(["a", "b"], std::iter::empty()), "\u{feff}a,b\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"] {
            assert_eq!(row_of([text, "b"]), [format!("'{text}"), "b".to_owned()]);
        }
    }

    #[test]
    fn commas_quotes_and_line_breaks_stay_inside_their_cell() {
        assert_eq!(row_of(["a,\"b\"\r\nc", "d"]), ["a,\"b\"\r\nc", "d"]);
    }
}
