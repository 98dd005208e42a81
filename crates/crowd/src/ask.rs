//! Counts asked all the while, at fixed moments, and held against the ledger.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::rest::{Rest, request};
use crate::tally::Times;
use crate::worker::Shared;

/// Connections that the questions are spread over.
const CONNECTIONS: u32 = 8;
/// Wrong answers that are shown.
const SHOWN_MAX: u64 = 5;
/// How long a count at rest may take to become what it must be.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// What was asked so far.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) times: Times,
    pub(crate) asked: AtomicU64,
    pub(crate) wrong: AtomicU64,
}

impl Answers {
    pub(crate) fn wrong(&self, what: &str) {
        if self.wrong.fetch_add(1, Ordering::Relaxed) < SHOWN_MAX {
            eprintln!("crowd: WRONG: {what}");
        }
    }
}

/// The question.
pub(crate) fn question(shared: &Shared, community: &str) -> Vec<u8> {
    let body = json!({ "GroupId": community });
    request(
        &shared.args,
        "million_group_open_http_svc/get_online_member_num",
        &body,
    )
}

/// Asks until dropped.
pub(crate) fn start(shared: &Arc<Shared>, answers: &Arc<Answers>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let per_s = shared.args.ask_per_s;
    if per_s > 0 {
        for number in 0..CONNECTIONS.min(per_s) {
            let (shared, answers) = (Arc::clone(shared), Arc::clone(answers));
            let every = Duration::from_secs(1) * CONNECTIONS.min(per_s) / per_s;
            let first = Instant::now() + every * number / CONNECTIONS;
            tasks.spawn(async move {
                if let Err(error) = ask(&shared, &answers, first, every).await {
                    answers.wrong(&format!("a question was not answered: {error}"));
                }
            });
        }
    }
    tasks
}

async fn ask(shared: &Shared, answers: &Answers, first: Instant, every: Duration) -> io::Result<()> {
    let mut rest = Rest::open(shared.args.server).await?;
    let question = question(shared, &shared.args.community);
    let mut due = first;
    loop {
        // A question that the one before held up has waited since it was due. One that only the timer of
        // this program held up has not.
        let waited_since = if Instant::now() > due {
            due
        } else {
            sleep_until(due).await;
            Instant::now()
        };
        let asked = shared.ledger.before_asking();
        let count = rest.count(&question).await?;
        let bounds = shared.ledger.bounds(asked);
        answers
            .times
            .record(u64::try_from(waited_since.elapsed().as_micros()).unwrap_or(u64::MAX));
        answers.asked.fetch_add(1, Ordering::Relaxed);
        if !bounds.contain(count) {
            answers.wrong(&format!(
                "{count} is not from {} to {}",
                bounds.least, bounds.most
            ));
        }
        due += every;
    }
}

/// Waits until the count is exactly the number of live sessions, which are at rest.
pub(crate) async fn settled(shared: &Shared, answers: &Answers) -> io::Result<()> {
    let mut rest = Rest::open(shared.args.server).await?;
    let question = question(shared, &shared.args.community);
    let end = Instant::now() + SETTLED_WITHIN;
    loop {
        let (count, live) = (rest.count(&question).await?, shared.ledger.live());
        if count == live {
            answers.asked.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if Instant::now() > end {
            answers.wrong(&format!(
                "{live} sessions are live and at rest, and the count says {count}"
            ));
            return Ok(());
        }
    }
}
