//! The servers that the Rust tests run against. This finds or installs them; the tests start them.

use std::fs;
use std::path::Path;

use crate::apt::{self, version};
use crate::step::say;
use crate::workspace::Workspace;

/// Where Debian puts each version's programs of PostgreSQL, in a folder named after the version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";
/// Where Debian puts PgBouncer.
const PGBOUNCER: &str = "/usr/sbin/pgbouncer";
/// Tells Debian's package whether to make and run a PostgreSQL of its own, which no test needs.
const POSTGRES_OWN: &str = "/etc/postgresql-common/createcluster.conf";

/// Finds or installs all of them.
pub(crate) fn find(workspace: &Workspace) -> Result<(), String> {
    find_redis(workspace)?;
    find_postgres(workspace)?;
    if !Path::new(PGBOUNCER).is_file() {
        apt::install(workspace, &["pgbouncer"])?;
    }
    Ok(())
}

fn find_redis(workspace: &Workspace) -> Result<(), String> {
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

fn find_postgres(workspace: &Workspace) -> Result<(), String> {
    if newest_postgres().is_none() {
        want_no_own_postgres().map_err(|error| format!("{POSTGRES_OWN}: {error}"))?;
        apt::install(workspace, &["postgresql"])?;
    }
    let version =
        newest_postgres().ok_or_else(|| format!("PostgreSQL is installed and not in {POSTGRES_VERSIONS}"))?;
    say(&format!("    found PostgreSQL {version}"));
    Ok(())
}

fn newest_postgres() -> Option<u32> {
    let folders = fs::read_dir(POSTGRES_VERSIONS).ok()?.flatten();
    let whole = folders.filter(|folder| folder.path().join("bin/initdb").is_file());
    whole
        .filter_map(|folder| folder.file_name().to_str()?.parse().ok())
        .max()
}

/// Whoever has settled this already knows better.
fn want_no_own_postgres() -> std::io::Result<()> {
    let file = Path::new(POSTGRES_OWN);
    if file.exists() {
        return Ok(());
    }
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(file, "create_main_cluster = false\n")
}
