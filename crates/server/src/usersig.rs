//! `headcount usersig`: a UserSig for trying things out.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headcount_core::{Clock, SdkAppId, UserId};
use headcount_directory::sqlite::OfflineDirectory;

use crate::Failure;
use crate::clock::SystemClock;

#[derive(Args, Debug)]
pub(crate) struct UsersigFlags {
    /// The app's number.
    #[arg(long)]
    sdkappid: u32,
    /// The app's secret key; read from the data folder when absent.
    #[arg(long)]
    secret_key: Option<String>,
    /// Where to read the secret key from.
    #[arg(long, default_value = "./data", conflicts_with = "secret_key")]
    data_dir: PathBuf,
    /// The user.
    #[arg(long)]
    user: String,
    /// How long it holds, in seconds.
    #[arg(long, default_value_t = 86_400)]
    expire_s: u64,
}

pub(crate) fn run(flags: &UsersigFlags) -> Result<ExitCode, Failure> {
    if UserId::parse(&flags.user).is_err() {
        return Err(Failure(format!(
            "--user {:?}: {}",
            flags.user,
            headcount_core::BadUserId
        )));
    }
    let key = match &flags.secret_key {
        Some(key) => key.clone(),
        None => stored_key(flags)?,
    };
    let now_s = SystemClock::new().wall_s();
    println!(
        "{}",
        usersig::sign(&key, flags.sdkappid, &flags.user, now_s, flags.expire_s, None)
    );
    Ok(ExitCode::SUCCESS)
}

fn stored_key(flags: &UsersigFlags) -> Result<String, Failure> {
    let mut directory = OfflineDirectory::open(&flags.data_dir).map_err(Failure::new)?;
    let apps = directory.apps().map_err(Failure::new)?;
    let app = apps
        .into_iter()
        .find(|app| app.sdkappid == SdkAppId(flags.sdkappid));
    app.map(|app| app.secret_key).ok_or_else(|| {
        let folder = flags.data_dir.display();
        Failure(format!(
            "there is no app {} in {folder}: give --secret-key or another --data-dir",
            flags.sdkappid
        ))
    })
}
