//! account_delete (1047/34955): deletes up to 100 accounts with their memberships and sessions.

use headcount_core::Code;
use headcount_core::limits::ACCOUNTS_PER_CALL_MAX;
use serde::{Deserialize, Serialize};

use super::LOGIN_SVC;
use crate::command::{Call, Callers, Command, Family};
use crate::fault::{ACCOUNT_ABSENT_INFO, Fault};
use crate::wire::{Account, Object};

pub(super) const COMMAND: Command = Command {
    services: &[LOGIN_SVC],
    name: "account_delete",
    callers: Callers::Admin,
    family: Family::Account,
    run: |call| call.handle(account_delete),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "DeleteItem")]
    items: Vec<Object<Item>>,
}

/// One account of a batch.
#[derive(Deserialize)]
pub(super) struct Item {
    #[serde(rename = "UserID")]
    pub(super) user: Account,
}

/// The names of a batch, which must not be empty nor too long.
pub(super) fn batch(field: &str, items: Vec<Object<Item>>) -> Result<Vec<String>, Fault> {
    if !(1..=ACCOUNTS_PER_CALL_MAX).contains(&items.len()) {
        return Err(Fault::Parameter(format!(
            "{field} must name 1 to {ACCOUNTS_PER_CALL_MAX} accounts"
        )));
    }
    Ok(items.into_iter().map(|Object(item)| item.user.0).collect())
}

#[derive(Serialize)]
struct Deleted {
    #[serde(rename = "ResultItem")]
    results: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    #[serde(rename = "UserID")]
    user: String,
    #[serde(rename = "ResultCode")]
    code: i32,
    #[serde(rename = "ResultInfo")]
    info: &'static str,
}

async fn account_delete(call: Call, request: Request) -> Result<Deleted, Fault> {
    let names = batch("DeleteItem", request.items)?;
    let existed = call.service.delete_accounts(&call.caller, &names).await?;
    let outcome = |(user, existed)| {
        let (code, info) = if existed {
            (Code::OK, "")
        } else {
            (Code::ACCOUNT_ABSENT, ACCOUNT_ABSENT_INFO)
        };
        Outcome {
            user,
            code: code.0,
            info,
        }
    };
    Ok(Deleted {
        results: names.into_iter().zip(existed).map(outcome).collect(),
    })
}
