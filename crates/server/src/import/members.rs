//! `headcount import members`.

use std::collections::HashMap;
use std::process::ExitCode;

use clap::Args;
use headcount_core::limits::IMPORT_GROUPS_MAX;
use headcount_core::{GroupId, GroupKey, Role, UserId};
use headcount_directory::StoreError;
use headcount_directory::sqlite::{BulkImport, BulkMember, BulkRefusal, UnknownAccount};

use super::Source;
use super::batches::{self, Batch};
use super::report::{Done, Report};
use super::table::{Column, Fault, Row, Table};
use crate::Failure;

const MEMBER: Column = Column::required("Member_Account");
const ROLE: Column = Column::optional("Role");
const JOIN_TIME: Column = Column::optional("JoinTime");
/// The columns of members of the group that `--group` names.
const ONE_GROUP: &[Column] = &[MEMBER, ROLE, JOIN_TIME];
const MANY_GROUPS: &[Column] = &[MEMBER, ROLE, JOIN_TIME, Column::required("GroupId")];

#[derive(Args, Debug)]
pub(crate) struct MembersFlags {
    #[command(flatten)]
    source: Source,
    /// The group of all members; without it, each line names its own.
    #[arg(long)]
    group: Option<String>,
    /// Make the accounts of members who have none.
    #[arg(long)]
    create_accounts: bool,
}

/// A line, before its group is looked up.
struct Line {
    group: GroupId,
    user: UserId,
    role: Role,
    joined_at_s: Option<u64>,
}

/// What the members of a group are checked against, or why it takes none.
type Place = Result<(GroupKey, u64), &'static str>;

pub(super) fn run(flags: &MembersFlags) -> Result<ExitCode, Failure> {
    let one = match &flags.group {
        Some(id) => Some(GroupId::parse(id).map_err(|error| Failure(format!("--group {id:?}: {error}")))?),
        None => None,
    };
    let columns = if one.is_some() { ONE_GROUP } else { MANY_GROUPS };
    let table = Table::open(&flags.source, columns)?;
    let mut import = flags.source.open()?;
    let unknown = if flags.create_accounts {
        UnknownAccount::Made
    } else {
        UnknownAccount::Refused
    };
    let mut report = Report::begin("members");
    let mut places = HashMap::new();
    let parse = move |row: &Row<'_>| line(row, one.as_ref());
    batches::each(table, parse, |batch| {
        let lines = batch.len();
        let (done, faults) = write(&mut import, &mut places, batch, unknown, report.now_s())?;
        report.batch(lines, done, faults);
        Ok(())
    })?;
    drop(import);
    Ok(report.end())
}

fn line(row: &Row<'_>, one: Option<&GroupId>) -> Result<Line, String> {
    let group = match one {
        Some(group) => group.clone(),
        None => GroupId::parse(row.required(3)?).map_err(|error| error.to_string())?,
    };
    let given_role = |name: &str| Role::from_wire(name).filter(|role| *role != Role::Owner);
    Ok(Line {
        group,
        user: UserId::parse(row.required(0)?).map_err(|error| error.to_string())?,
        role: row
            .read(1, "Member or Admin", given_role)?
            .unwrap_or(Role::Member),
        joined_at_s: row.read(2, "a time in Unix seconds", |time| time.parse().ok())?,
    })
}

/// Writes a batch; what is left are its faults.
fn write(
    import: &mut BulkImport,
    places: &mut HashMap<GroupId, Place>,
    batch: Batch<Line>,
    unknown: UnknownAccount,
    now_s: u64,
) -> Result<(Done, Vec<Fault>), Failure> {
    let Batch {
        lines,
        rows,
        mut faults,
    } = batch;
    let mut members = Vec::with_capacity(rows.len());
    let mut member_lines = Vec::with_capacity(rows.len());
    for (number, row) in lines.into_iter().zip(rows) {
        match member(import, places, row, now_s).map_err(Failure::new)? {
            Ok(member) => {
                members.push(member);
                member_lines.push(number);
            }
            Err(reason) => faults.push(Fault { line: number, reason }),
        }
    }
    let outcome = import.members(&members, unknown, now_s).map_err(Failure::new)?;
    faults.extend(outcome.refused.iter().map(|&(place, refusal)| Fault {
        line: member_lines[place],
        reason: refused(refusal, members[place].user.as_str()),
    }));
    Ok((Done::from(&outcome), faults))
}

fn member(
    import: &BulkImport,
    places: &mut HashMap<GroupId, Place>,
    line: Line,
    now_s: u64,
) -> Result<Result<BulkMember, String>, StoreError> {
    let known = places.get(&line.group).copied();
    let place = known.map_or_else(|| look_up(import, places, &line.group), Ok)?;
    let (group, created_at_s) = match place {
        Ok(place) => place,
        Err(reason) => return Ok(Err(format!("GroupId {:?}: {reason}", line.group.as_str()))),
    };
    let joined_at_s = line.joined_at_s.unwrap_or(now_s);
    // One that joins now is in time, also where the group's clock was ahead.
    if line.joined_at_s.is_some() && !(created_at_s..=now_s).contains(&joined_at_s) {
        let reason = "must not be before the group's CreateTime nor in the future";
        return Ok(Err(format!("JoinTime {joined_at_s} {reason}")));
    }
    Ok(Ok(BulkMember {
        group,
        user: line.user,
        role: line.role,
        joined_at_s,
    }))
}

fn look_up(
    import: &BulkImport,
    places: &mut HashMap<GroupId, Place>,
    id: &GroupId,
) -> Result<Place, StoreError> {
    let found = match import.group(id)? {
        None => Err("there is no such group; create or import it first"),
        Some(group) if !group.group_type.stores_members() => {
            Err("an AVChatRoom is entered by its users themselves")
        }
        Some(group) => Ok((group.key, group.created_at_s)),
    };
    if places.len() >= IMPORT_GROUPS_MAX {
        places.clear();
    }
    places.insert(id.clone(), found);
    Ok(found)
}

fn refused(refusal: BulkRefusal, user: &str) -> String {
    match refusal {
        BulkRefusal::GroupGone => "the group is gone".to_owned(),
        BulkRefusal::AccountAbsent => {
            format!("Member_Account {user:?} has no account; import it first, or give --create-accounts")
        }
        BulkRefusal::Full => format!(
            "Member_Account {user:?} finds no room: the group has as many members as its MaxMemberCount"
        ),
    }
}
