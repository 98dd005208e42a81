//! `headcount serve`: wiring and life cycle.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use headcount_core::limits::{APP_REFRESH_MS, SHUTDOWN_GRACE_MS};
use headcount_core::{App, Clock, Entropy};
use headcount_directory::Directory;
use headcount_edge::{Door, Edge, LogFormat, RequestLog, Tls};
use headcount_service::{Live, Service};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::{SystemClock, SystemEntropy};
use crate::config::{Config, ServeFlags};
use crate::membership::Membership;
use crate::room::Room;
use crate::state_file::{ServerState, StateFile};
use crate::store::Store;
use crate::workers::Workers;
use crate::{Failure, app, first_start, tls};

/// Connections that operators may have at once.
const OPS_CONNECTIONS_MAX: usize = 64;

pub(crate) fn run(flags: &ServeFlags) -> Result<ExitCode, Failure> {
    let config = Config::load(flags)?;
    start_log(config.log_format());
    // For everything but the public connections, which are the workers'. It exists before they do: see there.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    let signals = runtime.block_on(async { Signals::new() })?;
    let open_files_max = open_files_max();
    let workers = Workers::bind(config.workers(), config.own_files(), config.listen)
        .map_err(|error| cannot_listen(config.listen, "--listen", &error))?;
    let room = config.room(open_files_max);
    runtime.block_on(serve(config, signals, workers, room))
}

fn start_log(format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

async fn serve(
    config: Config,
    mut signals: Signals,
    workers: Workers,
    room: Room,
) -> Result<ExitCode, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let tls = match config.tls_files() {
        Some((cert, key)) => Some(Tls::new(tls::load(&cert, &key)?)),
        None => None,
    };
    let ops = TcpListener::bind(config.ops_listen)
        .await
        .map_err(|error| cannot_listen(config.ops_listen, "--ops-listen", &error))?;
    let listen = workers.address();
    let ops_listen = ops.local_addr().map_err(Failure::new)?;

    let Opened {
        store,
        live,
        membership,
        first_app,
    } = open(&config, ops_listen, &clock).await?;
    let service = Service::new(
        config.service(),
        store.directory(),
        live,
        membership.as_ref().map(Membership::board),
        Arc::clone(&clock),
        Arc::new(SystemEntropy),
    );
    service.refresh_apps().await.map_err(Failure::new)?;

    let stop = CancellationToken::new();
    let log = RequestLog::new(config.log_format(), io::stderr()).map_err(Failure::new)?;
    let edge = Edge::new(Arc::clone(&service), config.edge(), log, stop.clone());
    let ops_places = Arc::new(Semaphore::new(OPS_CONNECTIONS_MAX));
    let state = ServerState {
        pid: std::process::id(),
        listen,
        ops_listen,
    };
    let state_file = StateFile::write(&config.data_dir, &state).map_err(|error| {
        Failure(format!(
            "cannot write into {}: {error}",
            config.data_dir.display()
        ))
    })?;

    let tasks = [
        tokio::spawn(headcount_edge::serve(
            Arc::clone(&edge),
            Door::Ops,
            ops,
            None,
            ops_places,
        )),
        tokio::spawn(keep_apps_fresh(Arc::clone(&service), stop.clone())),
    ];
    // A node that does not know the others' sessions would count too few: its clients wait until it does.
    let ended = tokio::select! {
        () = can_count(membership.as_ref()) => None,
        code = end(&mut signals, &config, tls.as_deref(), &stop, &store) => Some(code),
    };
    let mut serving = None;
    if ended.is_none() {
        serving = Some(workers.serve(&edge, tls.as_ref(), room.places()));
        if let Some(app) = &first_app {
            print!(
                "{}",
                first_start::welcome(app, listen, tls.is_some(), &config.data_dir, clock.wall_s())
            );
        }
        for line in room.advice() {
            tracing::info!("{line}");
        }
        tracing::info!(
            %listen, %ops_listen, data_dir = %config.data_dir.display(), workers = config.workers(),
            connections_max = room.connections_max(), "ready"
        );
    }
    let code = match ended {
        Some(code) => code,
        None => end(&mut signals, &config, tls.as_deref(), &stop, &store).await,
    };
    tracing::info!("stopping: clients are sent away, writes are finished");
    stop.cancel();
    for task in tasks {
        // They end by themselves; a panic of one has printed itself.
        let _ = task.await;
    }
    let grace = tokio::time::timeout(Duration::from_millis(SHUTDOWN_GRACE_MS), edge.closed());
    let finished = tokio::select! {
        finished = grace => finished.is_ok(),
        () = signals.wait_for_second() => false,
    };
    if let Some(serving) = serving {
        serving.finish();
    }
    drop((edge, service, state_file));
    if let Some(membership) = membership {
        membership.end().await;
    }
    store.close().await;
    tracing::info!(finished, "stopped");
    Ok(code)
}

