//! The end-to-end suite in `e2e`: the official client SDK, in Node and in Chromium, against the real server.
//!
//! This finds or installs Node; with that, the suite itself finds or installs the rest (its npm packages,
//! Python's signing library, Chromium) and says so.

use crate::apt::{self, version};
use crate::step::{self, say};
use crate::tally::{self, Tally};
use crate::workspace::Workspace;

/// The oldest Node with a test runner that the suite can use.
const NODE_MIN: u32 = 20;

/// Runs the suite.
pub(crate) fn run(workspace: &Workspace) -> Result<Tally, String> {
    let server = workspace.server();
    if !server.is_file() {
        return Err(format!("there is no server to test at {}", server.display()));
    }
    find_node(workspace)?;
    let mut suite = workspace.command("node", &["run.mjs"]);
    suite
        .current_dir(workspace.client_suite())
        .env("HEADCOUNT_BIN", &server);
    step::run_tests(&mut suite, tally::node)
}

fn find_node(workspace: &Workspace) -> Result<(), String> {
    if version("node").is_none() || version("npm").is_none() {
        apt::install(workspace, &["nodejs", "npm"])?;
    }
    let found = |tool| version(tool).ok_or_else(|| format!("{tool} is installed and cannot be run"));
    let (node, npm) = (found("node")?, found("npm")?);
    if major(&node).is_none_or(|major| major < NODE_MIN) {
        return Err(format!(
            "found Node {node}: the suite needs Node {NODE_MIN} or newer, install one"
        ));
    }
    say(&format!("    found Node {node} and npm {npm}"));
    match version("python3") {
        Some(python) => say(&format!("    found {python}")),
        None => say("    found no Python 3: the suite installs it or says how"),
    }
    Ok(())
}

/// The first number of a version such as `v20.19.1`.
fn major(version: &str) -> Option<u32> {
    let digits = version.strip_prefix('v').unwrap_or(version);
    digits.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_a_version() {
        assert_eq!(major("v20.19.1"), Some(20));
        assert_eq!(major("9.2"), Some(9));
        assert_eq!(major("what"), None);
    }
}
