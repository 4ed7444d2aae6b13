//! Limits the work of an expression, so that every evaluation ends soon.
//!
//! Templates loop over lists that senders control, and nested loops multiply. The output of a template has its own
//! limit ([`super::template::OUTPUT_MAX`]), but loops can also run without output. So everything that takes time is
//! counted: each rendered part of a template, each loop iteration, each call of an operation, and each 64 bytes of text
//! that an operation reads or writes. [`WORK_MAX`] units take a few milliseconds, and at worst about 50 (the test
//! `the_most_expensive_templates_end_soon` measures it). Each result of an operation has its own limit, because results
//! can double with each call.
//!
//! The limit counts work instead of time, because the count is the same on every machine and whenever a stretch of a
//! run is repeated; a time limit would fail runs at random on a busy machine. Where a person waits for the result, the
//! scope can also have a [`Clock`], which adds a time limit.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

/// The most units of work for one expression.
pub(super) const WORK_MAX: usize = 100_000;

/// The most units of work for all expressions that are evaluated for the items of one list.
pub(super) const LIST_WORK_MAX: usize = 10 * WORK_MAX;

/// The longest string that an operation may return, in bytes.
pub(super) const VALUE_MAX: usize = 1024 * 1024;

/// The time limit for one expression, if there is a clock.
pub(super) const TIME_MAX: Duration = Duration::from_millis(50);

/// How many bytes of text are one unit of work.
const BYTES_PER_UNIT: usize = 64;

/// How many units of work pass between two readings of the clock.
const UNITS_PER_READING: usize = 256;

/// Returns the time since a fixed moment in the past.
pub type Clock = fn() -> Duration;

/// Which limit was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    #[error("more than {WORK_MAX} template parts, loop iterations and calls")]
    Work,
    #[error("more than {LIST_WORK_MAX} template parts, loop iterations and calls for all items of a list")]
    ListWork,
    #[error("a string of more than {VALUE_MAX} bytes")]
    Value,
    #[error("more than {} milliseconds", TIME_MAX.as_millis())]
    Time,
}

/// Counts the work of one expression.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<usize>,
    next_reading: Cell<usize>,
    deadline: Option<(Clock, Duration)>,
    /// The remaining work for all expressions of a list.
    shared: Option<Arc<AtomicUsize>>,
}

impl Meter {
    pub fn new(clock: Option<Clock>, shared: Option<Arc<AtomicUsize>>) -> Meter {
        Meter::with_limit(WORK_MAX, clock, shared)
    }

    /// A meter with a limit of its own, for work that is counted in other units.
    pub fn with_limit(limit: usize, clock: Option<Clock>, shared: Option<Arc<AtomicUsize>>) -> Meter {
        let deadline = clock.map(|clock| (clock, clock().saturating_add(TIME_MAX)));
        Meter { left: Cell::new(limit), next_reading: Cell::new(limit), deadline, shared }
    }

    /// Charges work before it is done.
    pub fn charge(&self, units: usize) -> Result<(), Exceeded> {
        let left = self.left.get().checked_sub(units).ok_or(Exceeded::Work)?;
        self.left.set(left);
        if let Some(shared) = &self.shared {
            let charged = shared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(units));
            charged.map_err(|_| Exceeded::ListWork)?;
        }
        if let Some((clock, deadline)) = self.deadline
            && left <= self.next_reading.get()
        {
            self.next_reading.set(left.saturating_sub(UNITS_PER_READING));
            if clock() > deadline {
                return Err(Exceeded::Time);
            }
        }
        Ok(())
    }

    /// Charges the traversal of a whole value.
    pub fn charge_value(&self, value: &Value) -> Result<(), Exceeded> {
        self.charge(1)?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.charge_bytes(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.charge_value(item)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.charge_value(field)),
        }
    }

    /// Charges reading or writing `bytes` bytes of text.
    pub fn charge_bytes(&self, bytes: usize) -> Result<(), Exceeded> {
        self.charge(bytes / BYTES_PER_UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_up_to_the_limit() {
        let meter = Meter::new(None, None);
        assert_eq!(meter.charge(WORK_MAX - 10), Ok(()));
        assert_eq!(meter.charge_bytes(10 * BYTES_PER_UNIT), Ok(()));
        assert_eq!(meter.charge(1), Err(Exceeded::Work));
        assert_eq!(Meter::new(None, None).charge(usize::MAX), Err(Exceeded::Work));
    }

    #[test]
    fn the_expressions_of_a_list_share_a_limit() {
        let shared = Arc::new(AtomicUsize::new(LIST_WORK_MAX));
        for _ in 0..LIST_WORK_MAX / WORK_MAX {
            assert_eq!(Meter::new(None, Some(shared.clone())).charge(WORK_MAX), Ok(()));
        }
        assert_eq!(Meter::new(None, Some(shared)).charge(1), Err(Exceeded::ListWork));
    }

    #[test]
    fn a_clock_sets_a_deadline() {
        thread_local!(static READINGS: Cell<u64> = const { Cell::new(0) });
        // Each reading is 20 ms after the previous one.
        let meter = Meter::new(Some(|| Duration::from_millis(20 * READINGS.replace(READINGS.get() + 1))), None);
        assert_eq!(meter.charge(1), Ok(()));
        assert_eq!(meter.charge(UNITS_PER_READING - 1), Ok(()), "the clock is not read again yet");
        assert_eq!(meter.charge(1), Ok(()));
        assert_eq!(meter.charge(UNITS_PER_READING), Err(Exceeded::Time));
    }
}
