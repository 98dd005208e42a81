//! `headcount audit`: every running number against a recount.

mod cluster;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use headcount_directory::sqlite::OfflineDirectory;
use http_body_util::{BodyExt, Empty};
use hyper::Method;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::{Failure, state_file};

#[derive(Args, Debug)]
#[group(required = true)]
pub(crate) struct AuditFlags {
    /// The data folder: what it stores is recounted, and what the server that runs on it shows.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The ops address of a running server, such as http://127.0.0.1:8081.
    #[arg(long, conflicts_with = "data_dir")]
    url: Option<String>,
    /// Recounts on every node of the server's cluster, and compares what they know of each other's sessions.
    #[arg(long)]
    cluster: bool,
}

/// What a running server answers; see the ops listener.
#[derive(Debug, Deserialize)]
struct LiveReport {
    groups: u64,
    memberships: u64,
    online: u64,
    differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
struct Difference {
    sdkappid: Option<u32>,
    group: String,
    number: String,
    shown: i64,
    counted: i64,
}

pub(crate) fn run(flags: &AuditFlags) -> Result<ExitCode, Failure> {
    let mut clean = true;
    let mut running = match &flags.url {
        Some(url) => Some(address(url)?),
        None => None,
    };
    if let Some(folder) = &flags.data_dir {
        // A server that ended badly leaves its file behind: nobody listens there, or somebody else.
        let state = state_file::read(folder).filter(|state| is_running(state.pid));
        running = state.map(|state| state.ops_listen);
        if flags.cluster && running.is_none() {
            return Err(Failure(format!("no server runs on {}", folder.display())));
        }
        if !flags.cluster {
            clean &= audit_stored(folder)?;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    if let Some(ops) = running {
        clean &= runtime.block_on(async {
            if flags.cluster {
                cluster::audit(ops).await
            } else {
                audit_live(ops, "live").await
            }
        })?;
    }
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn audit_stored(folder: &Path) -> Result<bool, Failure> {
    if !folder.join("headcount.db").exists() {
        return Err(Failure(format!("there is no data in {}", folder.display())));
    }
    let check = OfflineDirectory::open(folder)
        .map_err(Failure::new)?
        .check()
        .map_err(Failure::new)?;
    for drifted in &check.drifted {
        print_difference(
            Some(drifted.app.0),
            &drifted.id,
            "MemberNum",
            drifted.shown,
            drifted.counted,
        );
    }
    for problem in &check.problems {
        println!("the database is damaged: {problem}");
    }
    if check.is_clean() {
        println!("stored: every MemberNum equals its rows");
    }
    Ok(check.is_clean())
}

/// Has a running server recount; `what` is how its line begins.
async fn audit_live(ops: SocketAddr, what: &str) -> Result<bool, Failure> {
    let report: LiveReport = ask(ops, Method::POST, "/audit")
        .await
        .map_err(|error| Failure(format!("cannot audit http://{ops}: {error}")))?;
    for difference in &report.differences {
        let Difference {
            sdkappid,
            group,
            number,
            shown,
            counted,
        } = difference;
        print_difference(*sdkappid, group, number, *shown, *counted);
    }
    let LiveReport {
        groups,
        memberships,
        online,
        differences,
    } = &report;
    let verdict = if differences.is_empty() {
        "every number equals its recount"
    } else {
        "numbers differ"
    };
    println!("{what}: {groups} groups, {memberships} memberships, {online} accounts online: {verdict}");
    Ok(differences.is_empty())
}

fn print_difference(sdkappid: Option<u32>, group: &str, number: &str, shown: i64, counted: i64) {
    let app = sdkappid.map_or_else(|| "unknown".to_owned(), |app| app.to_string());
    println!("app {app} group {group}: {number} shows {shown}, a recount gives {counted}");
}

async fn ask<T: DeserializeOwned>(
    ops: SocketAddr,
    method: Method,
    path: &str,
) -> Result<T, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(ops).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    let request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(hyper::header::HOST, ops.to_string());
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    driven.abort();
    if !status.is_success() {
        return Err(format!("it answered {status}: {}", String::from_utf8_lossy(&body).trim()).into());
    }
    Ok(serde_json::from_slice(&body)?)
}

fn address(url: &str) -> Result<SocketAddr, Failure> {
    let rest = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    rest.parse()
        .map_err(|_| Failure(format!("--url {url}: give the ops address as http://IP:PORT")))
}
