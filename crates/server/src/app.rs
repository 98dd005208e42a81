//! `headcount app`: creating apps, also beside a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use headcount_core::limits::APP_ADMINS_MAX;
use headcount_core::{App, Clock, Entropy, SdkAppId, UserId};
use headcount_directory::sqlite::OfflineDirectory;
use headcount_directory::{CreateAppError, Directory};

use crate::Failure;
use crate::clock::{SystemClock, SystemEntropy};
use crate::offline::OfflineDatabase;

#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Create an app; prints it as one JSON line. A running server knows it within a second.
    Create(CreateFlags),
}

#[derive(Args, Debug)]
pub(crate) struct CreateFlags {
    /// The server's data folder.
    #[arg(long, default_value = "./data")]
    data_dir: PathBuf,
    /// The database that the servers of a cluster share, instead of a data folder.
    #[arg(long, env = "HEADCOUNT_CLUSTER__DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// The app's number; a free one is chosen when absent.
    #[arg(long)]
    sdkappid: Option<u32>,
    /// A name for people.
    #[arg(long, default_value = "")]
    name: String,
    /// The key that signs UserSigs; a random one is made when absent.
    #[arg(long)]
    secret_key: Option<String>,
    /// An account that may call admin commands; may be repeated, up to 10 times.
    #[arg(long = "admin", default_value = "administrator")]
    admins: Vec<String>,
    /// The app's home region; absent, it is at home on every server.
    #[arg(long)]
    region: Option<String>,
}

/// Where numbers of new apps start: where the hosted service's do.
const FIRST_SDKAPPID: u32 = 1_400_000_001;

pub(crate) fn run(command: AppCommand) -> Result<ExitCode, Failure> {
    let AppCommand::Create(flags) = command;
    let mut store = match &flags.database {
        Some(url) => Store::Shared(OfflineDatabase::open(url)?),
        None => Store::Folder(OfflineDirectory::open(&flags.data_dir).map_err(Failure::new)?),
    };
    let admins = checked_admins(flags.admins)?;
    if flags.sdkappid == Some(0) {
        return Err(Failure::new("--sdkappid must be a positive number"));
    }
    if flags.secret_key.as_deref() == Some("") {
        return Err(Failure::new("--secret-key must not be empty"));
    }
    let mut app = App {
        sdkappid: SdkAppId(flags.sdkappid.unwrap_or(FIRST_SDKAPPID)),
        name: flags.name,
        secret_key: flags.secret_key.unwrap_or_else(|| random_key(&SystemEntropy)),
        admins,
        region: flags.region,
    };
    loop {
        match store.create_app(&app) {
            Ok(()) => break,
            Err(CreateAppError::Taken) if flags.sdkappid.is_none() => app.sdkappid.0 += 1,
            Err(CreateAppError::Taken) => {
                return Err(Failure(format!(
                    "app {} exists already: choose another --sdkappid",
                    app.sdkappid
                )));
            }
            Err(CreateAppError::Store(error)) => return Err(Failure::new(error)),
        }
    }
    println!(
        "{}",
        serde_json::json!({
            "sdkappid": app.sdkappid.0,
            "secretkey": app.secret_key,
            "admins": app.admins,
            "name": app.name,
            "region": app.region,
        })
    );
    Ok(ExitCode::SUCCESS)
}

/// Where apps are kept.
enum Store {
    Folder(OfflineDirectory),
    Shared(OfflineDatabase),
}

impl Store {
    fn create_app(&mut self, app: &App) -> Result<(), CreateAppError> {
        let now_s = SystemClock::new().wall_s();
        match self {
            Self::Folder(directory) => directory.create_app(app, now_s),
            Self::Shared(database) => database.run(|directory| directory.create_app(app.clone(), now_s)),
        }
    }
}

fn checked_admins(admins: Vec<String>) -> Result<Vec<String>, Failure> {
    if admins.len() > APP_ADMINS_MAX {
        return Err(Failure(format!("an app has at most {APP_ADMINS_MAX} admins")));
    }
    match admins.iter().find(|admin| UserId::parse(admin).is_err()) {
        Some(bad) => Err(Failure(format!("--admin {bad:?}: {}", headcount_core::BadUserId))),
        None => Ok(admins),
    }
}

/// The app that a server makes for itself when its data folder has none.
pub(crate) fn first_app(entropy: &dyn Entropy) -> App {
    App {
        sdkappid: SdkAppId(FIRST_SDKAPPID),
        name: "first app".to_owned(),
        secret_key: random_key(entropy),
        admins: vec!["administrator".to_owned()],
        region: None,
    }
}

/// A secret key of 256 random bits, as 64 hexadecimal digits like the hosted service's.
fn random_key(entropy: &dyn Entropy) -> String {
    let [a, b, c, d] = std::array::from_fn(|_| entropy.next_u64());
    format!("{a:016x}{b:016x}{c:016x}{d:016x}")
}
