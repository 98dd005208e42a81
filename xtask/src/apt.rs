//! Programs that tests need and Debian has.

use std::process::Command;

use crate::step::{self, say};
use crate::workspace::Workspace;

/// Installs packages with apt-get.
pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" and ");
    let advice = format!("{names} are needed: install them and run this again");
    if output("id", "-u").as_deref() != Some("0") || version("apt-get").is_none() {
        return Err(advice);
    }
    say(&format!("    installing {names} with apt-get"));
    // Settings that are there already stay as they are.
    let how = [
        "install",
        "-y",
        "--no-install-recommends",
        "-o",
        "Dpkg::Options::=--force-confold",
    ];
    let wanted = [&how, packages].concat();
    for args in [&["update"][..], &wanted] {
        let mut install = workspace.command("apt-get", args);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        // As when the machine is maintained: the packages then start no servers of their own.
        install.env("RUNLEVEL", "1");
        step::run(&mut install).map_err(|error| format!("{error}\n    {advice}"))?;
    }
    Ok(())
}

/// What a tool says its version is; `None` when there is no such tool.
pub(crate) fn version(tool: &str) -> Option<String> {
    output(tool, "--version")
}

fn output(tool: &str, arg: &str) -> Option<String> {
    let output = Command::new(tool).arg(arg).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
