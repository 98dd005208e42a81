//! profile.portrait_get_all: nick names and pictures, which the SDK asks for by itself.

use headcount_core::limits::ACCOUNTS_PER_CALL_MAX;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::command::{Call, Callers, Command, Family};
use crate::fault::Fault;
use crate::wire::{Account, Object};

pub(super) const COMMAND: Command = Command {
    services: &["profile"],
    name: "portrait_get_all",
    callers: Callers::User,
    family: Family::Account,
    run: |call| call.handle(portrait_get_all),
};

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "UserItem")]
    users: Vec<Object<User>>,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "To_Account")]
    account: Account,
}

async fn portrait_get_all(call: Call, request: Request) -> Result<Value, Fault> {
    if request.users.len() > ACCOUNTS_PER_CALL_MAX {
        return Err(Fault::Parameter(
            "UserItem names more than 100 accounts".to_owned(),
        ));
    }
    let names: Vec<_> = request
        .users
        .into_iter()
        .map(|Object(user)| user.account.0)
        .collect();
    let accounts = call.service.find_accounts(&call.caller, &names).await?;
    let profile = |(name, account): (String, Option<headcount_directory::Account>)| {
        let values = account.map_or_else(Vec::new, |account| {
            vec![
                ("Tag_Profile_IM_Nick", account.nick),
                ("Tag_Profile_IM_Image", account.face_url),
            ]
        });
        let set = values.into_iter().filter(|(_, value)| !value.is_empty());
        let items: Vec<_> = set
            .map(|(tag, value)| json!({ "Tag": tag, "Value": value }))
            .collect();
        json!({ "To_Account": name, "ProfileItem": items })
    };
    let profiles: Vec<_> = names.into_iter().zip(accounts).map(profile).collect();
    Ok(json!({ "UserProfileItem": profiles }))
}
