//! Progress for the person who waits: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// How often a line is written without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Shorter work is not reported, except copying itself.
const WORTH_A_LINE: Duration = Duration::from_secs(1);
const WORTH_A_RATE: Duration = Duration::from_millis(100);

/// What is done with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Checking,
    Copying,
    Comparing,
}

/// One piece of work, such as the copying of a table.
pub struct Progress {
    work: Work,
    /// Such as `copying runs`.
    what: String,
    total: u64,
    /// The number of rows that an earlier run of the command has done.
    before: u64,
    done: u64,
    started_at: Instant,
    line_at: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub fn begin(work: Work, table: &str, total: u64, before: u64) -> Progress {
        let word = match work {
            Work::Checking => "checking",
            Work::Copying => "copying",
            Work::Comparing => "comparing",
        };
        let what = format!("{word} {table}");
        let bar = std::io::stderr().is_terminal().then(|| bar(&what, total, before));
        let started_at = Instant::now();
        Progress { work, what, total, before, done: before, started_at, line_at: started_at + LINE_EVERY, bar }
    }

    pub fn advance(&mut self, rows: u64) {
        self.done += rows;
        match &self.bar {
            Some(bar) => bar.set_position(self.done),
            None if Instant::now() >= self.line_at => {
                self.line_at = Instant::now() + LINE_EVERY;
                let (what, done, total, rate) = (&self.what, self.done, self.total, self.rate());
                let left = self.total.saturating_sub(self.done) as f64 / rate.max(1.0);
                eprintln!("{what}: {done} of {total} rows, {rate:.0} rows/s, {left:.0} s left");
            }
            None => {}
        }
    }

    /// Reports the result.
    pub fn end(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let (took, done) = (self.started_at.elapsed(), self.done);
        if done == 0 || (self.work != Work::Copying && took < WORTH_A_LINE) {
            return;
        }
        let plural = if done == 1 { "" } else { "s" };
        let before = match self.before {
            0 => String::new(),
            before if before == done => ", copied before".into(),
            before => format!(", {before} of them copied before"),
        };
        let rate = if took > WORTH_A_RATE { format!(", {:.0} rows/s", self.rate()) } else { String::new() };
        eprintln!("{}: {done} row{plural}{before}{rate}", self.what);
    }

    fn rate(&self) -> f64 {
        (self.done - self.before) as f64 / self.started_at.elapsed().as_secs_f64().max(0.001)
    }
}

fn bar(what: &str, total: u64, before: u64) -> ProgressBar {
    const TEMPLATE: &str = "{msg:28} [{bar:40}] {human_pos} of {human_len} rows, {rate} rows/s, {eta} left";
    let style = ProgressStyle::with_template(TEMPLATE).expect("the template is right");
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
        // Only a number on a screen can't be written.
        let _ = write!(out, "{:.0}", state.per_sec());
    };
    bar.set_style(style.progress_chars("=> ").with_key("rate", rate));
    bar.set_message(what.to_owned());
    bar.set_position(before);
    bar.reset_eta();
    bar
}
