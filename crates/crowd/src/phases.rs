//! The phases of a run, one after the other, and what each measured.

use std::io::{self, BufRead};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::args::Protocol;
use crate::ask::{self, Answers};
use crate::clock;
use crate::machine::{self, Usage};
use crate::probe;
use crate::tally::Times;
use crate::worker::{Order, Shared, Worker};

/// How long a phase may take beyond what it is meant to: for each session, and altogether.
const PATIENCE_PER_SESSION: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_mins(2);

/// A thread of clients, as it is told what to do.
pub(crate) struct Crew {
    pub(crate) worker: Arc<Worker>,
    pub(crate) orders: mpsc::Sender<Order>,
}

/// A run.
pub(crate) struct Run {
    shared: Arc<Shared>,
    crews: Vec<Crew>,
    answers: Arc<Answers>,
    /// Before anybody came.
    at_first: Moment,
}

/// What the machine said at a moment.
#[derive(Clone, Copy)]
struct Moment {
    server: Usage,
    client: Usage,
    available_bytes: u64,
    us: u64,
}

impl Run {
    pub(crate) fn new(shared: Arc<Shared>, crews: Vec<Crew>) -> Self {
        let at_first = moment(&shared);
        Self {
            shared,
            crews,
            answers: Arc::default(),
            at_first,
        }
    }

    /// Runs all phases; `true` when nothing was wrong.
    pub(crate) async fn run(&self) -> io::Result<bool> {
        let args = &self.shared.args;
        let progress = tokio::spawn(progress(Arc::clone(&self.shared), Arc::clone(&self.answers)));
        let mut phases = Vec::new();
        phases.push(self.log_in("login").await?);
        if args.hold_s > 0 {
            phases.push(self.hold().await?);
        }
        for _ in 0..args.storms {
            self.order("the sessions are dropped", 0, |_, done| Order::Drop(done))
                .await?;
            phases.push(self.log_in("storm").await?);
        }
        if args.churn_s > 0 {
            phases.push(self.churn().await?);
        }
        progress.abort();
        let count = |name: &str| {
            phases
                .iter()
                .filter_map(|phase| phase[name].as_u64())
                .sum::<u64>()
        };
        let (wrong, refused, asked) = (count("wrong"), count("refused"), count("asked"));
        say(&json!({ "report": { "wrong": wrong, "refused": refused, "asked": asked, "phases": phases } }));
        Ok(wrong == 0 && refused == 0)
    }

    /// The sessions of each thread.
    fn held(&self, crew: usize) -> Range<usize> {
        part(0..self.shared.args.sessions, crew, self.crews.len())
    }

    /// Gives every thread an order and waits until all have carried it out.
    async fn order(
        &self,
        what: &str,
        seconds: u32,
        order: impl Fn(usize, oneshot::Sender<()>) -> Order,
    ) -> io::Result<()> {
        let mut all_done = Vec::new();
        for (number, crew) in self.crews.iter().enumerate() {
            let (done, when_done) = oneshot::channel();
            // A thread that is gone is found out below.
            let _ = crew.orders.send(order(number, done)).await;
            all_done.push(when_done);
        }
        let sessions = u32::try_from(self.shared.args.sessions).unwrap_or(u32::MAX);
        let patience = PATIENCE + PATIENCE_PER_SESSION * sessions + Duration::from_secs(seconds.into());
        let waited = tokio::time::timeout(patience, async {
            for when_done in all_done {
                when_done
                    .await
                    .map_err(|_| io::Error::other(format!("{what}: a thread has ended")))?;
            }
            Ok(())
        });
        waited
            .await
            .unwrap_or_else(|_| Err(io::Error::other(format!("{what}: not done within {patience:?}"))))
    }

