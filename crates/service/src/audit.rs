//! The recount from first principles: every running number against the rows and sessions it stands for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headcount_core::limits::{AUDIT_RETRY_MS, AUDIT_TRIES_MAX};
use headcount_core::{AccountKey, GroupKey, Platform, PlatformSet, SdkAppId};
use headcount_directory::{Snapshot, StoreError};
use headcount_presence::{Cut, Numbers};

use crate::service::Service;

/// One number that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The app, where it is known.
    pub sdkappid: Option<SdkAppId>,
    /// The group's id, or its key when it has none any more.
    pub group: String,
    /// Which number: `MemberNum`, `OnlineMemberNum`, or that of one platform, as `OnlineMemberNum of Web`.
    pub number: String,
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
    running: Numbers,
}

impl Recount {
    /// One more account counts here, if it is on any platform.
    fn add(&mut self, platforms: PlatformSet) {
        self.running.online += u32::from(!platforms.is_empty());
        for platform in platforms.iter() {
            self.running.by_platform[platform.index()] += 1;
        }
    }
}

impl Service {
    /// Recounts every group at one moment: members from their rows, members online, in all and on each
    /// platform, from the rows and the live sessions of all nodes, as this one knows them. The server goes
    /// on meanwhile; only the moment itself is taken under its locks.
    pub async fn audit(&self) -> Result<AuditReport, StoreError> {
        let mut tries = 1;
        let (snapshot, cut) = loop {
            let (snapshot, cut) = self.freeze().await?;
            // A node that was ahead told of memberships that this one reads of within moments.
            if !cut.ahead || tries >= AUDIT_TRIES_MAX {
                break (snapshot, cut);
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(AUDIT_RETRY_MS)).await;
        };
        let recounted = tokio::task::spawn_blocking(move || recount(snapshot, &cut));
        recounted
            .await
            .map_err(|error| StoreError(format!("the recount did not finish: {error}")))?
    }

    /// The rows and the sessions of one moment.
    async fn freeze(&self) -> Result<(Box<dyn Snapshot>, Cut), StoreError> {
        let cut = Arc::new(Mutex::new(Cut::default()));
        let at_cut = {
            let (cut, live) = (Arc::clone(&cut), Arc::clone(&self.live));
            Box::new(move || {
                *cut.lock().unwrap_or_else(PoisonError::into_inner) = live.presence().cut();
            })
        };
        let snapshot = self.directory.cut(at_cut).await?;
        let cut = std::mem::take(&mut *cut.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((snapshot, cut))
    }
}

fn recount(mut snapshot: Box<dyn Snapshot>, cut: &Cut) -> Result<AuditReport, StoreError> {
    let online: HashMap<AccountKey, PlatformSet> = cut.online.iter().copied().collect();
    let platforms_of = |account: &AccountKey| online.get(account).copied().unwrap_or_default();
    let mut recounts: HashMap<GroupKey, Recount> = HashMap::new();
    let mut memberships = 0;
    snapshot.memberships(&mut |group, account| {
        memberships += 1;
        let recount = recounts.entry(group).or_default();
        recount.members += 1;
        recount.add(platforms_of(&account));
    })?;
    for (room, account) in &cut.rooms {
        recounts.entry(*room).or_default().add(platforms_of(account));
    }

    let mut report = AuditReport {
        memberships,
        online: online.len() as u64,
        ..AuditReport::default()
    };
    let mut running: HashMap<GroupKey, Numbers> = cut.counts.iter().copied().collect();
    snapshot.groups(&mut |key, app, id, member_num| {
        report.groups += 1;
        let recount = recounts.get(&key).copied().unwrap_or_default();
        let shown = running.remove(&key).unwrap_or_default();
        if member_num != recount.members {
            report.differences.push(Difference {
                sdkappid: Some(app),
                group: id.to_owned(),
                number: "MemberNum".to_owned(),
                shown: member_num,
                counted: recount.members,
            });
        }
        report.compare(Some(app), id, shown, recount.running);
    })?;
    // What is left belongs to no living group, so nobody can be online in it.
    for (key, shown) in running {
        report.compare(
            None,
            &format!("group number {}", key.0),
            shown,
            Numbers::default(),
        );
    }
    Ok(report)
}

impl AuditReport {
    /// Notes which of a group's running numbers are not what they should be.
    fn compare(&mut self, sdkappid: Option<SdkAppId>, group: &str, shown: Numbers, counted: Numbers) {
        let mut compare = |number: String, shown, counted| {
            if shown != counted {
                self.differences.push(Difference {
                    sdkappid,
                    group: group.to_owned(),
                    number,
                    shown,
                    counted,
                });
            }
        };
        if shown == counted {
            return;
        }
        compare("OnlineMemberNum".to_owned(), shown.online, counted.online);
        for platform in Platform::ALL {
            let at = platform.index();
            let number = format!("OnlineMemberNum of {}", platform.wire_name());
            compare(number, shown.by_platform[at], counted.by_platform[at]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One community of accounts 1 to 3, and what it shows as its MemberNum.
    struct Frozen(u32);

    impl Snapshot for Frozen {
        fn groups(&mut self, each: &mut dyn FnMut(GroupKey, SdkAppId, &str, u32)) -> Result<(), StoreError> {
            each(GroupKey(7), SdkAppId(1), "fans", self.0);
            Ok(())
        }

        fn memberships(&mut self, each: &mut dyn FnMut(GroupKey, AccountKey)) -> Result<(), StoreError> {
            (1..=3).for_each(|account| each(GroupKey(7), AccountKey(account)));
            Ok(())
        }
    }

    fn differences(members: u32, edit: impl FnOnce(&mut Cut)) -> Vec<(String, u32, u32)> {
        let on = |platforms: &[Platform]| platforms.iter().copied().collect::<PlatformSet>();
        let mut running = Numbers {
            online: 2,
            ..Numbers::default()
        };
        running.by_platform[Platform::Web.index()] = 2;
        running.by_platform[Platform::Mac.index()] = 1;
        let mut cut = Cut {
            online: vec![
                (AccountKey(1), on(&[Platform::Web, Platform::Mac])),
                (AccountKey(2), on(&[Platform::Web])),
                (AccountKey(9), on(&[Platform::IPad])),
            ],
            counts: vec![(GroupKey(7), running)],
            rooms: Vec::new(),
            ahead: false,
        };
        edit(&mut cut);
        let report = recount(Box::new(Frozen(members)), &cut).unwrap();
        assert_eq!((report.groups, report.memberships, report.online), (1, 3, 3));
        let differences = report.differences.into_iter();
        differences
            .map(|found| (found.number, found.shown, found.counted))
            .collect()
    }

    #[test]
    fn each_number_that_is_wrong_is_named() {
        assert_eq!(differences(3, |_| {}), []);
        assert_eq!(differences(4, |_| {}), [("MemberNum".to_owned(), 4, 3)]);
        let online = differences(3, |cut| cut.counts[0].1.online = 3);
        assert_eq!(online, [("OnlineMemberNum".to_owned(), 3, 2)]);
        let mac = differences(3, |cut| cut.counts[0].1.by_platform[Platform::Mac.index()] = 0);
        assert_eq!(mac, [("OnlineMemberNum of Mac".to_owned(), 0, 1)]);
        let gone = differences(3, |cut| {
            let mut running = Numbers::default();
            running.by_platform[Platform::Web.index()] = 1;
            cut.counts.push((GroupKey(8), running));
        });
        assert_eq!(gone, [("OnlineMemberNum of Web".to_owned(), 1, 0)]);
    }
}
