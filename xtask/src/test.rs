//! `cargo xtask test`: everything that must hold, and one line at the end.

use std::process::ExitCode;

use crate::step::{self, say, step};
use crate::tally::{self, Tally};
use crate::workspace::Workspace;
use crate::{client_suite, servers};

/// What is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    All,
    /// What is written in Rust, for a quick answer.
    RustOnly,
}

pub(crate) fn run(workspace: &Workspace, scope: Scope) -> ExitCode {
    let sum = run_all(workspace, scope);
    say(&sum.to_string());
    if sum.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_all(workspace: &Workspace, scope: Scope) -> Tally {
    let mut sum = Tally::default();
    if scope == Scope::All {
        sum += step("the server: cargo build --release --bin headcount", || {
            step::run(&mut workspace.cargo(&["build", "--release", "--bin", "headcount"]))?;
            Ok(Tally::default())
        });
    }
    sum += step(
        "the servers that the Rust tests run against: Redis and PostgreSQL",
        || {
            servers::find(workspace)?;
            Ok(Tally::default())
        },
    );
    sum += step("the Rust tests: cargo test --workspace", || {
        // Also after a failure all others are run.
        let args = ["test", "--workspace", "--all-features", "--no-fail-fast"];
        step::run_tests(&mut workspace.cargo(&args), tally::libtest)
    });
    if scope == Scope::All {
        sum += step("the official client SDK against the server: e2e", || {
            client_suite::run(workspace)
        });
    }
    sum
}