/// Waits until a node knows the others' sessions; a server that stands alone can count at once.
async fn can_count(membership: Option<&Membership>) {
    if let Some(membership) = membership {
        tracing::info!("asking the other nodes: clients are let in when it is known who is online");
        membership.board().ready().await;
    }
}

/// Waits for whatever ends the server.
async fn end(
    signals: &mut Signals,
    config: &Config,
    tls: Option<&Tls>,
    stop: &CancellationToken,
    store: &Store,
) -> ExitCode {
    tokio::select! {
        () = signals.wait_for_stop(config.tls_files(), tls) => ExitCode::SUCCESS,
        () = stop.cancelled() => {
            tracing::error!("a worker ended: the server cannot go on");
            ExitCode::FAILURE
        }
        error = store.failed() => {
            tracing::error!(%error, "the directory cannot be followed: the server has to start afresh");
            ExitCode::FAILURE
        }
    }
}

/// What a service stands on.
struct Opened {
    store: Store,
    live: Arc<Live>,
    membership: Option<Membership>,
    first_app: Option<App>,
}

/// Opens the store, and takes part in the cluster if this server is one of several.
async fn open(config: &Config, ops_listen: SocketAddr, clock: &Arc<dyn Clock>) -> Result<Opened, Failure> {
    let Some(shared) = config.shared() else {
        let live = Live::new(config.multi_login());
        let store = Store::embedded(&config.data_dir, Arc::clone(&live) as _)?;
        let first_app = make_first_app(&*store.directory(), &**clock).await?;
        return Ok(Opened {
            store,
            live,
            membership: None,
            first_app,
        });
    };
    std::fs::create_dir_all(&config.data_dir).map_err(Failure::new)?;
    let live = Live::among_nodes(config.multi_login());
    let store = Store::shared(&shared.database, Arc::clone(&live) as _).await?;
    let membership = Membership::begin(config, &shared, ops_listen, &live, clock)?;
    Ok(Opened {
        store,
        live,
        membership: Some(membership),
        // Nodes that start together would make one each.
        first_app: None,
    })
}

fn cannot_listen(address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    Failure(match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "cannot listen on {address}: the port is taken by another program, choose another with {flag}"
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "cannot listen on {address}: ports below 1024 need privileges, choose another with {flag}"
            )
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Makes an app when there is none, so that a newcomer has something to call.
async fn make_first_app(directory: &dyn Directory, clock: &dyn Clock) -> Result<Option<App>, Failure> {
    if !directory.apps().await.map_err(Failure::new)?.is_empty() {
        return Ok(None);
    }
    let entropy: &dyn Entropy = &SystemEntropy;
    let first = app::first_app(entropy);
    let now_s = clock.wall_s();
    let failed = |error: &dyn std::fmt::Debug| Failure(format!("cannot make a first app: {error:?}"));
    directory
        .create_app(first.clone(), now_s)
        .await
        .map_err(|error| failed(&error))?;
    first_start::create_community(directory, &first, now_s)
        .await
        .map_err(|error| failed(&error))?;
    Ok(Some(first))
}

async fn keep_apps_fresh(service: Arc<Service>, stop: CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_millis(APP_REFRESH_MS));
    let mut failing = false;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        let refreshed = service.refresh_apps().await;
        // Once for each spell of trouble, not four times a second.
        if let Err(error) = &refreshed
            && !failing
        {
            tracing::error!(%error, "cannot read the apps");
        }
        failing = refreshed.is_err();
    }
}

/// As many open files as this process may have, after asking for all it can get.
fn open_files_max() -> u64 {
    let raised = rlimit::increase_nofile_limit(rlimit::INFINITY);
    raised
        .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft))
        .unwrap_or(1024)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::new);
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to stop; takes up new certificates meanwhile.
    async fn wait_for_stop(&mut self, files: Option<(PathBuf, PathBuf)>, served: Option<&Tls>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    let (Some((cert, key)), Some(served)) = (&files, served) else { continue };
                    match tls::load(cert, key) {
                        Ok(config) => {
                            served.replace(config);
                            tracing::info!("the certificate was read again");
                        }
                        Err(Failure(reason)) => tracing::error!(reason, "keeping the certificate in use"),
                    }
                }
            }
        }
    }

    /// A second signal: whoever sent it does not want to wait.
    async fn wait_for_second(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
