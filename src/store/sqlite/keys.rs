//! How SQLite stores ids: as 64-bit integers, which are the row numbers of most tables.
//!
//! An id becomes an integer by its parts, so no index leads from ids to rows, and rows are appended in the order of
//! time:
//!
//! ```text
//! | seconds since 2020, 31 bits | counter, 24 bits | number of the process, 8 bits |
//! ```
//!
//! [`super::processes`] gives the random bytes of a process a number. The number 0 stands for bytes that are all zero,
//! which bounds such as [`Id::lowest_at`] have; 255 for a process that made no id in this database: such integers match
//! nothing, and compare as their ids do.
//!
//! Integers below 2^32 are consecutive numbers instead, from the table `small_ids`: of orgs, hooks and workflows, since
//! many rows refer to those few, and of ids that don't fit into the form above, such as those of a clock after 2087.
//!
//! Ids of one process have the order of their integers. Ids that two processes made within the same second are in no
//! particular order, here as elsewhere.
//!
//! What the key space learns is stored with the commit that needs it first. It never forgets, so an integer means the
//! same for ever; what a rolled back transaction added is stored with the next commit.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::SqliteConnection;

use super::processes::{Processes, Span};
use crate::base::id::{Id, IdParts};
use crate::store::sql::statement::Bind;

/// 2020-01-01 in Unix seconds. Ids of earlier seconds have negative integers.
const EPOCH: u32 = 1_577_836_800;
/// The highest consecutive number.
const SMALL_MAX: i64 = u32::MAX as i64;
/// Stands for a process whose bytes are all zero.
const ZERO: u8 = 0;
/// Stands for a process that made no id in this database.
const UNKNOWN: u8 = u8::MAX;
/// How many seconds ahead a process keeps its number. So the table of processes is written once a minute.
const LEASE: u32 = 60;

/// The ids and integers of one database.
#[derive(Debug, Default)]
pub struct KeySpace {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The ids with consecutive numbers, from 1 on.
    small: Vec<Id>,
    numbers: HashMap<Id, i64>,
    processes: Processes,
    /// How many of the small ids are stored.
    small_stored: usize,
    /// The indexes of the spans that are not stored as they are.
    spans_changed: BTreeSet<usize>,
}

#[derive(QueryableByName)]
struct SmallRow {
    #[diesel(sql_type = Binary)]
    id: Vec<u8>,
}

#[derive(QueryableByName)]
struct SpanRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
    #[diesel(sql_type = Binary)]
    random: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    first_second: i64,
    #[diesel(sql_type = BigInt)]
    last_second: i64,
}

