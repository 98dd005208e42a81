//! The server under test: a data folder, and a process on it.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::connection::Connection;
use super::processes::{Killed, output};

/// Admins of the app: several, since a server remembers few UserSigs of each.
const ADMINS: usize = 8;

/// A data folder with an app.
#[derive(Debug)]
pub(super) struct Folder {
    binary: PathBuf,
    dir: TempDir,
    pub(super) sdkappid: u64,
    pub(super) secret_key: String,
}

impl Folder {
    pub(super) fn create(binary: &Path) -> io::Result<Self> {
        let dir = TempDir::new()?;
        let store = ["--data-dir".as_ref(), dir.path().as_os_str()].map(ToOwned::to_owned);
        Self::with_app(binary, dir, &store)
    }

    /// That of a node, with an app in the database that all nodes share.
    pub(super) fn of_cluster(binary: &Path, database: &str) -> io::Result<Self> {
        Self::with_app(
            binary,
            TempDir::new()?,
            &["--database", database].map(OsString::from),
        )
    }

    /// That of another node.
    pub(super) fn another(&self) -> io::Result<Self> {
        Ok(Self {
            binary: self.binary.clone(),
            dir: TempDir::new()?,
            sdkappid: self.sdkappid,
            secret_key: self.secret_key.clone(),
        })
    }

    fn with_app(binary: &Path, dir: TempDir, store: &[OsString]) -> io::Result<Self> {
        let admins = (0..ADMINS).flat_map(|number| ["--admin".to_owned(), admin(number)]);
        let mut create = Command::new(binary);
        create.args(["app", "create"]).args(store).args(admins);
        let app: Value = serde_json::from_str(&output(&mut create)?)?;
        let text = |name: &str| app[name].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            binary: binary.to_owned(),
            sdkappid: app["sdkappid"].as_u64().unwrap_or(0),
            secret_key: text("secretkey"),
            dir,
        })
    }

    /// Imports lines of a CSV file; gives rows a second, as the command says it.
    pub(super) fn import(
        &self,
        what: &str,
        header: &str,
        mut lines: impl Iterator<Item = String>,
    ) -> io::Result<f64> {
        let file = self.dir.path().join("import.csv");
        let mut csv = io::BufWriter::new(std::fs::File::create(&file)?);
        writeln!(csv, "{header}")?;
        lines.try_for_each(|line| writeln!(csv, "{line}"))?;
        csv.into_inner()?.sync_all()?;
        let mut import = Command::new(&self.binary);
        import
            .args(["import", what])
            .arg(&file)
            .arg("--data-dir")
            .arg(self.dir.path());
        import.args(["--sdkappid", &self.sdkappid.to_string()]);
        let said = output(&mut import)?;
        let per_s = said
            .trim()
            .strip_suffix(" rows/s")
            .and_then(|said| said.rsplit(' ').next());
        per_s
            .and_then(|per_s| per_s.parse().ok())
            .ok_or_else(|| io::Error::other(format!("import {what}: {said}")))
    }

    /// Recounts everything beside the running server; an error names what differs.
    pub(super) fn audit(&self) -> io::Result<()> {
        output(
            Command::new(&self.binary)
                .args(["audit", "--data-dir"])
                .arg(self.dir.path()),
        )
        .map(drop)
    }

    /// A UserSig of an admin or a user.
    pub(super) fn sign(&self, user: &str, expire_s: u32) -> io::Result<String> {
        let mut sign = Command::new(&self.binary);
        sign.args([
            "usersig",
            "--user",
            user,
            "--sdkappid",
            &self.sdkappid.to_string(),
        ]);
        sign.args([
            "--secret-key",
            &self.secret_key,
            "--expire-s",
            &expire_s.to_string(),
        ]);
        Ok(output(&mut sign)?.trim().to_owned())
    }
}

/// The name of an admin.
pub(super) fn admin(number: usize) -> String {
    format!("admin{}", number % ADMINS)
}

/// A server that is ready.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    ops: SocketAddr,
    query: String,
    // The process ends before its folder goes.
    process: Killed,
    pub(super) folder: Folder,
}

impl Server {
    /// Makes an app in a new folder and starts the server on it, on any free ports.
    pub(super) fn start(binary: &Path) -> io::Result<Self> {
        Self::on(Folder::create(binary)?, &[])
    }

    /// Starts the server as README does, on any free ports, with `settings` as variables.
    pub(super) fn on(folder: Folder, settings: &[(&str, &str)]) -> io::Result<Self> {
        let binary = Command::new(&folder.binary);
        Self::by(binary, folder, settings)
    }

    /// The same, by a command that is given the server's arguments.
    pub(super) fn by(mut command: Command, folder: Folder, settings: &[(&str, &str)]) -> io::Result<Self> {
        let query = format!(
            "sdkappid={}&identifier={}&usersig={}&random=1&contenttype=json",
            folder.sdkappid,
            admin(0),
            folder.sign(&admin(0), 86_400)?
        );
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(folder.dir.path())
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut process = Killed::start(&mut command)?;
        let log = process.0.stderr.take();
        let log = log.ok_or_else(|| io::Error::other("stderr is piped"))?;
        wait_until_ready(BufReader::new(log))?;
        let state = std::fs::read(folder.dir.path().join("server.json"))?;
        let state: Value = serde_json::from_slice(&state)?;
        let address = |name: &str| {
            let text = state[name].as_str().unwrap_or_default();
            text.parse().map_err(io::Error::other)
        };
        Ok(Self {
            address: address("listen")?,
            ops: address("ops_listen")?,
            query,
            process,
            folder,
        })
    }

    /// Kills it as a power cut would, and gives back its folder.
    pub(super) fn kill(self) -> Folder {
        drop(self.process);
        self.folder
    }

    /// Stops it the polite way, and gives back its folder.
    pub(super) fn stop(mut self) -> io::Result<Folder> {
        output(Command::new("kill").args(["-s", "TERM", &self.pid().to_string()]))?;
        self.process.wait()?;
        Ok(self.folder)
    }

    /// The number of its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// The bytes of a call.
    pub(super) fn request(&self, command: &str, body: &Value) -> String {
        request(self.address, command, &self.query, body)
    }

    /// The bytes of so many calls, each with a UserSig of its own.
    pub(super) fn requests(&self, count: usize, command: &str, body: &Value) -> io::Result<Vec<String>> {
        let sign = |number: usize| {
            let expire_s = 86_400 + u32::try_from(number).unwrap_or(0);
            let usersig = self.folder.sign(&admin(number), expire_s)?;
            let query = format!(
                "sdkappid={}&identifier={}&usersig={usersig}&random={number}&contenttype=json",
                self.folder.sdkappid,
                admin(number)
            );
            Ok(request(self.address, command, &query, body))
        };
        (0..count).map(sign).collect()
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

    /// Whether it can count.
    pub(super) fn is_ready(&self) -> bool {
        let asked = || -> io::Result<String> {
            let mut stream = TcpStream::connect(self.ops)?;
            write!(
                stream,
                "GET /readyz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.ops
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    /// Recounts on all nodes of its cluster; an error names what differs.
    pub(super) fn audit_cluster(&self) -> io::Result<()> {
        let url = format!("http://{}", self.ops);
        output(Command::new(&self.folder.binary).args(["audit", "--cluster", "--url", &url])).map(drop)
    }

    /// The database's file.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.dir.path().join("headcount.db")
    }
}

fn request(address: SocketAddr, command: &str, query: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST /v4/{command}?{query} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
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
