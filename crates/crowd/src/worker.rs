//! One thread of clients.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::args::{Args, Protocol};
use crate::clock;
use crate::ledger::Ledger;
use crate::session::{Failed, Session};
use crate::tally::Times;
use crate::wire::{self, Messages};

/// How long after a close it must have been seen by the server, which acknowledges none.
const CLOSE_SEEN: Duration = Duration::from_secs(1);
/// How often heartbeats that are due are sent.
const HEARTBEAT_TICK: Duration = Duration::from_millis(10);
/// Source addresses of a thread: each has ports of its own.
const SOURCES: usize = 16;
/// Sessions for which UserSigs are signed beforehand, so that signing takes no time from what is measured.
const SIGNED_AHEAD_MAX: usize = 200_000;
/// Failures that are shown.
const SHOWN_MAX: u64 = 5;
/// How long a UserSig holds.
const USERSIG_S: u64 = 86_400;
/// Bytes read at once.
const READ_BYTES: usize = 4 << 10;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// What all threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) args: Args,
    pub(crate) messages: Messages,
    pub(crate) handshake: Vec<u8>,
    pub(crate) ledger: Ledger,
    pub(crate) in_flight: Semaphore,
    pub(crate) refused: AtomicU64,
    /// Sessions that the server ended, or that were not answered.
    pub(crate) lost: AtomicU64,
    pub(crate) heartbeats: AtomicU64,
}

/// What a thread is told to do. Each is answered when it is done.
#[derive(Debug)]
pub(crate) enum Order {
    /// Sign what the next [`Order::Open`] needs.
    Prepare(Range<usize>, oneshot::Sender<()>),
    /// Log in.
    Open(Range<usize>, oneshot::Sender<()>),
    /// Drop all sessions.
    Drop(oneshot::Sender<()>),
    /// Log in and out for a while.
    Churn(Range<usize>, oneshot::Sender<()>),
}

/// A thread's own.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    number: usize,
    sessions: Mutex<Vec<Held>>,
    signed: Mutex<(usize, Vec<String>)>,
    pub(crate) logins: Times,
    pub(crate) heartbeats: Times,
}

/// A session that is held, and the task that listens for it.
#[derive(Debug)]
struct Held {
    session: Arc<Session>,
    listener: AbortHandle,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Arc<Self> {
        Arc::new(Self {
            shared,
            number,
            sessions: Mutex::default(),
            signed: Mutex::default(),
            logins: Times::default(),
            heartbeats: Times::default(),
        })
    }

    /// Carries out orders until there are no more to come.
    pub(crate) async fn work(self: Arc<Self>, mut orders: mpsc::Receiver<Order>) {
        let heartbeats = tokio::spawn(Arc::clone(&self).keep_alive());
        while let Some(order) = orders.recv().await {
            let done = match order {
                Order::Prepare(users, done) => {
                    self.sign_ahead(users);
                    done
                }
                Order::Open(users, done) => {
                    self.open_all(users).await;
                    done
                }
                Order::Drop(done) => {
                    self.drop_all().await;
                    done
                }
                Order::Churn(users, done) => {
                    self.churn(users).await;
                    done
                }
            };
            // Whoever gave the order may have given up.
            let _ = done.send(());
        }
        heartbeats.abort();
        self.drop_all().await;
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self, user: usize) -> Ipv4Addr {
        // 127.16.0.0 to 127.31.255.255, one address after the other.
        let address = u32::from(Ipv4Addr::new(127, 16, 0, 1));
        let place = u32::try_from(self.number * SOURCES + user % SOURCES).unwrap_or_default();
        Ipv4Addr::from(address + place)
    }

    fn sign(&self, user: usize) -> String {
        let Args {
            user_prefix,
            secret_key,
            sdkappid,
            ..
        } = &self.shared.args;
        let user = format!("{user_prefix}{user}");
        usersig::sign(secret_key, *sdkappid, &user, clock::wall_s(), USERSIG_S, None)
    }

