//! `headcount import groups`: by the rules of import_group over REST, which are the service's.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use headcount_core::limits::IMPORT_GROUPS_AT_ONCE;
use headcount_core::{GroupType, InviteOption, JoinOption};
use headcount_directory::sqlite::SqliteDirectory;
use headcount_service::{AdminNumber, Caller, CreateGroup, CreateGroupError, Live, Service, Who};
use tokio::task::JoinSet;

use super::report::{Done, Report};
use super::table::{Column, Fault, Row, Table};
use super::{Source, batches};
use crate::Failure;
use crate::clock::{SystemClock, SystemEntropy};
use crate::config::{Config, ServeFlags};

const COLUMNS: &[Column] = &[
    Column::required("GroupId"),
    Column::required("Type"),
    Column::required("Name"),
    Column::optional("Owner_Account"),
    Column::optional("Introduction"),
    Column::optional("Notification"),
    Column::optional("FaceUrl"),
    Column::optional("MaxMemberCount"),
    Column::optional("ApplyJoinOption"),
    Column::optional("InviteJoinOption"),
    Column::optional("SupportTopic"),
    Column::optional("CreateTime"),
];
const ID: usize = 0;
const TYPE: usize = 1;
const NAME: usize = 2;
const OWNER: usize = 3;
const INTRODUCTION: usize = 4;
const NOTIFICATION: usize = 5;
const FACE_URL: usize = 6;
const MEMBERS_MAX: usize = 7;
const JOIN_OPTION: usize = 8;
const INVITE_OPTION: usize = 9;
const SUPPORT_TOPIC: usize = 10;
const CREATED: usize = 11;

