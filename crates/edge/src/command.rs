//! The command table: every command once, for both doors.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use headcount_core::Code;
use headcount_service::Caller;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::edge::ServiceHold;
use crate::fault::Fault;
use crate::wire;

/// Who may call a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    /// The app's backend, over REST.
    Admin,
    /// Users, over the gateway.
    User,
    /// Both.
    Both,
}

/// The family of a command: which codes its general faults have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Groups, communities and topics.
    Group,
    /// Accounts and logins.
    Account,
    /// Online states.
    Openim,
}

impl Family {
    /// A parameter is missing or wrong.
    pub(crate) fn parameter(self) -> Code {
        match self {
            Self::Group => Code::GROUP_PARAMETER,
            Self::Account => Code::ACCOUNT_PARAMETER,
            Self::Openim => Code::OPENIM_TO_ACCOUNT,
        }
    }

    /// Something failed underneath.
    pub(crate) fn internal(self) -> Code {
        match self {
            Self::Group => Code::GROUP_INTERNAL,
            Self::Account => Code::ACCOUNT_INTERNAL,
            Self::Openim => Code::OPENIM_INTERNAL,
        }
    }

    /// A user calls what only the app may.
    pub(crate) fn not_admin(self) -> Code {
        match self {
            Self::Group => Code::GROUP_NOT_PERMITTED,
            Self::Account => Code::ACCOUNT_NOT_ADMIN,
            Self::Openim => Code::OPENIM_NOT_ADMIN,
        }
    }
}

/// One command: its names, who may call it, and what it does.
#[derive(Debug)]
pub(crate) struct Command {
    /// The services it belongs to; both doors use the same names.
    pub(crate) services: &'static [&'static str],
    /// Its name within them.
    pub(crate) name: &'static str,
    /// Who may call it.
    pub(crate) callers: Callers,
    /// Its family.
    pub(crate) family: Family,
    /// What it does.
    pub(crate) run: fn(Call) -> Reply,
}

/// One call of a command.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: ServiceHold,
    pub(crate) caller: Caller,
    /// Which of the command's services it was called by.
    pub(crate) service_name: &'static str,
    pub(crate) command: &'static Command,
    pub(crate) body: Bytes,
}

/// An answer, now or when it is ready.
pub(crate) enum Reply {
    /// Known at once, without waiting for anything.
    Now(Answer),
    /// Still to come.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl Reply {
    /// The answer, when it is there.
    pub(crate) async fn answer(self) -> Answer {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

impl Call {
    /// Runs a handler on the parsed body.
    pub(crate) fn handle<Q, A, E, F>(self, handler: fn(Self, Q) -> F) -> Reply
    where
        Q: DeserializeOwned,
        A: Serialize,
        E: Into<Fault>,
        F: Future<Output = Result<A, E>> + Send + 'static,
    {
        let family = self.command.family;
        match wire::parse::<Q>(&self.body) {
            Ok(request) => {
                let answer = handler(self, request);
                Reply::Later(Box::pin(async move {
                    match answer.await {
                        Ok(fields) => Answer::ok(&fields).bounded(),
                        Err(error) => error.into().answer(family),
                    }
                }))
            }
            Err(fault) => Reply::Now(fault.answer(family)),
        }
    }

    /// Runs a handler that writes its own answer.
    pub(crate) fn answer_with<Q, F>(self, handler: fn(Self, Q) -> F) -> Reply
    where
        Q: DeserializeOwned,
        F: Future<Output = Result<Answer, Fault>> + Send + 'static,
    {
        let family = self.command.family;
        match wire::parse::<Q>(&self.body) {
            Ok(request) => {
                let answer = handler(self, request);
                Reply::Later(Box::pin(async move {
                    answer.await.unwrap_or_else(|fault| fault.answer(family))
                }))
            }
            Err(fault) => Reply::Now(fault.answer(family)),
        }
    }
}

/// What the table says of a pair of names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// The command, the service name it was found by, and its place in the table.
    Found(&'static Command, &'static str, usize),
    /// This service has no such command.
    UnknownCommand(&'static str),
    /// There is no such service.
    UnknownService,
}

/// Finds a command. The table is short: a scan that compares lengths first beats hashing.
pub(crate) fn find(service: &str, name: &str) -> Lookup {
    let table = crate::commands::TABLE;
    for (at, command) in table.iter().enumerate() {
        if command.name == name
            && let Some(found) = command.services.iter().find(|known| **known == service)
        {
            return Lookup::Found(command, found, at);
        }
    }
    let mut services = table.iter().flat_map(|command| command.services);
    match services.find(|known| **known == service) {
        Some(known) => Lookup::UnknownCommand(known),
        None => Lookup::UnknownService,
    }
}

/// A known service has no command of the name that was called.
pub(crate) fn no_such_command(service: &str) -> Fault {
    Fault::code(
        Code::UNKNOWN_COMMAND,
        format!("{service} has no command of this name"),
    )
}

impl Lookup {
    /// The names for the log. What names no command is not repeated: it may be a secret in the wrong
    /// place.
    pub(crate) fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Found(command, service, _) => (service, command.name),
            Self::UnknownCommand(_) | Self::UnknownService => ("?", "?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_pair_of_names_stands_once() {
        let mut seen = HashSet::new();
        for command in crate::commands::TABLE {
            assert!(!command.services.is_empty(), "{}", command.name);
            for service in command.services {
                assert!(
                    seen.insert((service, command.name)),
                    "{service}/{} stands twice",
                    command.name
                );
            }
        }
    }

    #[test]
    fn every_command_stands_in_the_compatibility_page() {
        let page = include_str!("../../../docs/compatibility.md");
        for command in crate::commands::TABLE {
            let row = page
                .lines()
                .find(|line| line.starts_with('|') && line.contains(command.name));
            assert!(
                row.is_some(),
                "docs/compatibility.md has no row for {}",
                command.name
            );
        }
    }

    #[test]
    fn every_path_of_the_openapi_leads_to_a_door() {
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../../docs/openapi.json")).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        for (path, operations) in paths {
            let methods: Vec<_> = operations.as_object().expect("operations").keys().collect();
            if let Some(names) = path.strip_prefix("/v4/") {
                assert_eq!(methods, ["post"], "{path}");
                let (service, name) = names.split_once('/').expect("two names");
                assert!(matches!(find(service, name), Lookup::Found(..)), "{path}");
            } else {
                assert_eq!(methods, ["get"], "{path}");
                let path = path.replace("{sdkappid}", "1");
                assert!(crate::stream::app_of(&path).is_some(), "{path}");
            }
        }
        for command in crate::commands::TABLE {
            if command.name.starts_with("get_online_member_num") {
                for service in command.services {
                    let path = format!("/v4/{service}/{}", command.name);
                    assert!(paths.contains_key(&path), "docs/openapi.json has no {path}");
                }
            }
        }
    }

    #[test]
    fn the_log_repeats_no_unknown_names() {
        assert_eq!(
            find("openim", "query_online_status").names(),
            ("openim", "query_online_status")
        );
        assert_eq!(find("openim", "secret").names(), ("?", "?"));
        assert_eq!(find("secret", "kick").names(), ("?", "?"));
    }

    #[test]
    fn unknown_names_are_told_apart() {
        assert!(matches!(
            find("group_open_http_svc", "create_group"),
            Lookup::Found(..)
        ));
        assert!(matches!(
            find("group_open_http_svc", "Create_group"),
            Lookup::UnknownCommand(_)
        ));
        assert!(matches!(
            find("no_such_svc", "create_group"),
            Lookup::UnknownService
        ));
    }
}
