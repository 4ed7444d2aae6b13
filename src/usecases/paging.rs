//! Pages of lists. A list is newest first, and the next page is what is older than the last entry of this one.

use crate::base::id::Id;
use crate::store::Page;

/// The most entries that a page can have.
pub const PAGE_SIZE_MAX: usize = 500;
/// How many entries a page has unless the caller says.
pub const PAGE_SIZE_DEFAULT: usize = 50;

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Only what is older than this entry.
    pub after: Option<Id>,
    /// From 1 to [`PAGE_SIZE_MAX`].
    pub size: usize,
}

/// A page of a list.
#[derive(Debug)]
pub struct Slice<T> {
    pub entries: Vec<T>,
    /// How many entries it has at most.
    pub size: usize,
    /// The last entry, if there are older ones.
    pub next: Option<String>,
}

impl Default for Paging {
    fn default() -> Paging {
        Paging { after: None, size: PAGE_SIZE_DEFAULT }
    }
}

impl Paging {
    /// What to read: one entry more than the page has, which tells whether there is a next page.
    pub fn to_read(self) -> Page {
        Page { after: self.after, size: self.size as i64 + 1 }
    }

    /// The page made of what was found.
    pub fn slice<R, T>(self, found: Vec<R>, id: impl Fn(&R) -> Id, show: impl FnMut(R) -> T) -> Slice<T> {
        Slice::new(self.size, found, |entry| id(entry).to_string(), show)
    }
}

impl<T> Slice<T> {
    /// A page of at most `size` of the entries found, of which there is one more if there is a next page.
    pub fn new<R>(size: usize, mut found: Vec<R>, key: impl Fn(&R) -> String, show: impl FnMut(R) -> T) -> Slice<T> {
        let has_more = found.len() > size;
        found.truncate(size);
        let next = found.last().filter(|_| has_more).map(key);
        Slice { entries: found.into_iter().map(show).collect(), size, next }
    }
}