impl KeySpace {
    /// Reads what is stored.
    ///
    /// # Errors
    /// If it can't be read, or is not what [`KeySpace::store`] writes.
    pub fn load(connection: &mut SqliteConnection) -> QueryResult<KeySpace> {
        const SMALL: &str = "SELECT id FROM small_ids ORDER BY number";
        const SPANS: &str = "SELECT number, random, first_second, last_second FROM id_processes ORDER BY span";
        let invalid = |what: &str| diesel::result::Error::DeserializationError(what.into());
        let mut state = State::default();
        for row in diesel::sql_query(SMALL).load::<SmallRow>(connection)? {
            let id = row.id.try_into().map_err(|_| invalid("a row of `small_ids` holds no id"))?;
            state.add_small(Id::from_bytes(id));
        }
        state.small_stored = state.small.len();
        for row in diesel::sql_query(SPANS).load::<SpanRow>(connection)? {
            state.processes.add(row.span().ok_or_else(|| invalid("a row of `id_processes` holds no process"))?);
        }
        Ok(KeySpace { state: RwLock::new(state) })
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The integer of an id. That of an unknown id matches nothing.
    pub fn key(&self, id: Id) -> i64 {
        self.read().key(id)
    }

    /// The integer of an id that is going to be stored.
    pub fn admit(&self, id: Id) -> i64 {
        let known = self.read().known(id);
        known.unwrap_or_else(|| self.write().admit(id))
    }

    /// Gives an id that many rows will refer to a consecutive number. No row may refer to it yet.
    pub fn admit_small(&self, id: Id) {
        self.write().add_small(id);
    }

    /// Gives a process a number in these seconds, as long as there are any.
    pub fn admit_process(&self, process: [u8; 5], first: u32, last: u32) {
        let mut state = self.write();
        let span = state.processes.admit(process, first, last);
        state.spans_changed.extend(span);
    }

    /// The id of an integer that is stored.
    pub fn id(&self, key: i64) -> Option<Id> {
        self.read().id(key)
    }

    /// Puts integers in the place of ids. `admits` says that the ids are going to be stored.
    pub fn bind(&self, binds: &mut [Bind<'_>], admits: bool) {
        let mut is_complete = true;
        let state = self.read();
        for bind in binds.iter_mut() {
            let Bind::Id(id) = *bind else { continue };
            match state.known(id) {
                Some(key) => *bind = Bind::Integer(Some(key)),
                None if admits => is_complete = false,
                None => *bind = Bind::Integer(Some(state.key(id))),
            }
        }
        drop(state);
        if is_complete {
            return;
        }
        let mut state = self.write();
        for bind in binds {
            if let Bind::Id(id) = *bind {
                *bind = Bind::Integer(Some(state.admit(id)));
            }
        }
    }

    /// Stores what is new, within the transaction that is open.
    pub fn store(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        const SMALL: &str = "INSERT INTO small_ids (number, id) VALUES (?, ?)";
        const SPAN: &str = "INSERT OR REPLACE INTO id_processes (span, number, random, first_second, last_second) \
                            VALUES (?, ?, ?, ?, ?)";
        let state = self.read();
        for (index, id) in state.small.iter().enumerate().skip(state.small_stored) {
            let insert = diesel::sql_query(SMALL).bind::<BigInt, _>(index as i64 + 1);
            insert.bind::<Binary, _>(id.bytes().to_vec()).execute(connection)?;
        }
        for index in &state.spans_changed {
            let Span { number, process, first, last } = state.processes.spans()[*index];
            diesel::sql_query(SPAN)
                .bind::<BigInt, _>(*index as i64 + 1)
                .bind::<BigInt, _>(i64::from(number))
                .bind::<Binary, _>(process.to_vec())
                .bind::<BigInt, _>(i64::from(first))
                .bind::<BigInt, _>(i64::from(last))
                .execute(connection)?;
        }
        Ok(())
    }

    /// Notes that a transaction in which everything was stored is committed.
    pub fn stored(&self) {
        if self.read().is_stored() {
            return;
        }
        let mut state = self.write();
        state.small_stored = state.small.len();
        state.spans_changed.clear();
    }
}

impl State {
    fn is_stored(&self) -> bool {
        self.small_stored == self.small.len() && self.spans_changed.is_empty()
    }

    /// The integer of an id that is known.
    fn known(&self, id: Id) -> Option<i64> {
        if let Some(number) = self.numbers.get(&id) {
            return Some(*number);
        }
        let parts = id.parts();
        let number = match parts.process {
            [0, 0, 0, 0, 0] => ZERO,
            process => self.processes.number(process, parts.seconds)?,
        };
        compose(parts, number)
    }

    fn key(&self, id: Id) -> i64 {
        let bound = || compose(id.parts(), UNKNOWN);
        // Beyond all others, or where the consecutive numbers are: 0 is none of those.
        let outside = if id.parts().seconds > EPOCH { i64::MAX } else { 0 };
        self.known(id).or_else(bound).unwrap_or(outside)
    }

    fn admit(&mut self, id: Id) -> i64 {
        if let Some(key) = self.known(id) {
            return key;
        }
        let IdParts { seconds, process, .. } = id.parts();
        if compose(id.parts(), UNKNOWN).is_some() {
            let span = self.processes.admit(process, seconds, seconds.saturating_add(LEASE));
            self.spans_changed.extend(span);
        }
        self.known(id).unwrap_or_else(|| self.add_small(id))
    }

    fn add_small(&mut self, id: Id) -> i64 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        self.small.push(id);
        let number = self.small.len() as i64;
        self.numbers.insert(id, number);
        number
    }

    fn id(&self, key: i64) -> Option<Id> {
        if (0..=SMALL_MAX).contains(&key) {
            return self.small.get(usize::try_from(key - 1).ok()?).copied();
        }
        let [counter @ .., number] = (key as u32).to_be_bytes();
        let seconds = u32::try_from((key >> 32) + i64::from(EPOCH)).ok()?;
        let process = match number {
            ZERO => [0; 5],
            number => self.processes.process(number, seconds)?,
        };
        let [high, middle, low] = counter;
        Some(Id::from_parts(IdParts { seconds, process, counter: u32::from_be_bytes([0, high, middle, low]) }))
    }
}

/// The integer of an id whose process has this number; `None` if it doesn't fit.
fn compose(parts: IdParts, number: u8) -> Option<i64> {
    let seconds = i64::from(parts.seconds) - i64::from(EPOCH);
    let fits = seconds < 1 << 31 && seconds != 0;
    fits.then(|| seconds << 32 | i64::from(parts.counter) << 8 | i64::from(number))
}

impl SpanRow {
    fn span(self) -> Option<Span> {
        Some(Span {
            number: u8::try_from(self.number).ok()?,
            process: self.random.try_into().ok()?,
            first: u32::try_from(self.first_second).ok()?,
            last: u32::try_from(self.last_second).ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
