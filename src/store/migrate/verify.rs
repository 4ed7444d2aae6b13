//! Verifying: both databases are read in the order of keys and compared row by row, by their digests.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};

use sha2::{Digest, Sha256};

use super::error::MigrateError;
use super::marker::show_key;
use super::progress::{Progress, Work};
use super::row::{RowDigest, Value};
use super::source::Source;
use super::tables::MovedTable;
use super::target::Target;

/// The number of digests per message, and the number of messages that the source may be ahead of the target.
const DIGESTS: usize = 1_000;
const DIGESTS_AHEAD: usize = 16;

/// A row, by its key and its digest.
type Seen = (Vec<Value>, RowDigest);

/// A table in both databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub table: &'static str,
    pub source: Content,
    pub target: Content,
    /// The first key whose rows differ, or that only one of them has, as JSON.
    pub difference: Option<String>,
}

/// The content of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub rows: u64,
    /// The SHA-256 of the digests of all rows, in hexadecimal.
    pub digest: String,
}

impl Comparison {
    pub fn is_equal(&self) -> bool {
        self.source == self.target
    }
}

/// Compares a table.
pub fn compare(
    source: &mut Source,
    target: &mut Target,
    table: &'static MovedTable,
    total: u64,
) -> Result<Comparison, MigrateError> {
    let mut progress = Progress::begin(Work::Comparing, table.name(), total, 0);
    let comparison = std::thread::scope(|scope| {
        let (sender, digests) = sync_channel(DIGESTS_AHEAD);
        let reader = scope.spawn(move || {
            let mut seen: Vec<Seen> = Vec::with_capacity(DIGESTS);
            source.read(table, None, |row| {
                seen.push((row.key(table), row.digest()));
                if seen.len() < DIGESTS {
                    return ControlFlow::Continue(());
                }
                match sender.send(std::mem::replace(&mut seen, Vec::with_capacity(DIGESTS))) {
                    Ok(()) => ControlFlow::Continue(()),
                    // Reading the target has failed, and that error is reported.
                    Err(_) => ControlFlow::Break(()),
                }
            })?;
            let _ = sender.send(seen);
            Ok(())
        });
        let mut sides = Sides::new(digests);
        let read = target.read_digests(table, |rows| {
            progress.advance(rows.len() as u64);
            rows.into_iter().for_each(|row| sides.add(row));
        });
        let comparison = sides.end(table, read.is_ok());
        let sent: Result<(), MigrateError> = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.and(sent).map(|()| comparison)
    })?;
    progress.end();
    Ok(comparison)
}

/// The two sides, as far as they have been read.
struct Sides {
    source: Side,
    target: Side,
    digests: Receiver<Vec<Seen>>,
    /// Received, but not yet compared.
    ahead: std::vec::IntoIter<Seen>,
    difference: Option<Vec<Value>>,
}

#[derive(Default)]
struct Side {
    rows: u64,
    digest: Sha256,
}

impl Side {
    fn add(&mut self, digest: &RowDigest) {
        self.rows += 1;
        self.digest.update(digest);
    }

    fn content(self) -> Content {
        Content { rows: self.rows, digest: hex::encode(self.digest.finalize()) }
    }
}

impl Sides {
    fn new(digests: Receiver<Vec<Seen>>) -> Sides {
        let ahead = Vec::new().into_iter();
        Sides { source: Side::default(), target: Side::default(), digests, ahead, difference: None }
    }

    fn next_of_source(&mut self) -> Option<Seen> {
        loop {
            if let Some((key, digest)) = self.ahead.next() {
                self.source.add(&digest);
                return Some((key, digest));
            }
            self.ahead = self.digests.recv().ok()?.into_iter();
        }
    }

    /// Adds a row of the target, and compares it with the next one of the source.
    fn add(&mut self, (key, digest): Seen) {
        self.target.add(&digest);
        let other = self.next_of_source();
        if self.difference.is_none() {
            self.difference = match other {
                Some((other_key, other)) if other_key == key => (other != digest).then_some(key),
                // The lower key is missing on the other side.
                Some((other_key, _)) => Some(key.min(other_key)),
                None => Some(key),
            };
        }
    }

    /// Adds the rest of the source, if the target was read to its end.
    fn end(mut self, table: &MovedTable, is_read: bool) -> Comparison {
        while is_read && let Some((key, _)) = self.next_of_source() {
            self.difference.get_or_insert(key);
        }
        let difference = self.difference.as_deref().map(show_key);
        Comparison { table: table.name(), source: self.source.content(), target: self.target.content(), difference }
    }
}
