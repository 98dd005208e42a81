//! The end-to-end suite in `e2e`: the official client SDK, in Node and in Chromium, against the real server.
//!
//! This finds or installs Node; with that, the suite itself finds or installs the rest (its npm packages,
//! Python's signing library, Chromium) and says so.

use std::process::Command;

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
        install_node(workspace)?;
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

fn install_node(workspace: &Workspace) -> Result<(), String> {
    let advice = format!("Node {NODE_MIN} or newer and npm are needed: install them and run this again");
    if output("id", "-u").as_deref() != Some("0") || version("apt-get").is_none() {
        return Err(advice);
    }
    say("    found no Node and npm: installing them with apt-get");
    for args in [
        &["update"][..],
        &["install", "-y", "--no-install-recommends", "nodejs", "npm"],
    ] {
        let mut install = workspace.command("apt-get", args);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        step::run(&mut install).map_err(|error| format!("{error}\n    {advice}"))?;
    }
    Ok(())
}

/// What a tool says its version is; `None` when there is no such tool.
fn version(tool: &str) -> Option<String> {
    output(tool, "--version")
}

fn output(tool: &str, arg: &str) -> Option<String> {
    let output = Command::new(tool).arg(arg).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
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
