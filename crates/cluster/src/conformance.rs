//! What every relay has to pass: the tests of a relay run [`run_all`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use headcount_core::limits::RELAY_LOG_ENTRIES_KEPT;
use tokio::time::timeout;

use crate::{Entry, Incarnation, LogPosition, Relay, RollRow};

/// A relay under test, with nothing in it.
#[async_trait]
pub trait Bench: Send + Sync + 'static {
    /// One more node's way to it.
    async fn connect(&self) -> Arc<dyn Relay>;
}

/// How long a case may wait for what does not come.
const CASE_MAX: Duration = Duration::from_secs(30);

type Run = fn(Stage) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// One requirement, which panics when it is not met.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is required.
    pub name: &'static str,
    run: Run,
}

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        &[$(Case {
            name: stringify!($case),
            run: |stage| Box::pin($case(stage)),
        }),*]
    };
}

/// Every requirement.
pub const ALL: &[Case] = cases! {
    rows_are_seen_by_others_and_replaced,
    rows_say_anything,
    only_rows_that_say_what_is_given_are_struck,
    entries_come_in_order_and_from_a_position,
    entries_come_in_pieces,
    logs_are_read_each_from_its_position,
    appending_again_passes_over_what_is_there,
    numbers_may_be_missing,
    old_entries_are_forgotten_and_the_latest_kept,
    entries_are_any_bytes_and_may_be_large,
    appenders_do_not_disturb_each_other,
    nothing_to_do_is_done,
};

/// Runs every requirement on a bench of its own and panics with the names of those that were not met.
///
/// # Panics
///
/// When the relay does not conform.
pub async fn run_all<B: Bench>(bench: impl Fn() -> B) {
    let mut failed = Vec::new();
    for case in ALL {
        let bench = bench();
        let stage = Stage {
            one: bench.connect().await,
            other: bench.connect().await,
        };
        // A task of its own, so that one failure does not hide the others.
        let mut task = tokio::spawn((case.run)(stage));
        let ended = timeout(CASE_MAX, &mut task).await;
        task.abort();
        if !matches!(ended, Ok(Ok(()))) {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "not met: {failed:#?}");
}

/// Two nodes' ways to one relay.
struct Stage {
    one: Arc<dyn Relay>,
    other: Arc<dyn Relay>,
}

const A: Incarnation = Incarnation(0);
const B: Incarnation = Incarnation(u64::MAX);
const C: Incarnation = Incarnation(0x0123_4567_89ab_cdef);

fn row(node: Incarnation, text: &str) -> RollRow {
    let text = text.to_owned();
    RollRow { node, text }
}

fn entry(number: u64, bytes: impl Into<Bytes>) -> Entry {
    let bytes = bytes.into();
    Entry { number, bytes }
}

/// Entries that say whose they are.
fn entries(node: Incarnation, numbers: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| entry(number, format!("{node} {number}")))
        .collect()
}

async fn beat(relay: &Arc<dyn Relay>, row: RollRow) -> Vec<RollRow> {
    let mut rows = relay.beat(row).await.expect("a row is written");
    rows.sort_by_key(|row| row.node);
    rows
}

async fn append(relay: &Arc<dyn Relay>, node: Incarnation, entries: Vec<Entry>) {
    relay.append(node, entries).await.expect("entries are appended");
}

async fn read<const N: usize>(relay: &Arc<dyn Relay>, positions: [(Incarnation, u64); N]) -> [Vec<Entry>; N] {
    let asked = positions.map(|(node, after)| LogPosition { node, after });
    let read = relay.read(asked.to_vec()).await.expect("logs are read");
    for ((_, after), entries) in positions.into_iter().zip(&read) {
        let numbers = entries.iter().map(|entry| entry.number);
        let numbers: Vec<_> = std::iter::once(after).chain(numbers).collect();
        assert!(
            numbers.is_sorted_by(|one, next| one < next),
            "not in order: {numbers:?}"
        );
    }
    read.try_into().expect("as many logs as were asked for")
}

