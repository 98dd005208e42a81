//! What a writer was told, and whether the server still says so.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::rest::Connection;

/// What is known of an account, a group or a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    There,
    Gone,
    /// The server was killed before it answered.
    Either,
}

impl Fate {
    fn allows(self, found: Self) -> bool {
        self == Self::Either || self == found
    }
}

/// All that one writer was told. Whatever is not named here was never written.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) accounts: BTreeMap<String, Fate>,
    pub(crate) groups: BTreeMap<String, Group>,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) fate: Fate,
    pub(crate) members: BTreeMap<String, Fate>,
}

impl Group {
    pub(crate) fn with(&self, fate: Fate) -> Vec<String> {
        names_with(&self.members, fate)
    }
}

pub(crate) fn names_with(fates: &BTreeMap<String, Fate>, fate: Fate) -> Vec<String> {
    let with = fates.iter().filter(|(_, found)| **found == fate);
    with.map(|(name, _)| name.clone()).collect()
}

impl Truth {
    pub(crate) fn members_of(&self, group: &str) -> usize {
        let members = self.groups.get(group).map(|group| group.with(Fate::There));
        members.unwrap_or_default().len()
    }

    /// Asks the server about everything, takes up what was open, and tells what is not as it was answered.
    pub(crate) fn differences(&mut self, connection: &mut Connection) -> Vec<String> {
        let mut differences = Vec::new();
        ask_accounts(connection, &mut self.accounts, &mut differences);
        for (id, group) in &mut self.groups {
            ask_group(connection, id, group, &mut differences);
        }
        differences
    }
}

fn ask_accounts(
    connection: &mut Connection,
    accounts: &mut BTreeMap<String, Fate>,
    differences: &mut Vec<String>,
) {
    let names: Vec<_> = accounts.keys().cloned().collect();
    for some in names.chunks(100) {
        let items: Vec<_> = some.iter().map(|name| json!({ "UserID": name })).collect();
        let answer = connection.ok("im_open_login_svc/account_check", &json!({ "CheckItem": items }));
        for result in list(&answer, "ResultItem") {
            let found = fate(result["AccountStatus"] == "Imported");
            compare(accounts, text(result, "UserID"), found, "account", differences);
        }
    }
}

fn ask_group(connection: &mut Connection, id: &str, group: &mut Group, differences: &mut Vec<String>) {
    let found = fate(exists(connection, id));
    if !group.fate.allows(found) {
        differences.push(format!("group {id} was {:?} and is {found:?}", group.fate));
    }
    group.fate = found;
    if found == Fate::Gone {
        // Its members went with it.
        group.members.values_mut().for_each(|fate| *fate = Fate::Gone);
        return;
    }
    let names: Vec<_> = group.members.keys().cloned().collect();
    for some in names.chunks(500) {
        let body = json!({ "GroupId": id, "User_Account": some });
        let answer = connection.ok("group_open_http_svc/get_role_in_group", &body);
        for user in list(&answer, "UserIdList") {
            let found = fate(user["Role"] != "NotMember");
            let name = text(user, "Member_Account");
            compare(
                &mut group.members,
                name,
                found,
                &format!("member of {id}"),
                differences,
            );
        }
    }
    // The shared community has members of other writers too.
    let (shown, known) = (member_num(connection, id), group.with(Fate::There).len());
    if id != crate::SHARED && shown != known {
        differences.push(format!("group {id} shows {shown} members and has {known}"));
    }
}

fn compare(
    fates: &mut BTreeMap<String, Fate>,
    name: &str,
    found: Fate,
    what: &str,
    differences: &mut Vec<String>,
) {
    let told = fates.get_mut(name).expect("it answers what it was asked");
    if !told.allows(found) {
        differences.push(format!("{what} {name} was {told:?} and is {found:?}"));
    }
    *told = found;
}

fn exists(connection: &mut Connection, id: &str) -> bool {
    match group_info(connection, id)["ErrorCode"].as_i64() {
        Some(0) => true,
        Some(10010) => false,
        other => panic!("group {id} is neither there nor absent: {other:?}"),
    }
}

/// The number of members that a group shows.
pub(crate) fn member_num(connection: &mut Connection, id: &str) -> usize {
    let shown = group_info(connection, id)["MemberNum"].as_u64();
    usize::try_from(shown.expect("a group has MemberNum")).expect("a small number")
}

fn group_info(connection: &mut Connection, id: &str) -> Value {
    let body = json!({ "GroupIdList": [id], "ResponseFilter": { "GroupBaseInfoFilter": ["MemberNum"] } });
    connection.ok("group_open_http_svc/get_group_info", &body)["GroupInfo"][0].take()
}

fn fate(there: bool) -> Fate {
    if there { Fate::There } else { Fate::Gone }
}

fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().expect("the answer has the list")
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().expect("the item has the text")
}
