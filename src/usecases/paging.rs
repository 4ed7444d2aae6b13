//! Pages of lists. Lists are newest first; the next page begins after the last entry of this one.

use crate::base::id::Id;
use crate::store::Page;

/// The largest page size.
pub const PAGE_SIZE_MAX: usize = 500;
/// The default page size.
pub const PAGE_SIZE_DEFAULT: usize = 50;

/// The page of a list that a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Only entries older than this one.
    pub after: Option<Id>,
    /// From 1 to [`PAGE_SIZE_MAX`].
    pub size: usize,
}

/// A page of a list.
#[derive(Debug)]
pub struct Slice<T> {
    pub entries: Vec<T>,
    /// The page size.
    pub size: usize,
    /// The last entry of the page, if there are older ones.
    pub next: Option<String>,
}

impl Default for Paging {
    fn default() -> Paging {
        Paging { after: None, size: PAGE_SIZE_DEFAULT }
    }
}

impl Paging {
    /// The entries to read: one more than the page has, which shows whether there is a next page.
    pub fn to_read(self) -> Page {
        Page { after: self.after, size: self.size as i64 + 1 }
    }

    /// The page of the entries that were read.
    pub fn slice<R, T>(self, found: Vec<R>, id: impl Fn(&R) -> Id, show: impl FnMut(R) -> T) -> Slice<T> {
        Slice::new(self.size, found, |entry| id(entry).to_string(), show)
    }
}

impl<T> Slice<T> {
    /// A page of at most `size` entries. If `found` has more, there is a next page.
    pub fn new<R>(size: usize, mut found: Vec<R>, key: impl Fn(&R) -> String, show: impl FnMut(R) -> T) -> Slice<T> {
        let has_more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| has_more).map(key);
        Slice { entries: found.into_iter().map(show).collect(), size, next }
    }
}
