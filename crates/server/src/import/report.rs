//! What an import tells: faulty lines, how far it is, and what it came to.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use headcount_core::Clock;
use headcount_core::limits::IMPORT_FAULTS_SHOWN_MAX;
use headcount_directory::sqlite::BulkOutcome;

use super::table::Fault;
use crate::clock::SystemClock;

/// What was imported so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) present: u64,
    pub(super) accounts_made: u64,
}

impl From<&BulkOutcome> for Done {
    fn from(outcome: &BulkOutcome) -> Self {
        Self {
            added: outcome.added,
            changed: outcome.changed,
            present: outcome.present,
            accounts_made: outcome.accounts_made,
        }
    }
}

/// The account of one import.
pub(super) struct Report {
    what: &'static str,
    clock: SystemClock,
    began_us: u64,
    lines: u64,
    done: Done,
    faults: u64,
    /// Whether there is somebody to watch the progress.
    watched: bool,
}

impl Report {
    /// Begins an import of `what`, in the plural.
    pub(super) fn begin(what: &'static str) -> Self {
        let clock = SystemClock::new();
        Self {
            what,
            began_us: clock.monotonic_us(),
            clock,
            lines: 0,
            done: Done::default(),
            faults: 0,
            watched: io::stderr().is_terminal(),
        }
    }

    /// The time now, Unix seconds.
    pub(super) fn now_s(&self) -> u64 {
        self.clock.wall_s()
    }

    /// A batch of so many lines is on disk, but for these.
    pub(super) fn batch(&mut self, lines: usize, done: Done, mut faults: Vec<Fault>) {
        self.lines += lines as u64;
        self.done.added += done.added;
        self.done.changed += done.changed;
        self.done.present += done.present;
        self.done.accounts_made += done.accounts_made;
        faults.sort_by_key(|fault| fault.line);
        if self.watched && !faults.is_empty() {
            clear_progress();
        }
        for Fault { line, reason } in faults {
            self.faults += 1;
            if self.faults <= IMPORT_FAULTS_SHOWN_MAX as u64 {
                eprintln!("line {line}: {reason}");
            }
        }
        if self.watched {
            // A terminal that cannot be written to is not worth stopping for.
            drop(write!(
                io::stderr(),
                "\r{} rows, {} rows/s ",
                self.lines,
                self.rate()
            ));
        }
    }

    /// Ends it: one line on standard output, and the exit code.
    pub(super) fn end(self) -> ExitCode {
        if self.watched {
            clear_progress();
        }
        let more = self.faults.saturating_sub(IMPORT_FAULTS_SHOWN_MAX as u64);
        if more > 0 {
            eprintln!("and {more} more faulty lines");
        }
        let Done {
            added,
            changed,
            present,
            accounts_made,
        } = self.done;
        let counts = [
            (added, "added"),
            (changed, "changed"),
            (present, "there already"),
            (self.faults, "faulty"),
            (accounts_made, "accounts made"),
        ];
        let told: Vec<_> = counts
            .iter()
            .filter(|(count, text)| *count > 0 || *text == "added")
            .map(|(count, text)| format!("{count} {text}"))
            .collect();
        println!(
            "{}: {}; {} rows in {:.2} s, {} rows/s",
            self.what,
            told.join(", "),
            self.lines,
            self.seconds(),
            self.rate()
        );
        if self.faults == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    fn elapsed_us(&self) -> u64 {
        (self.clock.monotonic_us() - self.began_us).max(1)
    }

    fn seconds(&self) -> f64 {
        std::time::Duration::from_micros(self.elapsed_us()).as_secs_f64()
    }

    fn rate(&self) -> u64 {
        self.lines.saturating_mul(1_000_000) / self.elapsed_us()
    }
}

/// Makes room on the terminal for a line that stays.
fn clear_progress() {
    drop(write!(io::stderr(), "\r\x1b[K"));
}
