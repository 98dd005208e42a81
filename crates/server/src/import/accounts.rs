//! `headcount import accounts`.

use std::process::ExitCode;

use clap::Args;
use headcount_core::UserId;
use headcount_core::limits::PROFILE_VALUE_BYTES_MAX;
use headcount_directory::AccountImport;

use super::report::{Done, Report};
use super::table::{Column, Row, Table};
use super::{Source, batches};
use crate::Failure;

const COLUMNS: &[Column] = &[
    Column::required("UserID"),
    Column::optional("Nick"),
    Column::optional("FaceUrl"),
];
const USER: usize = 0;
const NICK: usize = 1;
const FACE_URL: usize = 2;

#[derive(Args, Debug)]
pub(crate) struct AccountsFlags {
    #[command(flatten)]
    source: Source,
}

pub(super) fn run(flags: &AccountsFlags) -> Result<ExitCode, Failure> {
    let table = Table::open(&flags.source, COLUMNS)?;
    let mut import = flags.source.open()?;
    let mut report = Report::begin("accounts");
    batches::each(table, account, |batch| {
        let outcome = import
            .accounts(&batch.rows, report.now_s())
            .map_err(Failure::new)?;
        let done = Done::from(&outcome);
        report.batch(batch.len(), done, batch.faults);
        Ok(())
    })?;
    drop(import);
    Ok(report.end())
}

fn account(row: &Row<'_>) -> Result<AccountImport, String> {
    let user = UserId::parse(row.required(USER)?).map_err(|error| error.to_string())?;
    let profile_value = |column: usize| match row.get(column) {
        Some(value) if value.len() > PROFILE_VALUE_BYTES_MAX => Err(format!(
            "{} has more than {PROFILE_VALUE_BYTES_MAX} bytes",
            COLUMNS[column].name
        )),
        value => Ok(value.map(str::to_owned)),
    };
    Ok(AccountImport {
        user,
        nick: profile_value(NICK)?,
        face_url: profile_value(FACE_URL)?,
    })
}
