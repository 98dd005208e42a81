//! account_import (1047/34953): makes one account exist.

use headcount_service::ImportError;
use serde::Deserialize;

use super::LOGIN_SVC;
use crate::command::{Call, Callers, Command, Family};
use crate::wire::Account;

pub(super) const COMMAND: Command = Command {
    services: &[LOGIN_SVC],
    name: "account_import",
    callers: Callers::Admin,
    family: Family::Account,
    run: |call| call.handle(account_import),
};

#[derive(Deserialize)]
struct Request {
    /// Older SDKs say `Identifier`.
    #[serde(rename = "UserID", alias = "Identifier")]
    user: Account,
    #[serde(rename = "Nick")]
    nick: Option<String>,
    #[serde(rename = "FaceUrl")]
    face_url: Option<String>,
}

async fn account_import(call: Call, request: Request) -> Result<(), ImportError> {
    call.service
        .import_account(&call.caller, request.user.0, request.nick, request.face_url)
        .await
}
