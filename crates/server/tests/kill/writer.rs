//! A writer: random writes to accounts and groups of its own, and to one community that all share.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::support::rest::Connection;
use crate::truth::{Fate, Group, Truth, names_with};

/// The community that all writers fill. It is never dissolved.
pub(crate) const SHARED: &str = "@TGS#_shared";
/// Ids of a writer's own groups: few, so that ids of dissolved groups are used again.
const OWN_GROUPS: usize = 8;
/// Accounts of a writer from which on it imports no more.
const ACCOUNTS_MAX: usize = 600;

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) truth: Truth,
    number: usize,
    chance: Chance,
    /// Accounts that were ever named.
    named: usize,
}

/// One write: a command, its body, and what is true when it was answered.
struct Write {
    command: &'static str,
    body: Value,
    accounts: Facts,
    group: Option<GroupFacts>,
}

/// These names come to this.
struct Facts {
    names: Vec<String>,
    fate: Fate,
}

struct GroupFacts {
    id: String,
    fate: Fate,
    members: Facts,
}

impl Writer {
    pub(crate) fn new(number: usize, chance: Chance) -> Self {
        let shared = Group {
            fate: Fate::There,
            members: BTreeMap::new(),
        };
        Self {
            truth: Truth {
                accounts: BTreeMap::new(),
                groups: BTreeMap::from([(SHARED.to_owned(), shared)]),
            },
            number,
            chance,
            named: 0,
        }
    }

    /// Writes something; `false` when the server did not answer any more.
    pub(crate) fn write(&mut self, connection: &mut Connection) -> bool {
        let write = self.choose();
        self.note(&write, true);
        let Ok(answer) = connection.call(write.command, &write.body) else {
            return false;
        };
        assert_eq!(
            answer["ErrorCode"], 0,
            "{} {}: {answer}",
            write.command, write.body
        );
        let refused = ["FailAccounts", "MemberList"].map(|list| answer[list].as_array().cloned());
        for item in refused.into_iter().flatten().flatten() {
            assert_eq!(item["Result"], 1, "{} {}: {answer}", write.command, write.body);
        }
        self.note(&write, false);
        true
    }

    /// Notes what a write is about to change, or has changed.
    fn note(&mut self, write: &Write, open: bool) {
        let come_to = |fate| if open { Fate::Either } else { fate };
        for name in &write.accounts.names {
            self.truth
                .accounts
                .insert(name.clone(), come_to(write.accounts.fate));
        }
        let Some(facts) = &write.group else { return };
        let group = self
            .truth
            .groups
            .entry(facts.id.clone())
            .or_insert_with(|| Group {
                fate: Fate::Gone,
                members: BTreeMap::new(),
            });
        if group.fate != facts.fate {
            group.fate = come_to(facts.fate);
        }
        for name in &facts.members.names {
            group.members.insert(name.clone(), come_to(facts.members.fate));
        }
        if group.fate == Fate::Gone {
            group.members.values_mut().for_each(|fate| *fate = Fate::Gone);
        }
    }

    fn choose(&mut self) -> Write {
        let accounts = names_with(&self.truth.accounts, Fate::There);
        if accounts.is_empty() {
            return self.import_accounts();
        }
        let ids: Vec<_> = self.truth.groups.keys().cloned().collect();
        let id = self.chance.pick(&ids).clone();
        let there = self.truth.groups[&id].fate == Fate::There;
        let members = self.truth.groups[&id].with(Fate::There);
        let others: Vec<_> = accounts
            .iter()
            .filter(|name| !members.contains(name))
            .cloned()
            .collect();
        match self.chance.between(0, 9) {
            0..=1 if self.named < ACCOUNTS_MAX => self.import_accounts(),
            2 => self.create_group(&accounts),
            3 if there && id != SHARED => destroy_group(id),
            4..=5 if there && !members.is_empty() => self.remove_members(id, &members),
            _ if there && !others.is_empty() => self.add_members(id, &others),
            _ => self.create_group(&accounts),
        }
    }

    fn import_accounts(&mut self) -> Write {
        let count = *self.chance.pick(&[1, 1, 3, 100]);
        let first = self.named;
        self.named += count;
        let number = self.number;
        let names: Vec<_> = (first..self.named)
            .map(|account| format!("w{number}.{account}"))
            .collect();
        let (command, body) = match names.as_slice() {
            [name] => ("im_open_login_svc/account_import", json!({ "UserID": name })),
            names => (
                "im_open_login_svc/multiaccount_import",
                json!({ "Accounts": names }),
            ),
        };
        Write {
            command,
            body,
            accounts: Facts {
                names,
                fate: Fate::There,
            },
            group: None,
        }
    }

    /// Creates one of the groups that do not exist, or else dissolves one.
    fn create_group(&mut self, accounts: &[String]) -> Write {
        let own = self.chance.between(0, OWN_GROUPS - 1);
        let id = format!("@TGS#_w{}.{own}", self.number);
        if self
            .truth
            .groups
            .get(&id)
            .is_some_and(|group| group.fate == Fate::There)
        {
            return destroy_group(id);
        }
        let members = self.some(accounts, 100);
        let body = json!({
            "Type": "Community", "Name": id, "GroupId": id, "MemberList": member_list(&members),
        });
        write_group(
            "group_open_http_svc/create_group",
            body,
            id,
            Fate::There,
            Facts {
                names: members,
                fate: Fate::There,
            },
        )
    }

    fn add_members(&mut self, id: String, others: &[String]) -> Write {
        let members = self.some(others, 300);
        let command = *self.chance.pick(&[
            "group_open_http_svc/add_group_member",
            "group_open_http_svc/import_group_member",
        ]);
        let body = json!({ "GroupId": id, "MemberList": member_list(&members) });
        write_group(
            command,
            body,
            id,
            Fate::There,
            Facts {
                names: members,
                fate: Fate::There,
            },
        )
    }

    fn remove_members(&mut self, id: String, members: &[String]) -> Write {
        let members = self.some(members, 100);
        let body = json!({ "GroupId": id, "MemberToDel_Account": members });
        write_group(
            "group_open_http_svc/delete_group_member",
            body,
            id,
            Fate::There,
            Facts {
                names: members,
                fate: Fate::Gone,
            },
        )
    }

    /// Some of these names that stand together: usually few, sometimes all there may be.
    fn some(&mut self, names: &[String], most: usize) -> Vec<String> {
        let most = *self.chance.pick(&[1, 1, 5, most]);
        let first = self.chance.between(0, names.len() - 1);
        names[first..].iter().take(most).cloned().collect()
    }
}

fn destroy_group(id: String) -> Write {
    let body = json!({ "GroupId": id });
    let none = Facts {
        names: Vec::new(),
        fate: Fate::Gone,
    };
    write_group("group_open_http_svc/destroy_group", body, id, Fate::Gone, none)
}

fn write_group(command: &'static str, body: Value, id: String, fate: Fate, members: Facts) -> Write {
    Write {
        command,
        body,
        accounts: Facts {
            names: Vec::new(),
            fate: Fate::There,
        },
        group: Some(GroupFacts { id, fate, members }),
    }
}

fn member_list(names: &[String]) -> Vec<Value> {
    let member = |name: &String| json!({ "Member_Account": name });
    names.iter().map(member).collect()
}
