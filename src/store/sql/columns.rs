//! How hookflow's own types stand in columns: ids as text, times as integers.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::sql_types::{BigInt, SingleValue, Text};

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::{StoreError, StoreResult};

impl<DB> FromSql<Text, DB> for Id
where
    DB: Backend,
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Id> {
        Ok(String::from_sql(bytes)?.parse()?)
    }
}

impl<DB> FromSql<BigInt, DB> for Timestamp
where
    DB: Backend,
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Timestamp> {
        Ok(Timestamp(i64::from_sql(bytes)?))
    }
}

impl<ST, DB> Queryable<ST, DB> for Id
where
    DB: Backend,
    ST: SingleValue,
    Id: FromSql<ST, DB>,
{
    type Row = Id;

    fn build(row: Id) -> deserialize::Result<Id> {
        Ok(row)
    }
}

impl<ST, DB> Queryable<ST, DB> for Timestamp
where
    DB: Backend,
    ST: SingleValue,
    Timestamp: FromSql<ST, DB>,
{
    type Row = Timestamp;

    fn build(row: Timestamp) -> deserialize::Result<Timestamp> {
        Ok(row)
    }
}

/// Reads a JSON column.
pub fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt { what, detail: error.to_string() })
}

/// Reads a column with one of a few words.
pub fn from_word<T: std::str::FromStr<Err = String>>(what: &'static str, text: &str) -> StoreResult<T> {
    text.parse().map_err(|detail| StoreError::Corrupt { what, detail })
}

/// Writes a JSON column.
pub fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("hookflow's own types have string keys, so they serialise")
}
