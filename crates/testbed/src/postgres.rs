//! A PostgreSQL of Debian's package, on a port of its own, and a PgBouncer before it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

/// Where Debian puts each version's programs, in a folder named after the version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Whom the server runs as when the tests run as root, who it refuses to be run by.
const USER: &str = "postgres";
/// The port that is tried first and how many there are; all are below those of outgoing connections.
const PORTS: (u16, u16) = (22_000, 8_000);
/// How long anything here may take, on a machine that does other things as well.
const WAIT_MS_MAX: u64 = 60_000;
/// The time between two looks.
const LOOK_MS: u64 = 10;

/// The pooler of Debian's package.
const POOLER: &str = "/usr/sbin/pgbouncer";

/// Outlives the test's process, and then ends the servers and removes its folder. It notices by the end of
/// its input, which nobody but that process holds open.
const GUARD: &str = r#"
read -r _
if pid=$(cat "$1/pooler.pid" 2>/dev/null); then
    kill -KILL "$pid" 2>/dev/null
fi
if pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null); then
    kill -QUIT "$pid" 2>/dev/null
    for _ in $(seq 500); do
        # Its last act is to remove this.
        [ -e "$1/data/postmaster.pid" ] || break
        sleep 0.02
    done
fi
rm -rf "$1"
"#;

/// A running PostgreSQL. It syncs its disk as in production, so that what a test sees of its speed and its
/// crashes is real. Stopped and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    server: Option<Child>,
    pooler: Option<Child>,
    guard: Child,
    databases: AtomicU32,
}

impl Postgres {
    /// Makes an empty server and starts it.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let programs = newest_programs();
        let folder = tempfile::Builder::new().prefix("testbed-postgres-").tempdir();
        // The guard removes it.
        let folder = folder.expect("a temporary folder").keep();
        if let Some((user, group)) = server_user() {
            chown(&folder, Some(user), Some(group)).expect("root may give a folder away");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("a folder of one's own");
        let guard = guard(&folder);
        let mut postgres = Self {
            programs,
            folder,
            port: free_port(),
            server: None,
            pooler: None,
            guard,
            databases: AtomicU32::new(0),
        };
        postgres.make_data();
        postgres.start_again();
        postgres
    }

