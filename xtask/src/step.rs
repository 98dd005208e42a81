//! One step of `cargo xtask test`: a program that is run, its output passed on and counted.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::clock;
use crate::tally::{Reader, Tally};

/// Announces a step, does it, and says how it went.
pub(crate) fn step(title: &str, work: impl FnOnce() -> Result<Tally, String>) -> Tally {
    say(&format!("==> {title}"));
    let began = clock::now();
    let tally = work().unwrap_or_else(|reason| {
        say(&format!("    {reason}"));
        // What could not be run has not passed.
        Tally::failed(1)
    });
    let took = clock::now().duration_since(began).as_secs_f64();
    say(&format!("<== {title}: {tally}, {took:.0} s\n"));
    tally
}

/// Says something between the outputs of programs.
pub(crate) fn say(line: &str) {
    // Whoever does not read it does not want it.
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Runs a program that does or does not do its work.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{} ended with {status}", name(command)))
    }
}

/// Runs a program that runs tests. Passes its output on, and counts them.
pub(crate) fn run_tests(command: &mut Command, reader: Reader) -> Result<Tally, String> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            say(&line);
            tally += reader(&line);
        }
    }
    let status = child
        .wait()
        .map_err(|error| format!("{}: {error}", name(command)))?;
    Ok(judged(tally, status.success()))
}

/// A runner that fails without naming a test, or passes without running one, is a failure itself.
fn judged(mut tally: Tally, success: bool) -> Tally {
    if tally.failed == 0 && (!success || tally.passed == 0) {
        tally.failed = 1;
    }
    tally
}

fn cannot_start(command: &Command, error: &io::Error) -> String {
    format!("{} cannot be started: {error}", name(command))
}

fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_no_success() {
        let passed = Tally { passed: 3, failed: 0 };
        assert_eq!(judged(passed, true), passed);
        assert_eq!(judged(passed, false), Tally { passed: 3, failed: 1 });
        assert_eq!(judged(Tally::default(), true), Tally::failed(1));
        assert_eq!(judged(Tally::failed(2), false), Tally::failed(2));
    }

    #[test]
    fn a_program_that_cannot_run_is_named() {
        let refused = run(Command::new("headcount-no-such-program").arg("--now")).unwrap_err();
        assert!(
            refused.starts_with("headcount-no-such-program --now cannot be started"),
            "{refused}"
        );
        let ended = run_tests(
            Command::new("sh").args(["-c", "echo '# pass 2'; exit 3"]),
            crate::tally::node,
        );
        assert_eq!(ended, Ok(Tally { passed: 2, failed: 1 }));
    }
}