    async fn log_in(&self, name: &str) -> io::Result<Value> {
        self.order("signing", 0, |crew, done| Order::Prepare(self.held(crew), done))
            .await?;
        let asking = (name != "login").then(|| ask::start(&self.shared, &self.answers));
        let before = moment(&self.shared);
        let (args, sessions) = (&self.shared.args, self.shared.args.sessions);
        let paced_s = u32::try_from(sessions)
            .unwrap_or(u32::MAX)
            .checked_div(args.login_rate)
            .unwrap_or(0);
        self.order(name, paced_s, |crew, done| Order::Open(self.held(crew), done))
            .await?;
        let after = moment(&self.shared);
        stop(asking).await;
        let logins = Times::default();
        self.crews
            .iter()
            .for_each(|crew| logins.take(&crew.worker.logins));
        let mut fields = Map::new();
        fields.insert("login_us".to_owned(), logins.json().unwrap_or_default());
        self.add_memory(&mut fields, after);
        self.done(name, before, after, Some(logins.count()), fields).await
    }

    async fn hold(&self) -> io::Result<Value> {
        let forget = Times::default();
        self.crews
            .iter()
            .for_each(|crew| forget.take(&crew.worker.heartbeats));
        self.shared.heartbeats.store(0, Ordering::Relaxed);
        let asking = ask::start(&self.shared, &self.answers);
        let before = moment(&self.shared);
        tokio::time::sleep(Duration::from_secs(self.shared.args.hold_s.into())).await;
        let after = moment(&self.shared);
        let heartbeats = self.shared.heartbeats.load(Ordering::Relaxed);
        stop(Some(asking)).await;
        let times = Times::default();
        self.crews
            .iter()
            .for_each(|crew| times.take(&crew.worker.heartbeats));
        let mut fields = Map::new();
        fields.insert("heartbeats".to_owned(), heartbeats.into());
        fields.extend(times.json().map(|times| ("heartbeat_us".to_owned(), times)));
        if self.shared.args.ask_per_s == 0 && self.shared.args.server_pid.is_some() {
            let per_heartbeat = ratio(after.server.cpu_us - before.server.cpu_us, heartbeats);
            fields.insert("server_cpu_us_per_heartbeat".to_owned(), per_heartbeat.into());
        }
        self.add_memory(&mut fields, after);
        self.done("hold", before, after, None, fields).await
    }

    async fn churn(&self) -> io::Result<Value> {
        let args = &self.shared.args;
        let others = args.sessions..args.sessions + args.churn_sessions;
        let mut asking = ask::start(&self.shared, &self.answers);
        let fresh = Arc::new(Times::default());
        if args.protocol == Protocol::Headcount {
            asking.spawn(probe::run(
                Arc::clone(&self.shared),
                Arc::clone(&self.answers),
                Arc::clone(&fresh),
            ));
        }
        let before = moment(&self.shared);
        self.order("churn", args.churn_s, |crew, done| {
            Order::Churn(part(others.clone(), crew, self.crews.len()), done)
        })
        .await?;
        let after = moment(&self.shared);
        stop(Some(asking)).await;
        let logins = Times::default();
        self.crews
            .iter()
            .for_each(|crew| logins.take(&crew.worker.logins));
        let mut fields = Map::new();
        fields.extend(fresh.json().map(|times| ("freshness_us".to_owned(), times)));
        fields.insert("probes".to_owned(), fresh.count().into());
        fields.insert("login_us".to_owned(), logins.json().unwrap_or_default());
        fields.insert("ends".to_owned(), logins.count().into());
        self.done("churn", before, after, Some(logins.count()), fields)
            .await
    }

    fn add_memory(&self, fields: &mut Map<String, Value>, after: Moment) {
        let sessions = self.shared.args.sessions as u64;
        let grown = |now: u64, before: u64| now.saturating_sub(before);
        let server = grown(after.server.resident_bytes, self.at_first.server.resident_bytes);
        let client = grown(after.client.resident_bytes, self.at_first.client.resident_bytes);
        if self.shared.args.server_pid.is_some() {
            let used = grown(self.at_first.available_bytes, after.available_bytes);
            fields.insert("server_rss_bytes".to_owned(), after.server.resident_bytes.into());
            fields.insert(
                "server_rss_bytes_per_session".to_owned(),
                ratio(server, sessions).into(),
            );
            // What is gone and no process has: the kernel's, for both ends of every connection.
            let kernel = used.saturating_sub(server + client);
            fields.insert(
                "kernel_bytes_per_session".to_owned(),
                ratio(kernel, sessions).into(),
            );
        }
        fields.insert(
            "client_rss_bytes_per_session".to_owned(),
            ratio(client, sessions).into(),
        );
    }