#[derive(Args, Debug)]
pub(crate) struct GroupsFlags {
    #[command(flatten)]
    source: Source,
    /// The server's TOML file with settings: it may bound the members of a group.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// How the import of one group ended.
type Ended = Result<(), CreateGroupError>;

pub(super) fn run(flags: &GroupsFlags) -> Result<ExitCode, Failure> {
    let table = Table::open(&flags.source, COLUMNS)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    let (service, caller) = runtime.block_on(open(flags))?;
    let mut report = Report::begin("groups");
    let now_s = report.now_s();
    batches::each(
        table,
        move |row| group(row, now_s),
        |mut batch| {
            let lines = batch.len();
            let mut done = Done::default();
            let mut rows = batch.lines.into_iter().zip(batch.rows);
            loop {
                let some: Vec<_> = rows.by_ref().take(IMPORT_GROUPS_AT_ONCE).collect();
                if some.is_empty() {
                    break;
                }
                let created = runtime.block_on(create(&service, &caller, some));
                for (line, owned, ended) in created {
                    if let Some(reason) = count(&mut done, owned, ended)? {
                        batch.faults.push(Fault { line, reason });
                    }
                }
            }
            report.batch(lines, done, batch.faults);
            Ok(())
        },
    )?;
    // The directory finishes when nobody has the service any more.
    drop((caller, service));
    Ok(report.end())
}

/// A service that nobody is connected to: the same checks and the same writes as over REST.
async fn open(flags: &GroupsFlags) -> Result<(Arc<Service>, Caller), Failure> {
    let mut settings = ServeFlags::default();
    settings.config.clone_from(&flags.config);
    let config = Config::load(&settings)?;
    let source = &flags.source;
    source.check()?;
    let live = Live::new(config.multi_login());
    let directory = SqliteDirectory::open(&source.data_dir, Arc::clone(&live) as _)
        .map_err(|error| Source::failed(&error))?;
    let service = Service::new(
        config.service(),
        Arc::new(directory),
        live,
        None,
        Arc::new(SystemClock::new()),
        Arc::new(SystemEntropy),
    );
    service.refresh_apps().await.map_err(Failure::new)?;
    let app = service
        .app(source.app())
        .ok_or_else(|| Failure::new("the app is gone"))?;
    let who = Who::Admin(AdminNumber::FIRST);
    Ok((service, Caller { app, who }))
}

fn group(row: &Row<'_>, now_s: u64) -> Result<CreateGroup, String> {
    let id = row.required(ID)?.to_owned();
    let group_type = GroupType::from_wire(row.required(TYPE)?).ok_or_else(|| {
        let name = row.get(TYPE).unwrap_or_default();
        format!("Type {name:?} is not Private, Public, ChatRoom or Community")
    })?;
    if group_type == GroupType::AvChatRoom {
        return Err("an AVChatRoom has nothing to import: create it".to_owned());
    }
    let text = |column| row.get(column).unwrap_or_default().to_owned();
    let created_at_s = row
        .read(CREATED, "a time in Unix seconds", |time| time.parse().ok())?
        .filter(|&at_s| at_s > 0)
        .unwrap_or(now_s);
    if created_at_s > now_s {
        return Err("CreateTime is in the future".to_owned());
    }
    let option = "one of its options";
    Ok(CreateGroup {
        group_type,
        id: Some(id),
        name: text(NAME),
        introduction: text(INTRODUCTION),
        notification: text(NOTIFICATION),
        face_url: text(FACE_URL),
        owner: row.get(OWNER).map(str::to_owned),
        members: Vec::new(),
        join_option: row.read(JOIN_OPTION, option, JoinOption::from_wire)?,
        invite_option: row.read(INVITE_OPTION, option, InviteOption::from_wire)?,
        members_max: row.read(MEMBERS_MAX, "a number of members", |most| most.parse().ok())?,
        support_topic: row
            .read(SUPPORT_TOPIC, "0 or 1", |flag| match flag {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })?
            .unwrap_or(false),
        created_at_s: Some(created_at_s),
    })
}

/// Creates groups at once, so that they share syncs of the disk. Tells of each, in the order of the lines,
/// whether it names an owner and how it ended.
async fn create(
    service: &Arc<Service>,
    caller: &Caller,
    groups: Vec<(u64, CreateGroup)>,
) -> Vec<(u64, bool, Ended)> {
    let mut under_way = JoinSet::new();
    for (line, group) in groups {
        let (service, caller) = (Arc::clone(service), caller.clone());
        let owned = group.owner.is_some();
        under_way.spawn(async move {
            let ended = service.create_group(&caller, group).await;
            (line, owned, ended.map(|_| ()))
        });
    }
    let mut ended = under_way.join_all().await;
    ended.sort_by_key(|(line, ..)| *line);
    ended
}

/// Counts how the import of a group ended; why it was refused, if it was.
fn count(done: &mut Done, owned: bool, ended: Ended) -> Result<Option<String>, Failure> {
    let reason = match ended {
        Ok(()) => {
            done.added += 1;
            return Ok(None);
        }
        Err(CreateGroupError::IdTaken { by_same_owner }) if by_same_owner || !owned => {
            done.present += 1;
            return Ok(None);
        }
        Err(CreateGroupError::Store(error)) => return Err(Failure::new(error)),
        Err(CreateGroupError::IdTaken { .. }) => "GroupId is taken by a group of another owner".to_owned(),
        Err(CreateGroupError::Length { field, bytes_max }) => {
            format!("{field} is longer than {bytes_max} bytes")
        }
        Err(CreateGroupError::BadId(reason)) => reason.to_string(),
        Err(CreateGroupError::Parameter(info) | CreateGroupError::NotPermitted(info)) => info.to_owned(),
        Err(CreateGroupError::AccountAbsent(name)) => {
            format!("Owner_Account {name:?} has no account; import it first")
        }
        Err(CreateGroupError::MemberLimit) => "MaxMemberCount leaves no room for the owner".to_owned(),
        Err(CreateGroupError::Quota | CreateGroupError::TooManyMembers) => {
            "the app's admin may not create it".to_owned()
        }
    };
    Ok(Some(reason))
}
