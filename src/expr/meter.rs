//! How much work an expression may be, so that one always ends soon.
//!
//! Templates loop over lists that strangers send, and nested loops multiply. What a template writes is limited by itself
//! ([`super::template::OUTPUT_MAX`]), but loops can also run without writing. So everything that takes time is counted:
//! each part of a template that is rendered, each turn of a loop, each call of an operation, and each 64 bytes of text
//! that one reads or makes. [`WORK_MAX`] of these units take a few milliseconds, and at worst about 50 (the test
//! `the_most_expensive_templates_end_soon` measures it). The texts that operations make are limited one by one, because
//! they can double with each call.
//!
//! The count decides, and not a clock, because it comes out the same on every machine and whenever a stretch of a run is
//! repeated; on a busy machine, a limit of time would fail orders at random. Who wants one all the same, where a person
//! waits for the answer, gives the scope a [`Clock`]; without one there is none.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

/// The most units of work that one expression may take.
pub(super) const WORK_MAX: usize = 100_000;

/// The most units of work that the expressions may take together that are evaluated for the items of one list.
pub(super) const LIST_WORK_MAX: usize = 10 * WORK_MAX;

/// The longest text that an operation may make, in bytes; and the heaviest value that a call may take apart.
pub(super) const VALUE_MAX: usize = 1024 * 1024;

/// How long an expression may take where there is a clock.
pub(super) const TIME_MAX: Duration = Duration::from_millis(50);

/// How many bytes of text are one unit of work.
const BYTES_A_UNIT: usize = 64;

/// How many units pass between two looks at the clock.
const UNITS_A_LOOK: usize = 256;

/// Tells how much time has passed since some moment in the past.
pub type Clock = fn() -> Duration;

/// Which limit was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    #[error("more than {WORK_MAX} parts, turns of loops and calls")]
    Work,
    #[error("more than {LIST_WORK_MAX} parts, turns of loops and calls for all items of a list")]
    ListWork,
    #[error("a text of more than {VALUE_MAX} bytes")]
    Value,
    #[error("more than {} milliseconds", TIME_MAX.as_millis())]
    Time,
}

/// Counts the work of one expression.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<usize>,
    next_look: Cell<usize>,
    deadline: Option<(Clock, Duration)>,
    /// What is left for this expression and others.
    shared: Option<Arc<AtomicUsize>>,
}

impl Meter {
    pub fn new(clock: Option<Clock>, shared: Option<Arc<AtomicUsize>>) -> Meter {
        let deadline = clock.map(|clock| (clock, clock().saturating_add(TIME_MAX)));
        Meter { left: Cell::new(WORK_MAX), next_look: Cell::new(WORK_MAX), deadline, shared }
    }

    /// Takes note of some work before it is done.
    pub fn charge(&self, units: usize) -> Result<(), Exceeded> {
        let left = self.left.get().checked_sub(units).ok_or(Exceeded::Work)?;
        self.left.set(left);
        if let Some(shared) = &self.shared {
            let taken = shared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(units));
            taken.map_err(|_| Exceeded::ListWork)?;
        }
        if let Some((clock, deadline)) = self.deadline
            && left <= self.next_look.get()
        {
            self.next_look.set(left.saturating_sub(UNITS_A_LOOK));
            if clock() > deadline {
                return Err(Exceeded::Time);
            }
        }
        Ok(())
    }

    /// Takes note of walking through a whole value.
    pub fn charge_value(&self, value: &Value) -> Result<(), Exceeded> {
        self.charge(1)?;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.charge_bytes(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.charge_value(item)),
            Value::Object(fields) => fields.values().try_for_each(|field| self.charge_value(field)),
        }
    }

    /// Takes note of reading or making that many bytes of text.
    pub fn charge_bytes(&self, bytes: usize) -> Result<(), Exceeded> {
        self.charge(bytes / BYTES_A_UNIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_up_to_the_limit() {
        let meter = Meter::new(None, None);
        assert_eq!(meter.charge(WORK_MAX - 10), Ok(()));
        assert_eq!(meter.charge_bytes(10 * BYTES_A_UNIT), Ok(()));
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
        thread_local!(static LOOKS: Cell<u64> = const { Cell::new(0) });
        // Each look is 20 ms later than the one before.
        let meter = Meter::new(Some(|| Duration::from_millis(20 * LOOKS.replace(LOOKS.get() + 1))), None);
        assert_eq!(meter.charge(1), Ok(()));
        assert_eq!(meter.charge(UNITS_A_LOOK - 1), Ok(()), "not looked at again yet");
        assert_eq!(meter.charge(1), Ok(()));
        assert_eq!(meter.charge(UNITS_A_LOOK), Err(Exceeded::Time));
    }
}