    /// What every phase tells; checks that the count is right now that all is at rest.
    async fn done(
        &self,
        name: &str,
        before: Moment,
        after: Moment,
        ops: Option<u64>,
        mut fields: Map<String, Value>,
    ) -> io::Result<Value> {
        if self.shared.args.protocol == Protocol::Headcount {
            ask::settled(&self.shared, &self.answers).await?;
        }
        let seconds = (after.us - before.us).max(1);
        let mut phase = Map::new();
        phase.insert("name".to_owned(), name.into());
        phase.insert("seconds".to_owned(), ratio(seconds, 1_000_000).into());
        phase.insert("sessions".to_owned(), self.shared.ledger.live().into());
        if let Some(ops) = ops {
            phase.insert("ops".to_owned(), ops.into());
            phase.insert("per_s".to_owned(), ratio(ops * 1_000_000, seconds).into());
            // While others ask and churn, the server's time is not that of the logins alone.
            if self.shared.args.server_pid.is_some() && name != "churn" {
                let per_op = ratio(after.server.cpu_us - before.server.cpu_us, ops);
                phase.insert("server_cpu_us_per_op".to_owned(), per_op.into());
            }
        }
        if self.shared.args.server_pid.is_some() {
            let used_us = after.server.cpu_us - before.server.cpu_us;
            phase.insert("server_cpu_s".to_owned(), ratio(used_us, 1_000_000).into());
        }
        phase.append(&mut fields);
        let counts = Times::default();
        counts.take(&self.answers.times);
        phase.extend(counts.json().map(|times| ("count_us".to_owned(), times)));
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        for (field, number) in [
            ("asked", self.answers.asked.swap(0, Ordering::Relaxed)),
            ("wrong", self.answers.wrong.swap(0, Ordering::Relaxed)),
            ("refused", self.shared.refused.swap(0, Ordering::Relaxed) + lost),
        ] {
            phase.insert(field.to_owned(), number.into());
        }
        let phase = Value::Object(phase);
        say(&json!({ "phase": phase }));
        if self.shared.args.wait_line {
            let read = tokio::task::spawn_blocking(|| io::stdin().lock().read_line(&mut String::new()));
            read.await??;
        }
        Ok(phase)
    }
}

/// A thread's part of some accounts.
fn part(all: Range<usize>, number: usize, of: usize) -> Range<usize> {
    let at = |number: usize| all.start + all.len() * number / of;
    at(number)..at(number + 1)
}

fn moment(shared: &Shared) -> Moment {
    let server = shared
        .args
        .server_pid
        .and_then(|pid| machine::usage(&pid.to_string()));
    Moment {
        server: server.unwrap_or_default(),
        client: machine::usage("self").unwrap_or_default(),
        available_bytes: machine::available_bytes(),
        us: clock::now_us(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn ratio(what: u64, by: u64) -> f64 {
    (what as f64 / by.max(1) as f64 * 1000.0).round() / 1000.0
}

async fn stop(asking: Option<JoinSet<()>>) {
    if let Some(mut asking) = asking {
        asking.shutdown().await;
    }
}

fn say(line: &Value) {
    println!("{line}");
}

async fn progress(shared: Arc<Shared>, answers: Arc<Answers>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        let failed = shared.refused.load(Ordering::Relaxed) + shared.lost.load(Ordering::Relaxed);
        eprintln!(
            "crowd: {} sessions, {} heartbeats, {} asked, {} wrong, {failed} refused or lost",
            shared.ledger.live(),
            shared.heartbeats.load(Ordering::Relaxed),
            answers.asked.load(Ordering::Relaxed),
            answers.wrong.load(Ordering::Relaxed),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole() {
        for (all, of) in [(5..15, 3), (0..2, 4), (0..18_000, 2)] {
            let parts: Vec<_> = (0..of).flat_map(|number| part(all.clone(), number, of)).collect();
            assert_eq!(parts, all.collect::<Vec<_>>());
        }
    }
}
