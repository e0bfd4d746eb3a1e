//! Reading the repository's own sources for the texts they show to people.

/// The first string argument of every `t(…)` in a script, a page or a schema's text.
pub fn translated_keys(text: &str) -> Vec<String> {
    let calls = text.match_indices("t(").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == '$')
    });
    let keys = calls.filter_map(|(at, call)| literal(text[at + call.len()..].trim_start()));
    keys.map(|(key, _)| key).collect()
}

/// The string literals of Rust code that are words: an upper-case letter and a space.
pub fn spoken(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_code = |line: &&str| !line.starts_with("//") && !line.starts_with("#[");
    for mut rest in code.lines().map(str::trim_start).filter(is_code) {
        while let Some((text, after)) = rest.find('"').and_then(|at| literal(&rest[at..])) {
            if text.starts_with(char::is_uppercase) && text.contains(' ') {
                found.push(text);
            }
            rest = after;
        }
    }
    found
}

/// The keys that Rust code looks up by name: `text(language, "Key")`.
pub fn looked_up(code: &str) -> Vec<String> {
    const CALL: &str = "(language, ";
    let keys = code
        .match_indices(CALL)
        .filter_map(|(at, _)| literal(&code[at + CALL.len()..]));
    keys.map(|(key, _)| key).collect()
}

/// Code before its unit tests.
pub fn without_tests(code: &str) -> &str {
    code.split_once("#[cfg(test)]\nmod ")
        .map_or(code, |(before, _)| before)
}

/// The string literal that `code` begins with, its escapes undone, and what follows it. `None` for anything else,
/// a literal with `${…}` in it too.
fn literal(code: &str) -> Option<(String, &str)> {
    let quote = code
        .chars()
        .next()
        .filter(|first| ['"', '\'', '`'].contains(first))?;
    let mut text = String::new();
    let mut characters = code[1..].chars();
    loop {
        match characters.next()? {
            '\\' => text.push(characters.next()?),
            end if end == quote => break,
            character => text.push(character),
        }
    }
    (quote != '`' || !text.contains("${")).then_some((text, characters.as_str()))
}
