//! account_check (1047/34956): which accounts exist.

use headcount_service::AccountState;
use serde::{Deserialize, Serialize};

use super::LOGIN_SVC;
use super::account_delete::{Item, batch};
use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;
use crate::wire::Object;

pub(super) const COMMAND: Command = Command {
    services: &[LOGIN_SVC],
    name: "account_check",
    callers: Callers::Admin,
    family: Family::Account,
    run: |call| call.handle(account_check),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "CheckItem")]
    items: Vec<Object<Item>>,
}

#[derive(Serialize)]
struct Checked {
    #[serde(rename = "ResultItem")]
    results: Vec<Status>,
}

#[derive(Serialize)]
struct Status {
    #[serde(rename = "UserID")]
    user: String,
    #[serde(rename = "ResultCode")]
    code: i32,
    #[serde(rename = "ResultInfo")]
    info: &'static str,
    #[serde(rename = "AccountStatus")]
    status: &'static str,
}

async fn account_check(call: Call, request: Request) -> Result<Checked, Fault> {
    let names = batch("CheckItem", request.items)?;
    let states = call.service.check_accounts(&call.caller, &names).await?;
    let result = |(user, state)| Status {
        user,
        code: 0,
        info: "",
        status: match state {
            AccountState::Imported => "Imported",
            AccountState::NotImported => "NotImported",
        },
    };
    Ok(Checked {
        results: names.into_iter().zip(states).map(result).collect(),
    })
}
