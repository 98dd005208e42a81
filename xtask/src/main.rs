//! The development commands of Headcount: `cargo xtask test` and `cargo xtask bench`.

mod apt;
#[cfg(feature = "bench")]
mod bench;
mod client_suite;
mod clock;
mod servers;
mod step;
mod tally;
mod test;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
cargo xtask test [--rust-only]   build the server, run every test, end with `N passed, N failed`
cargo xtask bench [--quick|--full] [PART...]
                                 measure the server end to end, beside what it is compared with; quick takes
                                 minutes and stops at 100,000 members, full (the default) goes to a million.
                                 Parts: count, compare, latency, hold, login, heartbeat, storm, import, restart,
                                 watch, writes; and instructions, which needs valgrind";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    // Before anything is built: a build may replace the very file that is running.
    let workspace = match Workspace::find() {
        Ok(workspace) => workspace,
        Err(reason) => return fail(&reason),
    };
    match args.as_slice() {
        ["test"] => test::run(&workspace, test::Scope::All),
        ["test", "--rust-only"] => test::run(&workspace, test::Scope::RustOnly),
        ["bench", args @ ..] => outcome(bench(&workspace, args)),
        #[cfg(feature = "bench")]
        ["bare-hyper", layout, body] => outcome(bench::serve_bare(layout, body)),
        #[cfg(feature = "bench")]
        ["load", address, requests, connections, seconds] => {
            outcome(bench::load(address, requests, connections, seconds))
        }
        _ => fail(USAGE),
    }
}

/// Measures. The commands that measure are compiled with optimisation, this one is not.
#[cfg(not(feature = "bench"))]
fn bench(workspace: &Workspace, parts: &[&str]) -> Result<(), String> {
    let args = [
        "run",
        "--release",
        "--package",
        "xtask",
        "--features",
        "bench",
        "--",
        "bench",
    ];
    use std::os::unix::process::CommandExt;
    // This process becomes the other, so that a signal to it reaches who has things to put back.
    let error = workspace.cargo(&[&args, parts].concat()).exec();
    Err(format!("cargo cannot be started: {error}"))
}

#[cfg(feature = "bench")]
fn bench(workspace: &Workspace, args: &[&str]) -> Result<(), String> {
    bench::run(workspace, args)
}

fn outcome(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => fail(&reason),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}
