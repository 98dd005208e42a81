//! The server under test, with an app of its own and a folder that goes with it.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::connection::Connection;

/// A process that is killed when dropped.
#[derive(Debug)]
pub(super) struct Killed(pub(super) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A server that is ready.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) sdkappid: u64,
    binary: PathBuf,
    query: String,
    // The process ends before its folder goes.
    _process: Killed,
    folder: TempDir,
}

impl Server {
    /// Makes an app in a new folder and starts the server on it, on any free ports.
    pub(super) fn start(binary: &Path) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let app = run(binary, folder.path(), &["app", "create"])?;
        let app: Value = serde_json::from_str(&app)?;
        let sdkappid = app["sdkappid"]
            .as_u64()
            .ok_or_else(|| io::Error::other("an app has a number"))?;
        let usersig = sign(binary, folder.path(), sdkappid, "administrator")?;
        let process = Command::new(binary)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(folder.path())
            // Clients of the bench send no heartbeats.
            .env("HEADCOUNT_HEARTBEAT__WEB_TIMEOUT_S", "86400")
            .env("HEADCOUNT_HEARTBEAT__NATIVE_TIMEOUT_S", "86400")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut process = Killed(process);
        let log = process
            .0
            .stderr
            .take()
            .ok_or_else(|| io::Error::other("stderr is piped"))?;
        wait_until_ready(BufReader::new(log))?;
        let state = std::fs::read(folder.path().join("server.json"))?;
        let state: Value = serde_json::from_slice(&state)?;
        let address = state["listen"].as_str().unwrap_or_default();
        Ok(Self {
            address: address.parse().map_err(io::Error::other)?,
            sdkappid,
            binary: binary.to_owned(),
            query: format!(
                "sdkappid={sdkappid}&identifier=administrator&usersig={usersig}&random=1&contenttype=json"
            ),
            _process: process,
            folder,
        })
    }

    /// The bytes of a call.
    pub(super) fn request(&self, command: &str, body: &Value) -> String {
        let (query, address, body) = (&self.query, self.address, body.to_string());
        format!(
            "POST /v4/{command}?{query} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// Calls a command that must succeed.
    pub(super) async fn call(
        &self,
        connection: &mut Connection,
        command: &str,
        body: &Value,
    ) -> io::Result<Value> {
        let request = self.request(command, body);
        let answer = connection.exchange(request.as_bytes()).await?;
        let answer: Value = serde_json::from_slice(answer)?;
        if answer["ErrorCode"] == json!(0) {
            Ok(answer)
        } else {
            Err(io::Error::other(format!("{command}: {answer}")))
        }
    }

    /// A UserSig of a user.
    pub(super) fn sign(&self, user: &str) -> io::Result<String> {
        sign(&self.binary, self.folder.path(), self.sdkappid, user)
    }

    /// The database's file.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("headcount.db")
    }
}

/// Waits for the line that says so, and reads all that follows, so that the server can go on writing it.
fn wait_until_ready(mut log: impl BufRead + Send + 'static) -> io::Result<()> {
    let mut line = String::new();
    while !line.contains(" ready ") {
        line.clear();
        if log.read_line(&mut line)? == 0 {
            return Err(io::Error::other("the server did not start"));
        }
    }
    thread::spawn(move || io::copy(&mut log, &mut io::sink()));
    Ok(())
}

fn sign(binary: &Path, folder: &Path, sdkappid: u64, user: &str) -> io::Result<String> {
    let sdkappid = sdkappid.to_string();
    let signed = run(
        binary,
        folder,
        &["usersig", "--sdkappid", &sdkappid, "--user", user],
    )?;
    Ok(signed.trim().to_owned())
}

fn run(binary: &Path, folder: &Path, args: &[&str]) -> io::Result<String> {
    let output = Command::new(binary)
        .args(args)
        .arg("--data-dir")
        .arg(folder)
        .output()?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(io::Error::other)
    } else {
        Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}
