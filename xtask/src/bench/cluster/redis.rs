//! What is asked of Redis.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use testbed::{Redis, RedisOptions};

use crate::clock;

/// Communities of each user.
const COMMUNITIES: usize = 2;

/// Redis, watched for a while.
pub(super) struct Counter<'a> {
    redis: &'a Redis,
    commands: f64,
    bytes: f64,
    began: Instant,
}

/// What it was asked meanwhile.
pub(super) struct Usage {
    pub(super) commands: f64,
    pub(super) bytes: f64,
    pub(super) seconds: f64,
}

impl Usage {
    pub(super) fn commands_per_s(&self) -> f64 {
        self.commands / self.seconds
    }
}

impl<'a> Counter<'a> {
    pub(super) fn start(redis: &'a Redis) -> io::Result<Self> {
        Ok(Self {
            redis,
            commands: commands(redis),
            bytes: bytes(redis)?,
            began: clock::now(),
        })
    }

    pub(super) fn stop(self) -> io::Result<Usage> {
        Ok(Usage {
            commands: commands(self.redis) - self.commands,
            bytes: bytes(self.redis)? - self.bytes,
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }
}

/// Commands that count, without those that this bench asks with. What a script calls is part of it.
fn commands(redis: &Redis) -> f64 {
    let sent = redis.cli(&["INFO", "commandstats"]);
    let mut sum = 0.0;
    for line in sent.lines() {
        let Some((name, stats)) = line
            .strip_prefix("cmdstat_")
            .and_then(|line| line.split_once(':'))
        else {
            continue;
        };
        // A script is one command; what it calls stands under its own names.
        let is_sent = matches!(name, "evalsha" | "eval" | "xrange" | "sadd" | "srem" | "scard");
        if is_sent {
            let calls = stats
                .strip_prefix("calls=")
                .and_then(|rest| rest.split(',').next());
            sum += calls.and_then(|calls| calls.parse::<f64>().ok()).unwrap_or(0.0);
        }
    }
    sum
}

fn bytes(redis: &Redis) -> io::Result<f64> {
    let memory = redis.cli(&["INFO", "memory"]);
    let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok())
        .ok_or_else(|| io::Error::other("Redis does not say how much memory it uses"))
}

/// What counting in Redis itself takes: a set of those online for each community.
pub(super) struct Direct {
    pub(super) commands_per_login: f64,
    pub(super) commands_per_count: f64,
    pub(super) bytes_per_user: f64,
}

/// Has so many users log in by `SADD` into each of their communities, and counts by `SCARD`.
pub(super) fn count_directly(users: usize) -> io::Result<Direct> {
    let redis = Redis::start(RedisOptions::default());
    let logins = Counter::start(&redis)?;
    let mut pipe = Command::new("redis-cli");
    pipe.args(["-p", &redis.port().to_string(), "--pipe"]);
    let mut pipe = pipe.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    let mut commands = pipe.stdin.take().ok_or_else(|| io::Error::other("it is piped"))?;
    for user in 0..users {
        for community in 0..COMMUNITIES {
            writeln!(commands, "SADD online:{community} user{user}\r")?;
        }
    }
    drop(commands);
    pipe.wait()?;
    let logins = logins.stop()?;
    let counts = Counter::start(&redis)?;
    let counted = redis.cli(&["SCARD", "online:0"]);
    if counted.trim() != users.to_string() {
        return Err(io::Error::other(format!("Redis counts {counted} of {users}")));
    }
    let users = super::as_f64(users);
    Ok(Direct {
        commands_per_login: logins.commands / users,
        commands_per_count: counts.stop()?.commands,
        bytes_per_user: logins.bytes / users,
    })
}
