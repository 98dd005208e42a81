//! `server.json` in the data folder: where the running server listens, for tools that are given the
//! folder alone. Written when the server is ready, removed when it stops.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const NAME: &str = "server.json";

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerState {
    pub(crate) pid: u32,
    pub(crate) listen: SocketAddr,
    pub(crate) ops_listen: SocketAddr,
}

/// The file of a running server; dropping it removes it.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// Writes the file as a whole, so that nobody reads half of it.
    pub(crate) fn write(data_dir: &Path, state: &ServerState) -> io::Result<Self> {
        let path = data_dir.join(NAME);
        let fresh = data_dir.join("server.json.new");
        fs::write(&fresh, serde_json::to_vec(state)?)?;
        fs::rename(&fresh, &path)?;
        Ok(Self { path })
    }
}

impl Drop for StateFile {
    fn drop(&mut self) {
        // A stale file does no harm: its reader asks the address in it.
        let _ = fs::remove_file(&self.path);
    }
}

/// What the file says, if there is one.
pub(crate) fn read(data_dir: &Path) -> Option<ServerState> {
    serde_json::from_slice(&fs::read(data_dir.join(NAME)).ok()?).ok()
}
