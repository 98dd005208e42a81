//! What the numbers were measured on.

use std::fs;
use std::process::Command;
use std::thread;

use crate::workspace::Workspace;

/// Rows of a table: what, and which.
pub(super) fn describe(workspace: &Workspace) -> Vec<(&'static str, String)> {
    let cores =
        thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |cores| cores.to_string());
    vec![
        ("CPU", cpu().unwrap_or_else(unknown)),
        ("cores", cores),
        ("memory", memory().unwrap_or_else(unknown)),
        (
            "kernel",
            file("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
        ),
        (
            "load average before",
            file("/proc/loadavg").unwrap_or_else(unknown),
        ),
        (
            "commit",
            output(workspace.command("git", &["describe", "--always", "--dirty"])),
        ),
        (
            "headcount",
            output(workspace.command(&workspace.server().to_string_lossy(), &["--version"])),
        ),
        ("compiler", output(workspace.command("rustc", &["--version"]))),
    ]
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn cpu() -> Option<String> {
    let info = file("/proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(model.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn memory() -> Option<String> {
    let info = file("/proc/meminfo")?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{} MiB", kib / 1024))
}

fn file(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn output(mut command: Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(unknown, |text| text.trim().to_owned())
}
