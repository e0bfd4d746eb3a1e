//! A part of a list.

/// A part of a list, as NocoBase's clients ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first page is 1.
    pub page: u64,
    /// Rows on a page, at least 1.
    pub page_size: u64,
}

impl Page {
    /// One page that holds any list of ours.
    pub const ALL: Self = Self {
        page: 1,
        page_size: 10_000,
    };

    /// The rows before it.
    pub fn offset(self) -> u64 {
        // Databases count rows with a sign.
        let before = self.page.saturating_sub(1).saturating_mul(self.page_size);
        Ord::min(before, i64::MAX.unsigned_abs())
    }
}

/// The rows of a [`Page`], and how many there are on all pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// The rows of all pages together.
    pub count: u64,
}
