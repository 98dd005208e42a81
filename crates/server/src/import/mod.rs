//! `headcount import`: accounts, groups and members from files, into a folder that no server has open.

mod accounts;
mod batches;
mod groups;
mod members;
mod report;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use headcount_core::SdkAppId;
use headcount_directory::sqlite::{BulkImport, OfflineDirectory, OpenError};

use crate::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import accounts. Columns: UserID, Nick, FaceUrl.
    Accounts(accounts::AccountsFlags),
    /// Import groups. Columns: GroupId, Type, Name, Owner_Account, Introduction, Notification, FaceUrl,
    /// MaxMemberCount, ApplyJoinOption, InviteJoinOption, SupportTopic, CreateTime.
    Groups(groups::GroupsFlags),
    /// Import members of groups. Columns: GroupId, Member_Account, Role, JoinTime.
    Members(members::MembersFlags),
}

/// What to import, and where to.
#[derive(Args, Debug)]
struct Source {
    /// A CSV file whose first line names its columns; `-` is standard input.
    file: PathBuf,
    /// The server's data folder. The server must not be running.
    #[arg(long, default_value = "./data")]
    data_dir: PathBuf,
    /// The app.
    #[arg(long)]
    sdkappid: u32,
}

pub(crate) fn run(command: &ImportCommand) -> Result<ExitCode, Failure> {
    match command {
        ImportCommand::Accounts(flags) => accounts::run(flags),
        ImportCommand::Groups(flags) => groups::run(flags),
        ImportCommand::Members(flags) => members::run(flags),
    }
}

impl Source {
    fn app(&self) -> SdkAppId {
        SdkAppId(self.sdkappid)
    }

    /// Checks that there is something to import into: a mistyped folder or app must not be made.
    fn check(&self) -> Result<(), Failure> {
        let folder = self.data_dir.display();
        if !self.data_dir.join("headcount.db").exists() {
            return Err(Failure(format!(
                "there is no data in {folder}: give the server's data folder, or make an app in it with \
                 `headcount app create`"
            )));
        }
        let mut directory = OfflineDirectory::open(&self.data_dir).map_err(|error| Self::failed(&error))?;
        let apps = directory.apps().map_err(Failure::new)?;
        if apps.iter().any(|app| app.sdkappid == self.app()) {
            return Ok(());
        }
        Err(Failure(format!(
            "there is no app {} in {folder}: make it with `headcount app create --sdkappid {0}`",
            self.sdkappid
        )))
    }

    /// Takes the folder for the import.
    fn open(&self) -> Result<BulkImport, Failure> {
        self.check()?;
        BulkImport::open(&self.data_dir, self.app()).map_err(|error| Self::failed(&error))
    }

    fn failed(error: &OpenError) -> Failure {
        match error {
            OpenError::Locked { path } => Failure(format!(
                "a Headcount server, or another import, has the data folder {} open. Stop the server, or \
                 import over REST: a running server has to see what changes",
                path.display()
            )),
            other => Failure::new(other),
        }
    }

    fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }
}