/// All entries behind a position, and the number of reads it took to see them.
async fn read_to_the_end(relay: &Arc<dyn Relay>, node: Incarnation, after: u64) -> (Vec<Entry>, usize) {
    let mut all = Vec::new();
    for reads in 0.. {
        let after = all.last().map_or(after, |last: &Entry| last.number);
        let [piece] = read(relay, [(node, after)]).await;
        if piece.is_empty() {
            return (all, reads);
        }
        all.extend(piece);
    }
    unreachable!("a log has an end")
}

async fn rows_are_seen_by_others_and_replaced(Stage { one, other }: Stage) {
    assert_eq!(beat(&one, row(A, "a")).await, [row(A, "a")]);
    assert_eq!(beat(&other, row(B, "b")).await, [row(A, "a"), row(B, "b")]);
    assert_eq!(beat(&one, row(A, "c")).await, [row(A, "c"), row(B, "b")]);
    assert_eq!(beat(&other, row(B, "b")).await, [row(A, "c"), row(B, "b")]);
}

async fn rows_say_anything(Stage { one, other }: Stage) {
    let long = "{\"x\": \"\u{1f600}\0\r\n\"}".repeat(1_000);
    beat(&one, row(A, &long)).await;
    beat(&one, row(B, "")).await;
    assert_eq!(
        beat(&other, row(C, "12")).await,
        [row(A, &long), row(C, "12"), row(B, "")]
    );
}

async fn only_rows_that_say_what_is_given_are_struck(Stage { one, other }: Stage) {
    for node in [A, B, C] {
        beat(&one, row(node, "old")).await;
    }
    beat(&one, row(B, "new")).await;
    let unknown = Incarnation(7);
    let rows = vec![row(A, "old"), row(B, "old"), row(unknown, "old")];
    other.strike(rows.clone()).await.expect("rows are struck");
    // Whoever looks writes a row, so C does: what it says stays the same.
    let left = [row(C, "old"), row(B, "new")];
    assert_eq!(beat(&one, row(C, "old")).await, left);
    other.strike(rows).await.expect("again");
    assert_eq!(beat(&one, row(C, "old")).await, left);
    other.strike(left.to_vec()).await.expect("rows are struck");
    assert_eq!(beat(&other, row(A, "back")).await, [row(A, "back")]);
}

async fn entries_come_in_order_and_from_a_position(Stage { one, other }: Stage) {
    append(&one, A, entries(A, 1..=1)).await;
    append(&one, A, entries(A, 2..=12)).await;
    assert_eq!(read(&other, [(A, 0)]).await, [entries(A, 1..=12)]);
    assert_eq!(read(&other, [(A, 9)]).await, [entries(A, 10..=12)]);
    assert_eq!(read(&one, [(A, 12)]).await, [vec![]]);
    assert_eq!(read(&one, [(A, 1_000)]).await, [vec![]]);
    append(&one, A, entries(A, 13..=13)).await;
    assert_eq!(read(&other, [(A, 12)]).await, [entries(A, 13..=13)]);
}

async fn entries_come_in_pieces(Stage { one, other }: Stage) {
    append(&one, A, entries(A, 1..=1_234)).await;
    let (all, reads) = read_to_the_end(&other, A, 100).await;
    assert!(all == entries(A, 101..=1_234), "in order, each once");
    assert!(reads > 1, "there is a bound");
}

async fn logs_are_read_each_from_its_position(Stage { one, other }: Stage) {
    append(&one, A, entries(A, 1..=3)).await;
    append(&other, B, entries(B, 1..=5)).await;
    let positions = [(B, 4), (C, 0), (A, 0), (A, 3), (B, 0), (A, 2)];
    let expected = [
        entries(B, 5..=5),
        vec![],
        entries(A, 1..=3),
        vec![],
        entries(B, 1..=5),
        entries(A, 3..=3),
    ];
    assert_eq!(read(&one, positions).await, expected);
    assert_eq!(read(&other, positions).await, expected);
}

