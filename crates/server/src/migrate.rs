//! `headcount migrate`: from one machine's data folder to the database of several.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use headcount_core::Clock;
use headcount_core::limits::PROGRESS_TOLD_MS;
use headcount_directory::StoreError;
use headcount_directory::migrate::{Difference, MigrateError, Migration, Progress};

use crate::Failure;
use crate::clock::SystemClock;

#[derive(Args, Debug)]
pub(crate) struct MigrateFlags {
    /// Where the data is, as sqlite:DATA_DIR. A server may run on it; what it commits meanwhile is not copied.
    #[arg(long, value_name = "sqlite:DATA_DIR", value_parser = data_folder)]
    from: PathBuf,
    /// The database to copy into, as postgres://USER:PASSWORD@HOST/DATABASE. It must be empty.
    #[arg(
        long,
        value_name = "URL",
        env = "HEADCOUNT_CLUSTER__DATABASE",
        hide_env_values = true
    )]
    to: String,
    /// Do not compare the copy with the original.
    #[arg(long)]
    skip_verification: bool,
}

fn data_folder(value: &str) -> Result<PathBuf, String> {
    match value.strip_prefix("sqlite:") {
        None | Some("") => Err("give the data folder as sqlite:DATA_DIR".to_owned()),
        Some(folder) => Ok(PathBuf::from(folder)),
    }
}

pub(crate) fn run(flags: &MigrateFlags) -> Result<ExitCode, Failure> {
    if !flags.from.join("headcount.db").exists() {
        return Err(Failure(format!("there is no data in {}", flags.from.display())));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    let differences = runtime.block_on(migrate(flags))?;
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        println!("{difference}");
    }
    Err(Failure::new(
        "the copy is not what it should be and was not handed over to servers; run `headcount audit` on the \
         data folder, and copy into a fresh database",
    ))
}

/// Copies, verifies and hands over; returns what was found wrong, and then nothing is handed over.
async fn migrate(flags: &MigrateFlags) -> Result<Vec<Difference>, Failure> {
    let migration = Migration::begin(&flags.from, &flags.to)
        .await
        .map_err(|error| failed(&error, &flags.from))?;
    copy(&migration).await.map_err(|error| broken_off(&error))?;
    if !flags.skip_verification {
        let found = verify(&migration).await.map_err(|error| broken_off(&error))?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    migration.finish().await.map_err(|error| {
        Failure(format!(
            "{error}; the copy is whole, but perhaps it was not handed over: a server that starts on the \
             database says so"
        ))
    })?;
    println!(
        "What a server on {} has committed since this began is not in the copy: stop that server before the \
         last copy, or copy again into a fresh database.",
        flags.from.display()
    );
    Ok(Vec::new())
}

async fn copy(migration: &Migration) -> Result<(), StoreError> {
    let mut report = Report::begin("");
    migration.copy(&mut |progress| report.tell(progress)).await?;
    let totals = migration.totals();
    let counts: Vec<_> = totals
        .iter()
        .map(|Progress { rows, total, .. }| format!("{total} {rows}"))
        .collect();
    println!("copied: {}; {}", counts.join(", "), report.speed(&totals));
    Ok(())
}

async fn verify(migration: &Migration) -> Result<Vec<Difference>, StoreError> {
    let mut report = Report::begin("verifying ");
    let found = migration.verify(&mut |progress| report.tell(progress)).await?;
    if found.is_empty() {
        println!(
            "verified: every row is the same, and every MemberNum equals its rows; {}",
            report.speed(&migration.totals())
        );
    }
    Ok(found)
}

fn broken_off(error: &StoreError) -> Failure {
    Failure(format!(
        "{error}; the copy was not finished: begin again with a fresh database"
    ))
}

fn failed(error: &MigrateError, folder: &Path) -> Failure {
    match error {
        MigrateError::Source(error) => Failure(format!("cannot read {}: {error}", folder.display())),
        error => Failure::new(error),
    }
}

/// What one pass over all rows tells: how far it is, and how fast it was.
struct Report {
    what: &'static str,
    clock: SystemClock,
    began_us: u64,
    told_us: u64,
    /// What the last line was about.
    rows: &'static str,
}

impl Report {
    /// Begins a pass; `what` is how its lines begin.
    fn begin(what: &'static str) -> Self {
        let clock = SystemClock::new();
        let began_us = clock.monotonic_us();
        Self {
            what,
            clock,
            began_us,
            told_us: began_us,
            rows: "",
        }
    }

    /// Prints a line, for the same rows once in a while only.
    fn tell(&mut self, progress: Progress) {
        let Progress { rows, done, total } = progress;
        let now_us = self.clock.monotonic_us();
        if rows == self.rows && now_us - self.told_us < PROGRESS_TOLD_MS * 1_000 {
            return;
        }
        (self.rows, self.told_us) = (rows, now_us);
        eprintln!("{}{rows}: {done} of {total}", self.what);
    }

    fn speed(&self, totals: &[Progress]) -> String {
        let rows: u64 = totals.iter().map(|progress| progress.total).sum();
        let elapsed_us = (self.clock.monotonic_us() - self.began_us).max(1);
        let elapsed = std::time::Duration::from_micros(elapsed_us);
        format!(
            "{rows} rows in {:.2} s, {} rows/s",
            elapsed.as_secs_f64(),
            rows.saturating_mul(1_000_000) / elapsed_us
        )
    }
}