    fn sign_ahead(&self, users: Range<usize>) {
        let Args {
            protocol, sessions, ..
        } = self.shared.args;
        if protocol == Protocol::Headcount && sessions <= SIGNED_AHEAD_MAX {
            let signed = (users.start, users.map(|user| self.sign(user)).collect());
            *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = signed;
        }
    }

    fn usersig(&self, user: usize) -> String {
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let place = user.checked_sub(signed.0);
        let ahead = place
            .and_then(|place| signed.1.get_mut(place))
            .map(std::mem::take);
        ahead
            .filter(|usersig| !usersig.is_empty())
            .unwrap_or_else(|| self.sign(user))
    }

    /// One login, from the connection to its answer.
    async fn log_in(&self, user: usize) -> Option<Session> {
        let Shared { args, ledger, .. } = &*self.shared;
        let login = match args.protocol {
            Protocol::Bare => None,
            Protocol::Headcount => {
                let usersig = self.usersig(user);
                Some(
                    self.shared
                        .messages
                        .login(&format!("{}{user}", args.user_prefix), &usersig),
                )
            }
        };
        let began_us = clock::now_us();
        ledger.login_begins();
        match self.try_log_in(user, login.as_deref()).await {
            Ok(session) => {
                ledger.login_acknowledged();
                self.logins.record(clock::now_us() - began_us);
                Some(session)
            }
            Err(failed) => {
                ledger.login_failed();
                let before = self.shared.refused.fetch_add(1, Ordering::Relaxed);
                if before < SHOWN_MAX {
                    eprintln!("crowd: user {user} was not let in: {failed}");
                }
                None
            }
        }
    }

    async fn try_log_in(&self, user: usize, login: Option<&[u8]>) -> Result<Session, Failed> {
        let Shared {
            args,
            handshake,
            messages,
            ..
        } = &*self.shared;
        let mut session = Session::connect(self.source(user), args.server, handshake).await?;
        if let Some(login) = login {
            session.ask(login).await?;
            if args.join {
                session.join(messages.join()).await?;
            }
        }
        Ok(session)
    }