async fn appending_again_passes_over_what_is_there(Stage { one, other }: Stage) {
    append(&one, A, entries(A, 1..=3)).await;
    append(&one, A, entries(A, 1..=3)).await;
    append(&one, A, vec![entry(3, "never")]).await;
    append(&one, A, entries(A, 2..=6)).await;
    append(&one, A, entries(A, 5..=5)).await;
    assert_eq!(read(&other, [(A, 0)]).await, [entries(A, 1..=6)]);
}

async fn numbers_may_be_missing(Stage { one, other }: Stage) {
    let numbers = [3, 4, 9, 10, 99, 100, 1_000_000_007];
    append(&one, A, entries(A, numbers)).await;
    append(&one, A, entries(A, [5, 98])).await;
    assert_eq!(read(&other, [(A, 0)]).await, [entries(A, numbers)]);
    assert_eq!(read(&other, [(A, 7)]).await, [entries(A, numbers[2..].to_vec())]);
}

async fn old_entries_are_forgotten_and_the_latest_kept(Stage { one, other }: Stage) {
    let kept = u64::try_from(RELAY_LOG_ENTRIES_KEPT).expect("a small number");
    let last = kept * 3;
    let all = entries(A, 1..=last);
    for some in all.chunks(700) {
        append(&one, A, some.to_vec()).await;
    }
    let (left, _) = read_to_the_end(&other, A, 0).await;
    let first = left.first().expect("some are kept").number;
    assert!((kept..=last - kept + 1).contains(&first), "the first is {first}");
    assert!(left == entries(A, first..=last), "in order, each once");
    // What was forgotten does not come back.
    append(&one, A, entries(A, 1..=10)).await;
    assert_eq!(read_to_the_end(&other, A, 0).await.0.len(), left.len());
}

async fn entries_are_any_bytes_and_may_be_large(Stage { one, other }: Stage) {
    let bytes = (0..=u8::MAX).cycle();
    let of = |number, size| entry(number, bytes.clone().take(size).collect::<Vec<_>>());
    let all = vec![
        of(1, 5 << 20),
        of(2, 0),
        of(3, 256),
        of(4, 3 << 20),
        of(5, 65 << 10),
    ];
    append(&one, A, all[..2].to_vec()).await;
    append(&one, A, all.clone()).await;
    let (read, _) = read_to_the_end(&other, A, 0).await;
    assert!(
        read == all,
        "sizes: {:?}",
        read.iter().map(|entry| entry.bytes.len()).collect::<Vec<_>>()
    );
}

async fn appenders_do_not_disturb_each_other(Stage { one, other }: Stage) {
    let last = 500;
    let appended = |relay: Arc<dyn Relay>, node| async move {
        for number in 1..=last {
            append(&relay, node, entries(node, number..=number)).await;
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(appended(one.clone(), A));
    tasks.spawn(appended(other.clone(), B));
    tasks.spawn(appended(one.clone(), C));
    let mut seen: [Vec<Entry>; 3] = Default::default();
    while seen.iter().any(|seen| seen.len() < 500) {
        let after = |place: usize| seen[place].last().map_or(0, |last| last.number);
        let positions = [(A, after(0)), (B, after(1)), (C, after(2))];
        let read = read(&other, positions).await;
        for (seen, read) in seen.iter_mut().zip(read) {
            seen.extend(read);
        }
        tokio::task::yield_now().await;
    }
    for (seen, node) in seen.iter().zip([A, B, C]) {
        assert!(
            *seen == entries(node, 1..=last),
            "in order, each once, as it was appended"
        );
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no task fails");
    }
}

async fn nothing_to_do_is_done(Stage { one, .. }: Stage) {
    assert_eq!(one.strike(Vec::new()).await, Ok(()));
    assert_eq!(one.append(A, Vec::new()).await, Ok(()));
    assert_eq!(read(&one, [(A, 0)]).await, [vec![]]);
    assert_eq!(one.read(Vec::new()).await, Ok(Vec::new()));
}
