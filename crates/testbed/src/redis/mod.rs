//! A Redis for a test.

mod certificates;
mod cluster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use tempfile::TempDir;

pub use cluster::RedisCluster;

use crate::program::{Program, require};
use crate::{poll, ports};

/// Ports that are tried: another process may take one in the moment before it is used.
const STARTS_MAX: usize = 5;

/// How a Redis is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedisOptions {
    /// What clients have to know.
    pub password: Option<&'static str>,
    /// Whether it speaks TLS only.
    pub tls: bool,
}

/// What a Redis is besides its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Single,
    ReplicaOf(u16),
    OfCluster,
    SentinelOf(u16),
}

/// A Redis on a port of the loopback device. It writes nothing to disk.
#[derive(Debug)]
pub struct Redis {
    // Before the folder, so that it has ended when that is removed.
    program: Option<Program>,
    options: RedisOptions,
    part: Part,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// What a Sentinel calls the master.
    pub const MASTER_NAME: &'static str = "main";

    /// Starts one and waits until it answers.
    ///
    /// # Panics
    ///
    /// When there is no redis-server, or it does not start.
    #[must_use]
    pub fn start(options: RedisOptions) -> Self {
        Self::start_as(options, Part::Single, certificates::write)
    }

    /// Starts one that follows another, and waits until it has caught up with it. It has the same
    /// certificate.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_replica_of(master: &Self) -> Self {
        let part = Part::ReplicaOf(master.port);
        let replica = Self::start_as(master.options, part, |folder| {
            certificates::copy(master.folder.path(), folder);
        });
        replica.wait_until_it_follows();
        replica
    }

    fn wait_until_it_follows(&self) {
        poll::until("the replica follows", || {
            let info = self.cli(&["INFO", "replication"]);
            info.contains("master_link_status:up").then_some(())
        });
    }

    /// Starts a Sentinel that watches a master, alone, and waits until it knows the master's replica. It has
    /// the same password and certificate.
    ///
    /// # Panics
    ///
    /// When it does not start, or there is no replica.
    #[must_use]
    pub fn start_sentinel_of(master: &Self) -> Self {
        let part = Part::SentinelOf(master.port);
        let sentinel = Self::start_as(master.options, part, |folder| {
            certificates::copy(master.folder.path(), folder);
        });
        poll::until("the Sentinel knows the replica", || {
            let info = sentinel.cli(&["INFO", "sentinel"]);
            info.contains("slaves=1").then_some(())
        });
        sentinel
    }

    /// Waits until a Sentinel names another master.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub fn wait_until_master_is(&self, master: &Self) {
        let port = master.port.to_string();
        poll::until("the Sentinel names another master", || {
            let address = self.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::MASTER_NAME]);
            (address.lines().nth(1) == Some(&port)).then_some(())
        });
    }

    fn start_as(options: RedisOptions, part: Part, certify: impl Fn(&Path)) -> Self {
        require("redis-server", "redis-server");
        require("redis-cli", "redis-tools");
        let folder = tempfile::tempdir().expect("a temporary folder");
        if options.tls {
            certify(folder.path());
        }
        let mut redis = Self {
            program: None,
            options,
            part,
            port: 0,
            folder,
        };
        for _ in 0..STARTS_MAX {
            redis.port = ports::free();
            if redis.try_start() {
                return redis;
            }
        }
        panic!("redis-server does not start: {}", redis.log());
    }

    /// Starts it again where it was, without what it held.
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.program.is_none(), "it runs");
        assert!(
            self.try_start(),
            "redis-server does not start again: {}",
            self.log()
        );
    }

    /// False if it has ended at once.
    fn try_start(&mut self) -> bool {
        let mut program = Program::start("redis-server", &self.args());
        let answers = poll::until("redis-server answers", || {
            if self.try_cli(&["PING"]) == "PONG" {
                return Some(true);
            }
            program.has_ended().then_some(false)
        });
        self.program = answers.then_some(program);
        answers
    }

    /// A file with all that has to be said, and what a Sentinel has to be told besides. Sentinels write
    /// to their file.
    fn args(&self) -> Vec<String> {
        let file = self.folder.path().join("redis.conf");
        fs::write(&file, self.configuration()).expect("the folder can be written");
        let mut args = vec![file.display().to_string()];
        if matches!(self.part, Part::SentinelOf(_)) {
            args.push("--sentinel".to_owned());
        }
        args
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        let port = self.port;
        let listen = if self.options.tls {
            format!(
                "port 0\ntls-port {port}\ntls-cert-file cert.pem\ntls-key-file key.pem\n\
                 tls-ca-cert-file ca.pem\ntls-auth-clients no\ntls-replication yes\n"
            )
        } else {
            format!("port {port}\n")
        };
        let password = self.options.password.map_or_else(String::new, |password| {
            format!("requirepass {password}\nmasterauth {password}\n")
        });
        format!(
            "bind 127.0.0.1\ndir {folder}\nlogfile log\nappendonly no\nsave \"\"\nrepl-diskless-sync-delay 0\n\
             {listen}{password}{}",
            self.role()
        )
    }

    fn role(&self) -> String {
        match self.part {
            Part::Single => String::new(),
            Part::ReplicaOf(master) => format!("replicaof 127.0.0.1 {master}\n"),
            Part::OfCluster => "cluster-enabled yes\ncluster-node-timeout 1000\n".to_owned(),
            Part::SentinelOf(master) => {
                let name = Self::MASTER_NAME;
                let password = self.options.password.map_or_else(String::new, |password| {
                    format!("sentinel auth-pass {name} {password}\n")
                });
                format!(
                    "sentinel monitor {name} 127.0.0.1 {master} 1\n{password}\
                     sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 2000\n"
                )
            }
        }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same at another port, such as that of a proxy.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        let scheme = if self.options.tls { "rediss" } else { "redis" };
        match self.options.password {
            Some(password) => format!("{scheme}://:{password}@127.0.0.1:{port}"),
            None => format!("{scheme}://127.0.0.1:{port}"),
        }
    }

    /// The certificate of whoever signed its own.
    #[must_use]
    pub fn ca_pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Waits until a replica in a Cluster has taken the place of its master.
    ///
    /// # Panics
    ///
    /// When that takes too long.
    pub fn wait_until_it_is_master(&self) {
        poll::until("the replica takes the place of its master", || {
            let is_master = self.cli(&["ROLE"]).starts_with("master");
            let is_complete = self.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
            (is_master && is_complete).then_some(())
        });
    }

    /// What `redis-cli` prints for a command. It waits for as long as this is paused.
    ///
    /// # Panics
    ///
    /// When this is stopped, or answers with an error.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> String {
        let output = self.run_cli(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        stdout(&output)
    }

    /// The same; nothing if there is no answer.
    fn try_cli(&self, args: &[&str]) -> String {
        stdout(&self.run_cli(args))
    }

    fn run_cli(&self, args: &[&str]) -> Output {
        let mut cli = Command::new("redis-cli");
        cli.args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if self.options.tls {
            cli.arg("--tls").arg("--cacert").arg(self.ca_pem());
        }
        if let Some(password) = self.options.password {
            cli.env("REDISCLI_AUTH", password);
        }
        cli.args(args).output().expect("redis-cli can be run")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    /// Asks it to end, and waits for that. It closes its connections.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn stop(&mut self) {
        self.program().signal(Signal::SIGTERM);
        self.program.take().expect("it runs").wait();
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// Lets it do nothing from now on. The system still accepts connections for it.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        self.program().signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        self.program().signal(Signal::SIGCONT);
    }

    /// Makes a replica a master.
    ///
    /// # Panics
    ///
    /// When it does not become one.
    pub fn promote(&self) {
        assert_eq!(self.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
