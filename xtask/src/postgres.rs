//! PostgreSQL and PgBouncer for the tests that start one of their own: found, or installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{self, say};
use crate::workspace::Workspace;

/// Where Debian puts each version's programs, in a folder named after the version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Tells Debian's package whether to make and run a server of its own, which no test needs.
const OWN_SERVER: &str = "/etc/postgresql-common/createcluster.conf";

/// Where Debian puts PgBouncer.
const POOLER: &str = "/usr/sbin/pgbouncer";

/// Makes sure that there is a PostgreSQL, and a PgBouncer.
pub(crate) fn find(workspace: &Workspace) -> Result<(), String> {
    if newest().is_none() || !Path::new(POOLER).is_file() {
        install(workspace)?;
    }
    let version = newest().ok_or_else(|| format!("PostgreSQL is installed and not in {VERSIONS}"))?;
    say(&format!("    found PostgreSQL {version}"));
    Ok(())
}

/// The newest version there is.
fn newest() -> Option<u32> {
    let folders = fs::read_dir(VERSIONS).ok()?.flatten();
    let whole = folders.filter(|folder| folder.path().join("bin/initdb").is_file());
    whole
        .filter_map(|folder| folder.file_name().to_str()?.parse().ok())
        .max()
}

fn install(workspace: &Workspace) -> Result<(), String> {
    let advice = "PostgreSQL and PgBouncer are needed: install them (on Debian: apt-get install postgresql \
                  pgbouncer) and run this again";
    if !is_root() || Command::new("apt-get").arg("--version").output().is_err() {
        return Err(advice.to_owned());
    }
    say("    found no PostgreSQL and PgBouncer: installing them with apt-get");
    let failed = |error: String| format!("{error}\n    {advice}");
    want_no_server().map_err(|error| failed(format!("{OWN_SERVER}: {error}")))?;
    for args in [
        &["update"][..],
        // The file just written stays as it is.
        &[
            "install",
            "-y",
            "--no-install-recommends",
            "-o",
            "Dpkg::Options::=--force-confold",
            "postgresql",
            "pgbouncer",
        ],
    ] {
        let mut install = workspace.command("apt-get", args);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        // As when the machine is maintained: the packages then start no servers of their own.
        install.env("RUNLEVEL", "1");
        step::run(&mut install).map_err(failed)?;
    }
    Ok(())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// Whoever has settled this already knows better.
fn want_no_server() -> std::io::Result<()> {
    let file = Path::new(OWN_SERVER);
    if file.exists() {
        return Ok(());
    }
    file.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(file, "create_main_cluster = false\n")
}
