//! The servers that the Rust tests run against. This finds or installs them; the tests start them.

use crate::apt::{self, version};
use crate::step::say;
use crate::workspace::Workspace;

/// Finds or installs all of them.
pub(crate) fn find(workspace: &Workspace) -> Result<(), String> {
    let there = |program| version(program).is_some();
    if !there("redis-server") || !there("redis-cli") {
        apt::install(workspace, &["redis-server"])?;
    }
    for program in ["redis-server", "redis-cli"] {
        let version = version(program).ok_or_else(|| format!("{program} cannot be run"))?;
        say(&format!("    found {program}: {version}"));
    }
    Ok(())
}
