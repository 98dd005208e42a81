//! The recount from first principles: every running number against the rows and sessions it stands for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use headcount_core::{AccountKey, GroupKey, SdkAppId};
use headcount_directory::{Snapshot, StoreError};
use headcount_presence::Cut;

use crate::service::Service;

/// One number that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The app, where it is known.
    pub sdkappid: Option<SdkAppId>,
    /// The group's id, or its key when it has none any more.
    pub group: String,
    /// Which number: `MemberNum` or `OnlineMemberNum`.
    pub number: &'static str,
    /// What the server shows.
    pub shown: u32,
    /// What a recount gives.
    pub counted: u32,
}

/// What a recount found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Living groups recounted.
    pub groups: u64,
    /// Memberships looked at.
    pub memberships: u64,
    /// Accounts online at the moment of the recount.
    pub online: u64,
    /// What differs; empty when every number is right.
    pub differences: Vec<Difference>,
}

#[derive(Clone, Copy, Default)]
struct Recount {
    members: u32,
    online: u32,
}

impl Service {
    /// Recounts every group at one moment: members from their rows, members online from the rows and the
    /// live sessions. The server goes on meanwhile; only the moment itself is taken under its locks.
    pub async fn audit(&self) -> Result<AuditReport, StoreError> {
        let cut = Arc::new(Mutex::new(Cut::default()));
        let at_cut = {
            let (cut, live) = (Arc::clone(&cut), Arc::clone(&self.live));
            Box::new(move || {
                *cut.lock().unwrap_or_else(PoisonError::into_inner) = live.presence().cut();
            })
        };
        let snapshot = self.directory.cut(at_cut).await?;
        let recounted = tokio::task::spawn_blocking(move || {
            let cut = std::mem::take(&mut *cut.lock().unwrap_or_else(PoisonError::into_inner));
            recount(snapshot, &cut)
        });
        recounted
            .await
            .map_err(|error| StoreError(format!("the recount did not finish: {error}")))?
    }
}

fn recount(mut snapshot: Box<dyn Snapshot>, cut: &Cut) -> Result<AuditReport, StoreError> {
    let online: HashSet<AccountKey> = cut.online.iter().copied().collect();
    let mut recounts: HashMap<GroupKey, Recount> = HashMap::new();
    let mut memberships = 0;
    snapshot.memberships(&mut |group, account| {
        memberships += 1;
        let recount = recounts.entry(group).or_default();
        recount.members += 1;
        recount.online += u32::from(online.contains(&account));
    })?;
    for (room, account) in &cut.rooms {
        recounts.entry(*room).or_default().online += u32::from(online.contains(account));
    }

    let mut report = AuditReport {
        memberships,
        online: online.len() as u64,
        ..AuditReport::default()
    };
    let mut running: HashMap<GroupKey, u32> = cut.counts.iter().copied().collect();
    snapshot.groups(&mut |key, app, id, member_num| {
        report.groups += 1;
        let recount = recounts.get(&key).copied().unwrap_or_default();
        let online_num = running.remove(&key).unwrap_or(0);
        let numbers = [
            ("MemberNum", member_num, recount.members),
            ("OnlineMemberNum", online_num, recount.online),
        ];
        for (number, shown, counted) in numbers.into_iter().filter(|(_, shown, counted)| shown != counted) {
            let difference = Difference {
                sdkappid: Some(app),
                group: id.to_owned(),
                number,
                shown,
                counted,
            };
            report.differences.push(difference);
        }
    })?;
    // What is left belongs to no living group, so nobody can be online in it.
    for (key, shown) in running.into_iter().filter(|(_, shown)| *shown > 0) {
        let group = format!("group number {}", key.0);
        let difference = Difference {
            sdkappid: None,
            group,
            number: "OnlineMemberNum",
            shown,
            counted: 0,
        };
        report.differences.push(difference);
    }
    Ok(report)
}
