//! The query string, in the forms NocoBase's clients write it.

use serde_json::Value;

use crate::nocobase::Page;

const USUAL_ROWS: u64 = 20;
const MOST_ROWS: u64 = 200;

/// The pairs of a query, in order.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query; what is no pair is skipped, as browsers do.
    pub fn parse(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The only value of a name; `None` when it is absent, empty, or given more than once. Nothing of NocoBase's has a zero
    /// in it, and PostgreSQL takes no question about one.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut values = self
            .0
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        let first = values
            .next()
            .filter(|value| !value.is_empty() && !value.contains('\0'))?;
        values.next().is_none().then_some(first)
    }

    /// Whether a name is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Every value of a list: `name=1`, `name[]=1&name[]=2`, `name[0]=1`, or a JSON array.
    pub fn list(&self, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        for (key, value) in &self.0 {
            let is_item = key.strip_prefix(name).is_some_and(|rest| {
                rest.is_empty() || rest == "[]" || (rest.starts_with('[') && rest.ends_with(']'))
            });
            if !is_item {
                continue;
            }
            match serde_json::from_str::<Value>(value) {
                Ok(Value::Array(items)) if value.starts_with('[') => {
                    values.extend(items.iter().map(|item| match item {
                        Value::String(text) => text.clone(),
                        Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::Array(_)
                        | Value::Object(_) => item.to_string(),
                    }));
                }
                Ok(_) | Err(_) => values.push(value.clone()),
            }
        }
        values
    }

    /// The part of a list that is asked for.
    pub fn page(&self) -> Page {
        self.part(USUAL_ROWS, MOST_ROWS)
    }

    /// The part of a table that is asked for: all that it may have, where nothing else is said.
    pub fn table(&self, most: u64) -> Page {
        self.part(most, most)
    }

    fn part(&self, usual: u64, most: u64) -> Page {
        Page {
            page: self.number("page", 1, u64::MAX),
            page_size: self.number("pageSize", usual, most),
        }
    }

    /// A number between bounds; anything else is the fallback.
    fn number(&self, name: &str, fallback: u64, most: u64) -> u64 {
        self.only(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(fallback)
            .clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_every_form_that_clients_write() {
        for text in [
            "k=1&k=2",
            "k[]=1&k[]=2",
            "k%5B%5D=1&k%5B%5D=2",
            "k[0]=1&k[1]=2",
            "k=[1,2]",
            "k=%5B%221%22%2C2%5D",
        ] {
            assert_eq!(Query::parse(text).list("k"), ["1", "2"], "{text}");
        }
        assert!(Query::parse("kk=1").list("k").is_empty());
    }

    #[test]
    fn a_value_given_twice_is_no_value() {
        assert_eq!(Query::parse("state=a").only("state"), Some("a"));
        assert_eq!(Query::parse("state=a&state=b").only("state"), None);
        assert_eq!(Query::parse("state=").only("state"), None);
        assert_eq!(Query::parse("authenticator=a%00").only("authenticator"), None);
    }
}
