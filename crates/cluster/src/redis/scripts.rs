//! What Redis does in one step.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, ToRedisArgs, cmd};

use super::link::Connection;

/// Writes a row and returns all of them.
///
/// KEYS: the roll. ARGV: the node, its text, how long the roll is kept in ms.
pub(super) static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) \
         redis.call('PEXPIRE', KEYS[1], ARGV[3]) \
         return redis.call('HGETALL', KEYS[1])",
    )
});

/// Removes rows that still say what is given.
///
/// KEYS: the roll. ARGV: for each row the node and its text.
pub(super) static STRIKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 1, #ARGV, 2 do \
           if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then \
             redis.call('HDEL', KEYS[1], ARGV[i]) \
           end \
         end",
    )
});

/// Appends to a log, passing over what is there.
///
/// KEYS: the log. ARGV: how long it is kept in ms, how many entries, and for each entry its number and
/// its bytes. Numbers are exact up to 2^53 in a script, which is 285 years of a million entries a second.
pub(super) static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1] \
         local number = last and tonumber(string.match(last[1], '^%d+')) or 0 \
         for i = 3, #ARGV, 2 do \
           if tonumber(ARGV[i]) > number then \
             number = tonumber(ARGV[i]) \
             redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[i] .. '-0', 'e', ARGV[i + 1]) \
           end \
         end \
         redis.call('PEXPIRE', KEYS[1], ARGV[1])",
    )
});

/// A script and the name that Redis knows it by.
pub(super) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        let hash = redis::Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    /// Runs it by its name, or as a whole where it is not known yet. (`redis::Script` would load it into
    /// all servers of a Cluster first, which fails as long as any of them is away.)
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        connection: &mut Connection,
        key: &str,
        args: &[impl AsRef<[u8]>],
    ) -> Result<T, RedisError> {
        let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
        match connection.query(&command("EVALSHA", &self.hash, key, args)).await {
            Err(error) if error.kind() == unknown => {
                connection.query(&command("EVAL", self.code, key, args)).await
            }
            answered => answered,
        }
    }
}

fn command(name: &str, script: impl ToRedisArgs, key: &str, args: &[impl AsRef<[u8]>]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(1).arg(key);
    for arg in args {
        command.arg(arg.as_ref());
    }
    command
}
