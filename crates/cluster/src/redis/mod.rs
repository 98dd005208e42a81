//! The relay in a Redis or Valkey, from version 6.2 (Redis) on: one server, a Cluster, or what Sentinels
//! watch.
//!
//! The roll is a hash, each log is a stream. All of it expires when nobody writes to it any more. Each
//! command touches one key, so that the parts of a Cluster need not know of each other.

mod link;
mod scripts;
mod settings;

use std::fmt;
use std::time::Duration;

use ::redis::{RedisError, cmd};
use async_trait::async_trait;
use bytes::Bytes;
use headcount_core::limits::{
    RELAY_APPEND_BYTES_MAX, RELAY_APPEND_ENTRIES_MAX, RELAY_CALL_MS_MAX, RELAY_ENTRY_BYTES_MAX,
    RELAY_LOG_ENTRIES_KEPT, RELAY_LOG_MS_KEPT, RELAY_READ_BYTES_MAX, RELAY_READ_ENTRIES_MAX,
    RELAY_ROLL_MS_KEPT,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::relay::{Entry, Incarnation, LogPosition, Relay, RelayError, RollRow};
use link::{Connection, Link};
pub use settings::{RedisMode, RedisSettings, RedisSettingsError};

/// A roll and logs in Redis.
pub struct RedisRelay {
    link: Link,
    prefix: String,
    /// What must not be shown to anybody.
    secrets: Vec<String>,
}

impl fmt::Debug for RedisRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisRelay");
        shown.field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisRelay {
    /// Checks the settings. The connection is opened by the first call, and again by the first one after
    /// a failure: a server may start before its Redis.
    pub fn connect(settings: &RedisSettings) -> Result<Self, RedisSettingsError> {
        Ok(Self {
            link: Link::new(settings.target()?),
            prefix: settings.prefix.clone(),
            secrets: settings.secrets()?,
        })
    }

    // The braces say which part of a key decides where in a Cluster it is.
    fn roll_key(&self) -> String {
        format!("{{{}}}:roll", self.prefix)
    }

    fn log_key(&self, node: Incarnation) -> String {
        format!("{}:{{{node}}}:log", self.prefix)
    }

    /// Works with the connection, within the time that a call may take. A connection on which anything
    /// has failed is not used again: what hangs, was replaced, or became a replica looks different in every
    /// kind of Redis, and a new connection is the way out of all of it.
    async fn call<T, F>(&self, work: impl FnOnce(Connection) -> F + Send) -> Result<T, RelayError>
    where
        F: Future<Output = Result<T, RedisError>> + Send,
    {
        let mut used = None;
        let in_time = timeout(Duration::from_millis(RELAY_CALL_MS_MAX), async {
            let (connection, opening) = self.link.connection().await?;
            used = Some(opening);
            work(connection).await
        });
        let text = match in_time.await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {RELAY_CALL_MS_MAX} ms"),
        };
        if let Some(opening) = used {
            self.link.abandon(opening);
        }
        Err(self.error(&text))
    }

    /// Servers repeat what they do not understand, and that may be the command with the password.
    fn error(&self, text: &str) -> RelayError {
        let hide = |text: String, secret: &String| text.replace(secret.as_str(), "***");
        RelayError(self.secrets.iter().fold(format!("Redis: {text}"), hide))
    }
}

#[async_trait]
impl Relay for RedisRelay {
    async fn beat(&self, row: RollRow) -> Result<Vec<RollRow>, RelayError> {
        let key = self.roll_key();
        let args = [row.node.to_string(), row.text, RELAY_ROLL_MS_KEPT.to_string()];
        let rows: Vec<(String, String)> = self
            .call(async |mut connection| scripts::BEAT.run(&mut connection, &key, &args).await)
            .await?;
        Ok(rows.into_iter().filter_map(roll_row).collect())
    }

    async fn strike(&self, rows: Vec<RollRow>) -> Result<(), RelayError> {
        if rows.is_empty() {
            return Ok(());
        }
        let key = self.roll_key();
        let pair = |row: RollRow| [row.node.to_string(), row.text];
        let args: Vec<_> = rows.into_iter().flat_map(pair).collect();
        self.call(async |mut connection| scripts::STRIKE.run(&mut connection, &key, &args).await)
            .await
    }

    async fn append(&self, node: Incarnation, entries: Vec<Entry>) -> Result<(), RelayError> {
        let key = self.log_key(node);
        self.call(async |mut connection| {
            for piece in pieces(&entries) {
                let args = append_args(piece);
                let () = scripts::APPEND.run(&mut connection, &key, &args).await?;
            }
            Ok(())
        })
        .await
    }

    async fn read(&self, positions: Vec<LogPosition>) -> Result<Vec<Vec<Entry>>, RelayError> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        let keyed = positions
            .iter()
            .map(|position| (self.log_key(position.node), position.after));
        let keyed: Vec<_> = keyed.collect();
        self.call(async |connection| read_all(&connection, keyed).await)
            .await
    }
}

