//! multiaccount_import (1047/34954, 269/4919): makes up to 100 accounts exist.

use headcount_core::limits::ACCOUNTS_PER_CALL_MAX;
use serde::{Deserialize, Serialize};

use super::LOGIN_SVC;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;
use crate::wire::{Account, Object};

pub(super) const COMMAND: Command = Command {
    services: &[LOGIN_SVC],
    name: "multiaccount_import",
    callers: Callers::Admin,
    family: Family::Account,
    run: |call| call.handle(multiaccount_import),
};

#[derive(Deserialize)]
struct Request {
    /// The older form: names alone.
    #[serde(rename = "Accounts", default)]
    names: Vec<Account>,
    /// The newer form: names with profile values.
    #[serde(rename = "AccountList", default)]
    accounts: Vec<Object<Import>>,
}

#[derive(Deserialize)]
struct Import {
    #[serde(rename = "UserID")]
    user: Account,
    #[serde(rename = "Nick")]
    nick: Option<String>,
    #[serde(rename = "FaceUrl")]
    face_url: Option<String>,
}

#[derive(Serialize)]
struct Imported {
    #[serde(rename = "FailAccounts")]
    failed: Vec<String>,
}

async fn multiaccount_import(call: Call, request: Request) -> Result<Imported, Fault> {
    let named = request.names.into_iter().map(|account| (account.0, None, None));
    let described = request
        .accounts
        .into_iter()
        .map(|Object(import)| (import.user.0, import.nick, import.face_url));
    let accounts: Vec<_> = named.chain(described).collect();
    if !(1..=ACCOUNTS_PER_CALL_MAX).contains(&accounts.len()) {
        return Err(Fault::Parameter(
            "Accounts or AccountList must name 1 to 100 accounts".to_owned(),
        ));
    }
    let failed = call.service.import_accounts(&call.caller, accounts).await?;
    Ok(Imported { failed })
}