    /// A new empty database, as a URL to connect to.
    ///
    /// # Panics
    ///
    /// When the server is stopped.
    #[must_use]
    pub fn create_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut create = self.client("createdb");
        run(create.arg(&name));
        self.url(&name)
    }

    /// Runs SQL in a database that [`create_database`](Self::create_database) made.
    ///
    /// # Panics
    ///
    /// When the SQL fails.
    pub fn execute(&self, url: &str, sql: &str) {
        let mut psql = Command::new(self.programs.join("psql"));
        run(psql
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url])
            .args(["--command", sql]));
    }

    /// The port it listens on, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it as an operator would: it breaks off what is under way, and keeps all that was committed.
    pub fn stop(&mut self) {
        self.end(Signal::SIGINT);
    }

    /// Stops it as a crash would: nothing is written any more, and the next start has to recover.
    pub fn kill(&mut self) {
        self.end(Signal::SIGQUIT);
    }

    /// Starts it on the same port, with all that was committed. Does nothing while it runs.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&mut self) {
        if self.server.is_some() {
            return;
        }
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"));
        let log = log.expect("a file for the log");
        let mut command = self.program("postgres");
        command
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-p", &self.port.to_string()])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            .args(["-c", "max_connections=200"])
            .stderr(log);
        self.server = Some(command.spawn().expect("PostgreSQL can be run"));
        wait_until("PostgreSQL has started", || self.is_ready());
    }

    /// Restarts it with a certificate and its key, both PEM; from then on it offers TLS.
    ///
    /// # Panics
    ///
    /// When it does not start with them.
    pub fn offer_tls(&mut self, certificate: &str, key: &str) {
        self.stop();
        let data = self.folder.join("data");
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = data.join(name);
            fs::write(&file, text).expect("a folder of one's own");
            // It takes no key that others can read.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a file of one's own");
            if let Some((user, group)) = server_user() {
                chown(&file, Some(user), Some(group)).expect("root may give a file away");
            }
        }
        fs::write(data.join("postgresql.auto.conf"), "ssl = on\n").expect("a folder of one's own");
        self.start_again();
    }

    /// Starts a PgBouncer before it, which lends connections for a transaction each, and returns where the
    /// database of `url` is found behind that.
    ///
    /// # Panics
    ///
    /// When PgBouncer is not installed, does not start, or was started before.
    #[must_use]
    pub fn pooled(&mut self, url: &str) -> String {
        assert!(self.pooler.is_none(), "there is one pooler");
        assert!(
            Path::new(POOLER).is_file(),
            "there is no {POOLER}: install it (on Debian: apt-get install pgbouncer)"
        );
        let port = free_port();
        let (settings, users) = (self.folder.join("pooler.ini"), self.folder.join("users"));
        fs::write(&settings, self.pooler_settings(port)).expect("a folder of one's own");
        fs::write(&users, format!("\"{USER}\" \"\"\n")).expect("a folder of one's own");
        let mut command = self.command(Path::new(POOLER));
        command.arg(settings).stderr(Stdio::null());
        self.pooler = Some(command.spawn().expect("PgBouncer can be run"));
        wait_until("PgBouncer has started", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        url.replace(&format!(":{}/", self.port), &format!(":{port}/"))
    }

    fn pooler_settings(&self, port: u16) -> String {
        let (server, folder) = (self.port, self.folder.display());
        format!(
            "[databases]\n\
             * = host=127.0.0.1 port={server}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = trust\n\
             auth_file = {folder}/users\n\
             pool_mode = transaction\n\
             default_pool_size = 5\n\
             logfile = {folder}/pooler.log\n\
             pidfile = {folder}/pooler.pid\n"
        )
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    fn make_data(&self) {
        let mut init = self.program("initdb");
        init.arg("-D").arg(self.folder.join("data")).args([
            "--username",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        run(&mut init);
    }

    fn is_ready(&mut self) -> bool {
        let ended = self
            .server
            .as_mut()
            .and_then(|server| server.try_wait().expect("a process of one's own"));
        assert!(ended.is_none(), "PostgreSQL ended: {}", self.log());
        let answer = self.client("pg_isready").stdout(Stdio::null()).status();
        answer.expect("pg_isready can be run").success()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let id = i32::try_from(server.id()).expect("an id of a process");
        // Not yet waited for, so that the id is its own even if it has ended; then there is nothing to do.
        kill(Pid::from_raw(id), signal).expect("a signal to a process of one's own");
        wait_until("PostgreSQL has stopped", || {
            server.try_wait().expect("a process of one's own").is_some()
        });
        // After a crash it stays behind, and names a process that is another one by and by.
        drop(fs::remove_file(self.folder.join("data/postmaster.pid")));
    }

    /// One of its programs that a server is made of.
    fn program(&self, name: &str) -> Command {
        self.command(&self.programs.join(name))
    }

    /// A program that runs as whom a server has to run.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // A group of its own: an interrupt at the terminal is for the test, and the guard sees its end.
        command
            .current_dir(&self.folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some((user, group)) = server_user() {
            command.uid(user).gid(group);
        }
        command
    }

    /// One of its programs that talk to a server.
    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", USER]);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut pooler) = self.pooler.take() {
            // Both fail only if it has ended.
            drop(pooler.kill());
            drop(pooler.wait());
            drop(fs::remove_file(self.folder.join("pooler.pid")));
        }
        self.end(Signal::SIGQUIT);
        drop(self.guard.stdin.take());
        // It removes the folder; whatever fails there must not hide what the test found.
        drop(self.guard.wait());
    }
}

/// The programs of the newest version there is.
fn newest_programs() -> PathBuf {
    let folders = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let versions = folders.filter_map(|folder| Some((version(&folder.path())?, folder.path().join("bin"))));
    let whole = versions.filter(|(_, programs)| programs.join("initdb").is_file());
    let newest = whole.max_by_key(|(version, _)| *version);
    let (_, programs) = newest.unwrap_or_else(|| {
        panic!("there is no PostgreSQL in {VERSIONS}: install it (on Debian: apt-get install postgresql)")
    });
    programs
}

/// Whom the server has to run as, user and group; `None` is whoever runs the tests.
fn server_user() -> Option<(u32, u32)> {
    if !geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("a list of users");
    let user = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(USER);
        let user = fields.nth(1)?.parse().ok()?;
        is_it.then_some((user, fields.next()?.parse().ok()?))
    });
    Some(user.expect("the package postgresql makes the user postgres"))
}

fn guard(folder: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD, "guard"]).arg(folder).process_group(0);
    // Not the test's: whoever reads its output would wait for the guard as well.
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("a shell")
}

/// A port that is free, and given to no other server of this process.
fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let (first, count) = PORTS;
    // Test processes that run at once begin at different places.
    let begin = u16::try_from(process::id() % u32::from(count)).unwrap_or_default();
    let mut ports = (0..count).map(|_| {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed) % count;
        first + (begin.wrapping_mul(7) % count + given) % count
    });
    let free = ports.find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    free.expect("a free port")
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {said}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process is waited for in real time"
)]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_millis(WAIT_MS_MAX);
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {WAIT_MS_MAX} ms");
        thread::sleep(Duration::from_millis(LOOK_MS));
    }
}
