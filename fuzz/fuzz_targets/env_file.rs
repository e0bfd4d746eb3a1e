//! Any bytes are an env file: names are names, line ends do not matter, and a value in quotes comes out as it went in.
//! That the rest is as dotenv reads it is what `tests/dotenv` compares.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use nocobase_dingtalk::config::env_file::parse;

fuzz_target!(|bytes: &[u8]| {
    let values = assignments(bytes);
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for (name, (value, line)) in &values {
        let is_name_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        assert!(!name.is_empty() && name.chars().all(is_name_character));
        assert!(!value.contains('\0'));
        assert!((1..=lines).contains(line), "{line}");
    }
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(assignments(text.as_bytes()), values);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    assert_eq!(assignments(text.as_bytes()), values);
    assert_eq!(assignments(text.replace('\n', "\r\n").as_bytes()), values);
    assert_eq!(assignments(format!("\u{feff}{text}").as_bytes()), values);

    let value: String = text.chars().filter(|c| !matches!(c, '\'' | '\0')).collect();
    let quoted = assignments(format!("A=x\nexport B = '{value}' # \nC=y").as_bytes());
    // A backslash before the quote that closes is taken for its escape, unless no other quote closes.
    assert_eq!(quoted["A"].0, "x");
    assert_eq!(quoted["B"].0, value);
    assert_eq!(quoted["C"].0, "y");
});

fn assignments(bytes: &[u8]) -> BTreeMap<String, (String, usize)> {
    parse(bytes)
        .into_iter()
        .map(|(name, assignment)| (name, (assignment.value, assignment.line)))
        .collect()
}