    async fn open_all(self: &Arc<Self>, users: Range<usize>) {
        let args = &self.shared.args;
        let mut pace = (args.login_rate > 0).then(|| {
            let threads = u32::try_from(args.threads()).unwrap_or(1);
            interval(Duration::from_secs(1) * threads / args.login_rate)
        });
        self.held().reserve_exact(users.len());
        let mut under_way = JoinSet::new();
        for user in users {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            // Never closed, so this cannot fail.
            let Ok(turn) = self.shared.in_flight.acquire().await else {
                return;
            };
            turn.forget();
            let worker = Arc::clone(self);
            under_way.spawn(async move {
                let session = worker.log_in(user).await;
                worker.shared.in_flight.add_permits(1);
                if let Some(session) = session {
                    worker.hold(session);
                }
            });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }

    fn hold(self: &Arc<Self>, session: Session) {
        let session = Arc::new(session);
        let listener = tokio::spawn(listen(Arc::clone(self), Arc::clone(&session))).abort_handle();
        self.held().push(Held { session, listener });
    }

    async fn drop_all(&self) {
        let held = std::mem::take(&mut *self.held());
        let count = held.len();
        for Held { session, listener } in held {
            self.shared.ledger.end_begins();
            let _ = session.stream.set_zero_linger();
            // The socket goes with the task, at the latest when this one waits below.
            listener.abort();
        }
        if count > 0 {
            tokio::time::sleep(CLOSE_SEEN).await;
        }
        (0..count).for_each(|_| self.shared.ledger.end_confirmed());
    }

    /// Has every session say that it is alive once in a period, spread evenly over it.
    async fn keep_alive(self: Arc<Self>) {
        let period = f64::from(self.shared.args.heartbeat_s.max(1));
        let mut tick = interval(HEARTBEAT_TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut next, mut due, mut before) = (0, 0.0, Instant::now());
        loop {
            tick.tick().await;
            let now = Instant::now();
            let held = self.held();
            #[expect(clippy::cast_precision_loss, reason = "a million is exact in a double")]
            let count = held.len() as f64;
            due += count * (now - before).as_secs_f64() / period;
            before = now;
            while due >= 1.0 {
                due -= 1.0;
                next = (next + 1) % held.len().max(1);
                if let Some(Held { session, .. }) = held.get(next) {
                    self.say_alive(session);
                }
            }
        }
    }

    fn say_alive(&self, session: &Session) {
        let unanswered = session.alive_said_us.swap(clock::now_us(), Ordering::Relaxed) != 0;
        let heartbeat = self.shared.messages.heartbeat();
        let said = session.stream.try_write(heartbeat);
        if unanswered || !matches!(said, Ok(len) if len == heartbeat.len()) {
            self.lost("a heartbeat was not answered within its period, or could not be sent");
        }
    }

    fn lost(&self, why: &str) {
        if self.shared.lost.fetch_add(1, Ordering::Relaxed) < SHOWN_MAX {
            eprintln!("crowd: a session was lost: {why}");
        }
    }

    /// So many logins a second, and as many ends: each account comes, stays for half a round, and goes.
    async fn churn(self: &Arc<Self>, users: Range<usize>) {
        let Args {
            churn_per_s, churn_s, ..
        } = self.shared.args;
        let threads = u32::try_from(self.shared.args.threads()).unwrap_or(1);
        let every = Duration::from_secs(1) * threads / churn_per_s.max(1);
        let stay = every * u32::try_from(users.len()).unwrap_or(u32::MAX) / 2;
        let end = Instant::now() + Duration::from_secs(churn_s.into());
        let mut pace = interval(every);
        let mut under_way = JoinSet::new();
        for (number, user) in users.cycle().enumerate() {
            pace.tick().await;
            if Instant::now() >= end {
                break;
            }
            let worker = Arc::clone(self);
            under_way.spawn(async move {
                if let Some(session) = worker.log_in(user).await {
                    sleep_until(end.min(Instant::now() + stay)).await;
                    worker.end(session, number).await;
                }
            });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Ends a session in one of three ways.
    async fn end(&self, mut session: Session, way: usize) {
        let ledger = &self.shared.ledger;
        ledger.end_begins();
        match way % 3 {
            0 if self.shared.args.protocol == Protocol::Headcount => {
                if let Err(failed) = session.ask(self.shared.messages.logout()).await {
                    self.lost(&format!("the logout: {failed}"));
                }
                ledger.end_confirmed();
                return;
            }
            1 => session.drop_abruptly(),
            _ => drop(session),
        }
        tokio::time::sleep(CLOSE_SEEN).await;
        ledger.end_confirmed();
    }
}

/// Hears what the server says to a session that is held.
async fn listen(worker: Arc<Worker>, session: Arc<Session>) {
    let mut unfinished = Vec::new();
    loop {
        let read = match session.stream.readable().await {
            Ok(()) => READ.with_borrow_mut(|read| {
                let len = session.stream.try_read(read)?;
                take_in(&worker, &session, &mut unfinished, &read[..len]);
                Ok(len)
            }),
            Err(error) => Err(error),
        };
        match read {
            Ok(0) => return worker.lost("the server ended it"),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return worker.lost(&error.to_string()),
        }
    }
}

fn take_in(worker: &Worker, session: &Session, unfinished: &mut Vec<u8>, read: &[u8]) {
    let joined;
    let mut arrived = read;
    if !unfinished.is_empty() {
        unfinished.extend_from_slice(read);
        joined = std::mem::take(unfinished);
        arrived = &joined;
    }
    while let Some(heard) = wire::heard(arrived) {
        if heard.is_message {
            let said_us = session.alive_said_us.swap(0, Ordering::Relaxed);
            if said_us > 0 {
                worker.heartbeats.record(clock::now_us() - said_us);
                worker.shared.heartbeats.fetch_add(1, Ordering::Relaxed);
            }
        }
        arrived = &arrived[heard.len..];
    }
    unfinished.extend_from_slice(arrived);
}
