//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of this clone.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Looks around this very program, which cargo built into `target/{profile}`.
    pub(crate) fn find() -> Result<Self, String> {
        let here = std::env::current_exe().map_err(|error| format!("where am I? {error}"))?;
        let target = here
            .ancestors()
            .nth(2)
            .ok_or("this program is in no target folder")?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        Ok(Self {
            root: root.ok_or("xtask is in no workspace")?.to_owned(),
            target: target.to_owned(),
        })
    }

    /// The server that `cargo build --release` makes.
    pub(crate) fn server(&self) -> PathBuf {
        self.target.join("release/headcount")
    }

    /// A program that `cargo build --release` makes.
    #[cfg(feature = "bench")]
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// The folder of the service that counts are compared with.
    #[cfg(feature = "bench")]
    pub(crate) fn fastify_bench(&self) -> PathBuf {
        self.root.join("bench/fastify")
    }

    /// The folder of the suite with the official client SDK.
    pub(crate) fn client_suite(&self) -> PathBuf {
        self.root.join("e2e")
    }

    /// Runs a program in the root of the clone.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        command
    }

    /// Runs cargo, the one that runs this.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        self.command(&cargo, args)
    }
}
