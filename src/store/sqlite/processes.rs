//! Small numbers for the random bytes that the ids of a process share.
//!
//! A number stands for a process during a [`Span`] of seconds, so processes that never made ids at the same time share
//! a number. Most databases need a single one, however often their server was started.
//!
//! Limits: at most [`NUMBERS`] processes can have made ids within the same second. There is a span in memory for each
//! process, about 100 bytes.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// The random bytes of a process.
pub type Process = [u8; 5];

/// The numbers that processes get. Those beside them mean something else, see [`super::keys`].
pub const NUMBERS: RangeInclusive<u8> = 1..=254;

/// The seconds in which a number stands for a process, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub number: u8,
    pub process: Process,
    pub first: u32,
    pub last: u32,
}

/// All spans. They are known by their index, are never removed, and only grow; those of a number never overlap.
#[derive(Debug, Default)]
pub struct Processes {
    spans: Vec<Span>,
    by_process: HashMap<Process, Vec<usize>>,
    /// The spans of each number, in the order of time.
    by_number: HashMap<u8, Vec<usize>>,
}

impl Processes {
    /// The spans, by their indexes.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The number that stands for a process in a second.
    pub fn number(&self, process: Process, second: u32) -> Option<u8> {
        let mut spans = self.by_process.get(&process)?.iter().map(|index| &self.spans[*index]);
        spans.find(|span| span.first <= second && second <= span.last).map(|span| span.number)
    }

    /// The process that a number stands for in a second.
    pub fn process(&self, number: u8, second: u32) -> Option<Process> {
        let of_number = self.by_number.get(&number)?;
        let after = of_number.partition_point(|index| self.spans[*index].first <= second);
        let span = self.spans[*of_number.get(after.checked_sub(1)?)?];
        (second <= span.last).then_some(span.process)
    }

    /// Adds a span with a number that is free in its seconds.
    pub fn add(&mut self, span: Span) {
        debug_assert!(self.is_free(span.number, (span.first, span.last), None), "{span:?} overlaps another");
        let index = self.spans.len();
        self.spans.push(span);
        self.by_process.entry(span.process).or_default().push(index);
        let of_number = self.by_number.entry(span.number).or_default();
        let place = of_number.partition_point(|other| self.spans[*other].first < span.first);
        of_number.insert(place, index);
    }

    /// Gives a process a number in these seconds: a span of the process grows, or it gets a new one. Returns the span's
    /// index, or `None` if every number stands for another process in some of the seconds.
    pub fn admit(&mut self, process: Process, first: u32, last: u32) -> Option<usize> {
        if let Some(index) = self.grow(process, first, last) {
            return Some(index);
        }
        // A number that only earlier processes have had, so that the span can grow with the time.
        let is_over = |number: &u8| self.by_number.get(number).is_none_or(|spans| self.ends_before(spans, first));
        let is_free = |number: &u8| self.is_free(*number, (first, last), None);
        let number = NUMBERS.into_iter().find(is_over).or_else(|| NUMBERS.into_iter().find(is_free))?;
        self.add(Span { number, process, first, last });
        Some(self.spans.len() - 1)
    }

    fn ends_before(&self, spans: &[usize], second: u32) -> bool {
        spans.last().is_none_or(|index| self.spans[*index].last < second)
    }

    /// Extends the newest span of a process to these seconds, if its number is free in between.
    fn grow(&mut self, process: Process, first: u32, last: u32) -> Option<usize> {
        let index = *self.by_process.get(&process)?.last()?;
        let Span { number, first: from, last: until, .. } = self.spans[index];
        let (from, until) = (from.min(first), until.max(last));
        if !self.is_free(number, (from, until), Some(index)) {
            return None;
        }
        (self.spans[index].first, self.spans[index].last) = (from, until);
        Some(index)
    }

    /// Whether a number stands for no process within these seconds, except in the span `own`.
    fn is_free(&self, number: u8, (first, last): (u32, u32), own: Option<usize>) -> bool {
        let Some(spans) = self.by_number.get(&number) else { return true };
        // As they don't overlap, their ends ascend as well.
        let from = spans.partition_point(|index| self.spans[*index].last < first);
        spans[from..].iter().take_while(|index| self.spans[**index].first <= last).all(|index| Some(*index) == own)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn process(number: u8) -> Process {
        [number, 0, 0, 0, 1]
    }

    #[test]
    fn processes_that_follow_each_other_share_a_number() {
        let mut processes = Processes::default();
        for start in 0..200 {
            processes.admit(process(start), 100 * u32::from(start), 100 * u32::from(start) + 99).unwrap();
        }
        assert!(processes.spans().iter().all(|span| span.number == 1));
        assert_eq!(processes.process(1, 250), Some(process(2)));
        assert_eq!(processes.number(process(2), 250), Some(1));
        assert_eq!(processes.number(process(2), 350), None, "another process's second");
    }

    #[test]
    fn processes_at_the_same_time_have_numbers_of_their_own_while_there_are_any() {
        let mut processes = Processes::default();
        for start in 0..254 {
            processes.admit(process(start), 10, 20).unwrap();
        }
        assert_eq!(processes.admit(process(254), 20, 30), None);
        assert!(processes.admit(process(254), 21, 30).is_some());
        assert!((0..254).all(|start| processes.process(start + 1, 15) == Some(process(start))));
    }

    #[test]
    fn a_span_grows_until_its_number_stands_for_another_process() {
        let mut processes = Processes::default();
        let first = processes.admit(process(1), 100, 160);
        assert_eq!(processes.admit(process(1), 161, 221), first);
        assert_eq!(processes.admit(process(1), 90, 150), first, "of an earlier second");
        processes.add(Span { number: 1, process: process(2), first: 300, last: 310 });
        let next = processes.admit(process(1), 290, 350);
        assert_ne!(next, first);
        assert_eq!(processes.number(process(1), 90), Some(1));
        assert_eq!(processes.number(process(1), 300), Some(2));
    }

    proptest! {
        /// Whatever the order: each process has exactly one number in a second in which it was admitted, for ever, and the
        /// number leads back to it.
        #[test]
        fn numbers_lead_back_to_their_processes(
            admissions in prop::collection::vec((0..12_u8, 0..400_u32, 0..80_u32), 1..120)
        ) {
            let mut processes = Processes::default();
            let mut known = Vec::new();
            for (id, first, length) in admissions {
                let (process, last) = (process(id), first + length);
                prop_assert!(processes.admit(process, first, last).is_some());
                for second in [first, first + length / 2, last] {
                    let number = processes.number(process, second);
                    prop_assert!(number.is_some());
                    known.push((process, second, number));
                }
                for (process, second, number) in &known {
                    prop_assert_eq!(processes.number(*process, *second), *number);
                    prop_assert_eq!(processes.process(number.unwrap(), *second), Some(*process));
                }
            }
            let mut copy = Processes::default();
            processes.spans().iter().for_each(|span| copy.add(*span));
            prop_assert_eq!(copy.spans(), processes.spans());
        }
    }
}
