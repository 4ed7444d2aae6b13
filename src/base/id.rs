//! Identifiers that sort by creation time.
//!
//! An [`Id`] is twelve bytes, shown as 24 lower-case hex characters: four bytes of Unix seconds, five random bytes
//! of this process, three bytes of a counter. Rows keyed by such ids are appended to an index instead of scattered
//! over it, which makes writes three times as fast, and a list sorted by id is sorted by age.
//!
//! Limits: ids of one process always ascend, even if the clock is set back. Ids that two processes generate within
//! the same second are unique, but their order is arbitrary. A process generates at most 16,777,216 ids per second;
//! beyond that it borrows from the next second.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::time::Timestamp;

/// A unique, time-ordered identifier; 24 hex characters in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, pattern = "^[0-9a-fA-F]{24}$", example = "6b03e07737db00a02c000001")]
pub struct Id([u8; 12]);

/// The 24 hex characters of an id.
#[derive(Clone, Copy, Debug)]
pub struct Hex([u8; 24]);

impl Hex {
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

/// What an id is made of. In this order, and with the counter as its last three bytes, the parts are the id's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdParts {
    /// Since 1970.
    pub seconds: u32,
    /// Random bytes that the ids of a process share.
    pub process: [u8; 5],
    /// At most 24 bits.
    pub counter: u32,
}

/// The text is not an identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an id is 24 hexadecimal characters")]
pub struct InvalidId;

struct Generator {
    process: [u8; 5],
    seconds: u32,
    counter: u32,
}

static GENERATOR: Mutex<Option<Generator>> = Mutex::new(None);

const COUNTER_MAX: u32 = 0x00FF_FFFF;

impl Id {
    /// The lowest possible id; sorts before all others.
    pub const MIN: Id = Id([0; 12]);
    /// The highest possible id; sorts after all others.
    pub const MAX: Id = Id([0xFF; 12]);

    /// Generates an id from the clock, the random bytes of this process and the counter.
    pub fn generate() -> Id {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as u32);
        let mut guard = GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let generator = guard.get_or_insert_with(|| Generator { process: random_bytes(), seconds: now, counter: 0 });
        if now > generator.seconds {
            generator.seconds = now;
            generator.counter = 0;
        } else if generator.counter == COUNTER_MAX {
            generator.seconds += 1;
            generator.counter = 0;
        } else {
            generator.counter += 1;
        }
        let Generator { process, seconds, counter } = *generator;
        Id::from_parts(IdParts { seconds, process, counter })
    }

    pub fn parts(self) -> IdParts {
        let Id([a, b, c, d, process @ .., e, f, g]) = self;
        IdParts { seconds: u32::from_be_bytes([a, b, c, d]), process, counter: u32::from_be_bytes([0, e, f, g]) }
    }

    /// The id with these parts; of the counter, its 24 low bits.
    pub fn from_parts(parts: IdParts) -> Id {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&parts.seconds.to_be_bytes());
        bytes[4..9].copy_from_slice(&parts.process);
        bytes[9..].copy_from_slice(&parts.counter.to_be_bytes()[1..]);
        Id(bytes)
    }

    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }

    pub const fn from_bytes(bytes: [u8; 12]) -> Id {
        Id(bytes)
    }

    /// The lowest id of the second that contains `moment`.
    pub fn lowest_at(moment: Timestamp) -> Id {
        let mut bytes = [0; 12];
        let seconds = u32::try_from(moment.0.div_euclid(1_000_000)).unwrap_or_default();
        bytes[..4].copy_from_slice(&seconds.to_be_bytes());
        Id(bytes)
    }

    /// The 24 hex characters, without an allocation.
    pub fn hex(self) -> Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut characters = [0; 24];
        for (index, byte) in self.0.into_iter().enumerate() {
            characters[2 * index] = DIGITS[usize::from(byte >> 4)];
            characters[2 * index + 1] = DIGITS[usize::from(byte & 15)];
        }
        Hex(characters)
    }
}

/// `N` bytes from the operating system's secure random source.
///
/// # Panics
/// If the system has no source of randomness: nothing would be secure without one.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
    bytes
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.hex().as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Id, InvalidId> {
        let mut bytes = [0; 12];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidId)?;
        Ok(Id(bytes))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.hex().as_str())
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_round_trip_through_text() {
        let ids: Vec<Id> = (0..1000).map(|_| Id::generate()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.to_string().len() == 24 && id.to_string().parse() == Ok(*id)));
        assert!(ids.iter().all(|id| Id::from_parts(id.parts()) == *id && Id::from_bytes(id.bytes()) == *id));
        assert_eq!("xyz".parse::<Id>(), Err(InvalidId));
    }
}
