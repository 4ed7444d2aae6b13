//! How Rust types are stored in columns.
//!
//! Both databases have texts, integers and bytes. A [`Stored`] type is kept as one of these: times as integers, enums as
//! words, everything structured as JSON. An id is what each database makes of it: text in PostgreSQL, an integer in
//! SQLite. An `Option` of such a type is a column that may be NULL.

use std::marker::PhantomData;

use bytes::Bytes;
use diesel::deserialize;
use serde_json::{Map, Value};

use super::row::Cells;
use super::statement::Bind;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::hook::HookKind;
use crate::hook::transaction::SkipReason;
use crate::objects::EntityKind;
use crate::objects::customer::Profile;
use crate::store::records::{Role, RunError, RunStatus, Status};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Bytes,
    Id,
}

/// A type that every database stores in a way of its own.
pub trait Primitive: Sized {
    const KIND: Kind;
    const NULL: Bind<'static>;

    /// The next cell of a row; `None` if it is NULL.
    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<Self>>;
}

/// A type whose values are stored in columns that are never NULL.
pub trait Stored: Sized {
    type Primitive: Primitive;

    fn bind(&self) -> Bind<'_>;

    /// # Errors
    /// What is wrong with the stored value.
    fn from_primitive(primitive: Self::Primitive) -> Result<Self, String>;
}

/// The type of a column: a [`Stored`] type or an `Option` of one.
pub trait Cell: Sized {
    const KIND: Kind;
    const IS_NULLABLE: bool;
    /// Whether the column is read with the others of its table.
    const IS_READ: bool = true;

    fn bind(&self) -> Bind<'_>;

    /// Reads the next cell of a row.
    ///
    /// # Errors
    /// If it contains something else.
    fn read(cells: &mut impl Cells) -> deserialize::Result<Self>;
}

impl<T: Stored> Cell for T {
    const KIND: Kind = T::Primitive::KIND;
    const IS_NULLABLE: bool = false;

    fn bind(&self) -> Bind<'_> {
        T::bind(self)
    }

    fn read(cells: &mut impl Cells) -> deserialize::Result<T> {
        let primitive = T::Primitive::read(cells)?.ok_or("it is NULL")?;
        Ok(T::from_primitive(primitive)?)
    }
}

impl<T: Stored> Cell for Option<T> {
    const KIND: Kind = T::Primitive::KIND;
    const IS_NULLABLE: bool = true;

    fn bind(&self) -> Bind<'_> {
        self.as_ref().map_or(T::Primitive::NULL, T::bind)
    }

    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<T>> {
        Ok(T::Primitive::read(cells)?.map(T::from_primitive).transpose()?)
    }
}

/// The type of a large column that may be NULL: it is written with the others of its row, but a statement of its own reads
/// it.
pub struct Apart<T>(PhantomData<T>);

impl<T: Stored> Cell for Apart<T> {
    const KIND: Kind = T::Primitive::KIND;
    const IS_NULLABLE: bool = true;
    const IS_READ: bool = false;

    fn bind(&self) -> Bind<'_> {
        T::Primitive::NULL
    }

    fn read(_: &mut impl Cells) -> deserialize::Result<Apart<T>> {
        Ok(Apart(PhantomData))
    }
}

/// Stored as 0 to 3 in a column that is never NULL.
impl Cell for Option<SkipReason> {
    const KIND: Kind = Kind::Integer;
    const IS_NULLABLE: bool = false;

    fn bind(&self) -> Bind<'_> {
        Bind::Integer(Some(match self {
            None => 0,
            Some(SkipReason::Captured) => 1,
            Some(SkipReason::Filtered) => 2,
            Some(SkipReason::Unreadable) => 3,
        }))
    }

    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<SkipReason>> {
        match <i64 as Cell>::read(cells)? {
            0 => Ok(None),
            1 => Ok(Some(SkipReason::Captured)),
            2 => Ok(Some(SkipReason::Filtered)),
            3 => Ok(Some(SkipReason::Unreadable)),
            other => Err(format!("{other} is not 0, 1, 2 or 3").into()),
        }
    }
}

impl Primitive for String {
    const KIND: Kind = Kind::Text;
    const NULL: Bind<'static> = Bind::Text(None);

    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<String>> {
        cells.text()
    }
}

impl Primitive for i64 {
    const KIND: Kind = Kind::Integer;
    const NULL: Bind<'static> = Bind::Integer(None);

    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<i64>> {
        cells.integer()
    }
}

impl Primitive for Vec<u8> {
    const KIND: Kind = Kind::Bytes;
    const NULL: Bind<'static> = Bind::Bytes(None);

    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<Vec<u8>>> {
        cells.bytes()
    }
}

impl Primitive for Id {
    const KIND: Kind = Kind::Id;
    const NULL: Bind<'static> = Bind::Text(None);

    fn read(cells: &mut impl Cells) -> deserialize::Result<Option<Id>> {
        cells.id()
    }
}

/// Implements [`Stored`]: how a value is bound, and how it is read.
macro_rules! stored {
    ($type:ty as $primitive:ty, $bind:expr, $read:expr) => {
        impl Stored for $type {
            type Primitive = $primitive;

            fn bind(&self) -> Bind<'_> {
                let bind: fn(&$type) -> Bind<'_> = $bind;
                bind(self)
            }

            fn from_primitive(primitive: $primitive) -> Result<$type, String> {
                let read: fn($primitive) -> Result<$type, String> = $read;
                read(primitive)
            }
        }
    };
}

stored!(String as String, |text| Bind::Text(Some(text)), Ok);
stored!(i64 as i64, |integer| Bind::Integer(Some(*integer)), Ok);
stored!(Vec<u8> as Vec<u8>, |bytes| Bind::Bytes(Some(bytes)), Ok);
stored!(Bytes as Vec<u8>, |bytes| Bind::Bytes(Some(bytes)), |bytes| Ok(Bytes::from(bytes)));
stored!(Id as Id, |id| Bind::Id(*id), Ok);
stored!(Timestamp as i64, |moment| Bind::Integer(Some(moment.0)), |micros| Ok(Timestamp(micros)));
stored!(EntityKind as String, |kind| Bind::Text(Some(kind.as_str())), |word| {
    let kind = EntityKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    kind.ok_or_else(|| format!("`{word}` is not a kind of entity"))
});
stored!(bool as i64, |flag| Bind::Integer(Some(i64::from(*flag))), |integer| Ok(integer != 0));

/// Types that are stored as one of a few words.
macro_rules! stored_as_words {
    ($($type:ty, $as_str:expr);+ $(;)?) => {$(
        stored!($type as String, |value| Bind::Text(Some($as_str(*value))), |word| word.parse().map_err(|error| format!("{error}")));
    )+};
}

stored_as_words! {
    Role, Role::as_str;
    Status, Status::as_str;
    RunStatus, RunStatus::as_str;
    HookKind, HookKind::as_str;
}

/// Types that are stored as JSON.
macro_rules! stored_as_json {
    ($($type:ty),+ $(,)?) => {$(
        stored!($type as String, |value| Bind::Owned(Some(to_json(value))), |text| {
            serde_json::from_str(&text).map_err(|error| error.to_string())
        });
    )+};
}

stored_as_json!(Value, Map<String, Value>, Vec<Id>, Vec<(String, String)>, Profile, RunError);

/// Writes JSON for a column.
pub fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("hookflow's own types have string keys, so they serialise")
}