/// `None` for what is not the row of a node.
fn roll_row((field, text): (String, String)) -> Option<RollRow> {
    let node = Incarnation(u64::from_str_radix(&field, 16).ok()?);
    Some(RollRow { node, text })
}

/// Entries in groups that keep Redis busy for a short time only.
fn pieces(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&Entry| {
            let first = bytes == 0;
            bytes += entry.bytes.len().max(1);
            first || bytes <= RELAY_APPEND_BYTES_MAX
        };
        let count = rest
            .iter()
            .take(RELAY_APPEND_ENTRIES_MAX)
            .take_while(fits)
            .count();
        let (piece, behind) = rest.split_at(count);
        rest = behind;
        (count > 0).then_some(piece)
    })
}

fn append_args(entries: &[Entry]) -> Vec<Bytes> {
    let bounds = [RELAY_LOG_MS_KEPT.to_string(), RELAY_LOG_ENTRIES_KEPT.to_string()];
    let pair = |entry: &Entry| [entry.number.to_string().into(), entry.bytes.clone()];
    let entries = entries.iter().flat_map(pair);
    bounds.into_iter().map(Bytes::from).chain(entries).collect()
}

/// One command for each log, all at once. Whatever the number of logs, not more is asked for than can be
/// sent within the time of a call: or else who is far behind would never catch up.
async fn read_all(connection: &Connection, keyed: Vec<(String, u64)>) -> Result<Vec<Vec<Entry>>, RedisError> {
    let entries_max = RELAY_READ_BYTES_MAX / RELAY_ENTRY_BYTES_MAX / keyed.len();
    let entries_max = entries_max.clamp(1, RELAY_READ_ENTRIES_MAX);
    let mut read = vec![Vec::new(); keyed.len()];
    let mut reads = JoinSet::new();
    for (place, (key, after)) in keyed.into_iter().enumerate() {
        let mut connection = connection.clone();
        reads.spawn(async move {
            let entries = read_log(&mut connection, &key, after, entries_max).await?;
            Ok::<_, RedisError>((place, entries))
        });
    }
    while let Some(one) = reads.join_next().await {
        let (place, entries) = one.map_err(std::io::Error::other)??;
        read[place] = entries;
    }
    Ok(read)
}

/// XRANGE and not XREAD: without waiting, it is the same with a simpler answer.
async fn read_log(
    connection: &mut Connection,
    key: &str,
    after: u64,
    entries_max: usize,
) -> Result<Vec<Entry>, RedisError> {
    let mut range = cmd("XRANGE");
    range.arg(key).arg(format!("({after}-0")).arg("+");
    range.arg("COUNT").arg(entries_max);
    let found: Vec<(String, (String, Vec<u8>))> = connection.query(&range).await?;
    let entry = |(id, (_, bytes)): (String, (String, Vec<u8>))| {
        let number = id.strip_suffix("-0")?.parse().ok()?;
        let bytes = bytes.into();
        Some(Entry { number, bytes })
    };
    Ok(found.into_iter().filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, bytes: usize) -> Entry {
        Entry {
            number,
            bytes: vec![0; bytes].into(),
        }
    }

    #[test]
    fn pieces_are_in_order_and_bounded() {
        let large = RELAY_APPEND_BYTES_MAX;
        let sizes = [1, large, large + 1, 0, large / 2, large / 2, 0, 1, large * 3];
        let entries: Vec<_> = (1..)
            .zip(sizes)
            .map(|(number, size)| entry(number, size))
            .collect();
        let counts: Vec<_> = pieces(&entries).map(<[Entry]>::len).collect();
        assert_eq!(counts.iter().sum::<usize>(), entries.len());
        assert_eq!(counts, [1, 1, 1, 2, 3, 1]);
        assert_eq!(pieces(&entries).flatten().cloned().collect::<Vec<_>>(), entries);
    }

    #[test]
    fn pieces_of_small_entries_are_bounded_as_well() {
        let many = RELAY_APPEND_ENTRIES_MAX + 1;
        let entries: Vec<_> = (1..).take(many).map(|number| entry(number, 0)).collect();
        let counts: Vec<_> = pieces(&entries).map(<[Entry]>::len).collect();
        assert_eq!(counts, [RELAY_APPEND_ENTRIES_MAX, 1]);
        assert_eq!(pieces(&[]).count(), 0);
    }

    #[test]
    fn errors_do_not_show_passwords() {
        let settings = RedisSettings {
            urls: vec!["redis://me:open%20sesame@localhost".to_owned()],
            ..RedisSettings::default()
        };
        let relay = RedisRelay::connect(&settings).unwrap();
        let error = relay.error("unknown command 'AUTH', beginning with: 'me' 'open sesame'");
        assert_eq!(
            error.0,
            "Redis: unknown command 'AUTH', beginning with: 'me' '***'"
        );
        for shown in [format!("{settings:?}"), format!("{relay:?}")] {
            assert!(!shown.contains("sesame"), "{shown}");
        }
    }
}
