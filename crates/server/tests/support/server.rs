//! A running server, and the apps it serves.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use super::process::{Ended, Process, headcount};
use super::rest::Connection;

/// An app, as `app create` prints it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct App {
    pub(crate) sdkappid: u32,
    pub(crate) secretkey: String,
    pub(crate) admins: Vec<String>,
}

/// Makes an app in a data folder.
pub(crate) fn create_app(folder: &Path, more: &[&str]) -> App {
    let folder = folder.to_str().expect("the folder's name is text");
    let made = headcount(&[&["app", "create", "--data-dir", folder], more].concat());
    assert_eq!(made.code, Some(0), "{made:?}");
    serde_json::from_str(&made.stdout).expect("it prints JSON")
}

/// What `server.json` says.
#[derive(Debug, Deserialize)]
struct State {
    pid: u32,
    listen: SocketAddr,
    ops_listen: SocketAddr,
}

/// A server that is ready, on ports that were free.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) listen: SocketAddr,
    pub(crate) ops_listen: SocketAddr,
}

impl Server {
    /// Starts a server on a data folder and waits until it is ready.
    pub(crate) fn start(folder: &Path, more: &[&str]) -> Self {
        let data_dir = folder.to_str().expect("the folder's name is text");
        let always = [
            "serve",
            "--data-dir",
            data_dir,
            "--listen",
            "127.0.0.1:0",
            "--ops-listen",
            "127.0.0.1:0",
        ];
        Self::ready(folder, Process::start(&[&always, more].concat(), &[]))
    }

    /// A server that was started on a folder, once it is ready.
    pub(crate) fn ready(folder: &Path, process: Process) -> Self {
        process.wait_for("ready");
        let state = fs::read(folder.join("server.json")).expect("a ready server has written its file");
        let State {
            pid,
            listen,
            ops_listen,
        } = serde_json::from_slice(&state).expect("the file is JSON");
        assert_eq!(pid, process.pid(), "the file is another server's");
        Self {
            process,
            listen,
            ops_listen,
        }
    }

    /// A connection for calls of the app's first admin.
    pub(crate) fn connect(&self, app: &App) -> Connection {
        let (sdkappid, admin) = (app.sdkappid.to_string(), &app.admins[0]);
        let key = &app.secretkey;
        let signed = headcount(&[
            "usersig",
            "--secret-key",
            key,
            "--sdkappid",
            &sdkappid,
            "--user",
            admin,
        ]);
        assert_eq!(signed.code, Some(0), "{signed:?}");
        Connection::open(self.listen, app, signed.stdout.trim())
    }

    /// Stops it the polite way.
    pub(crate) fn stop(self) -> Ended {
        self.process.signal("TERM");
        self.process.ended()
    }
}
