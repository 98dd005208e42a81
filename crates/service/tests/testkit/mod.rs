//! What these tests share: a service over a real store in a folder of its own, a clock that moves when
//! told to, seeded chance, and a directory that can be held, made to fail and changed from outside.

pub(crate) mod stage;
mod time;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use headcount_core::{App, Clock, GroupType, MultiLogin, Platform, Role, SdkAppId};
use headcount_directory::Directory;
use headcount_directory::sqlite::SqliteDirectory;
use headcount_service::{
    AddOutcome, Caller, CountError, CreateGroup, Credentials, Ending, Live, LoggedIn, LoginError,
    LoginRequest, Service, SessionEvent, Settings, Who,
};
use tempfile::TempDir;

pub(crate) use stage::Stage;
pub(crate) use time::{Dice, TestClock};

/// The app of most tests.
pub(crate) const APP: SdkAppId = SdkAppId(1_400_000_001);
/// Another tenant of the same server.
pub(crate) const OTHER: SdkAppId = SdkAppId(1_400_000_002);
/// The admin of both.
pub(crate) const ADMIN: &str = "administrator";
/// Where calls come from.
pub(crate) const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long the UserSigs of [`World::sign`] last.
pub(crate) const USERSIG_S: u64 = 86_400;

/// A service and all that it stands on.
pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) stage: Arc<Stage>,
    /// Removed when everything else is gone.
    _folder: TempDir,
}

/// An app as it is created.
pub(crate) fn app(sdkappid: SdkAppId, secret_key: String) -> App {
    App {
        sdkappid,
        name: String::from("test"),
        secret_key,
        admins: vec![ADMIN.to_owned()],
        region: None,
    }
}

/// The key that an app is created with.
pub(crate) fn key_of(sdkappid: SdkAppId) -> String {
    format!("the secret key of app {sdkappid}")
}

/// A group as the app's backend would describe it.
pub(crate) fn describe(group_type: GroupType, id: &str, members: &[&str]) -> CreateGroup {
    CreateGroup {
        group_type,
        id: Some(id.to_owned()),
        name: String::from("a name"),
        introduction: String::new(),
        notification: String::new(),
        face_url: String::new(),
        owner: None,
        members: members
            .iter()
            .map(|name| ((*name).to_owned(), Role::Member))
            .collect(),
        join_option: None,
        invite_option: None,
        members_max: None,
        support_topic: false,
        created_at_s: None,
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Why the service ended a session, if it did. Takes in what it was told before, as a client would.
pub(crate) fn ending(login: &LoggedIn) -> Option<Ending> {
    loop {
        let next = pin!(login.session.handle().next());
        match next.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(SessionEvent::Notice(_)) => {}
            Poll::Ready(SessionEvent::Ended(ending)) => return Some(ending),
            Poll::Pending => return None,
        }
    }
}

impl World {
    /// A world with these rules for several devices and this seed of its chance.
    pub(crate) async fn with(rules: MultiLogin, seed: u64) -> Arc<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let live = Live::new(rules);
        let stage = Stage::new(Arc::clone(&live));
        let store = SqliteDirectory::open(folder.path(), Arc::clone(&stage) as _).expect("the store opens");
        let clock = Arc::new(TestClock::new());
        for sdkappid in [APP, OTHER] {
            let created = store.create_app(app(sdkappid, key_of(sdkappid)), clock.wall_s());
            created.await.expect("an app");
        }
        let service = Service::new(
            Settings::default(),
            Arc::new(stage.over(store)),
            live,
            None,
            Arc::clone(&clock) as _,
            Arc::new(Dice::new(seed)),
        );
        service.refresh_apps().await.expect("the apps");
        Arc::new(Self {
            service,
            clock,
            stage,
            _folder: folder,
        })
    }

    /// An app's backend.
    pub(crate) fn backend(&self, sdkappid: SdkAppId) -> Caller {
        let app = self.service.app(sdkappid).expect("the app is known");
        Caller {
            who: Who::Admin(app.admin(ADMIN).expect("the app has an admin")),
            app,
        }
    }

    /// A UserSig issued now.
    pub(crate) fn sign(&self, sdkappid: SdkAppId, user: &str) -> String {
        let now_s = self.clock.wall_s();
        usersig::sign(&key_of(sdkappid), sdkappid.0, user, now_s, USERSIG_S, None)
    }

    pub(crate) async fn log_in_with(
        &self,
        sdkappid: SdkAppId,
        credentials: Credentials<'_>,
        platform: Platform,
    ) -> Result<LoggedIn, LoginError> {
        let request = LoginRequest {
            sdkappid,
            credentials,
            platform,
            peer: PEER,
        };
        self.service.login(&request).await
    }

    /// A login with a fresh UserSig.
    pub(crate) async fn try_log_in(&self, user: &str, platform: Platform) -> Result<LoggedIn, LoginError> {
        let usersig = self.sign(APP, user);
        let credentials = Credentials::UserSig {
            identifier: user,
            usersig: &usersig,
        };
        self.log_in_with(APP, credentials, platform).await
    }

    /// A login in a browser that has to succeed.
    pub(crate) async fn log_in(&self, user: &str) -> LoggedIn {
        self.try_log_in(user, Platform::Web).await.expect("a login")
    }

    /// The return of an earlier login.
    pub(crate) async fn come_back(&self, a2: &str, tiny_id: u64) -> Result<LoggedIn, LoginError> {
        self.log_in_with(APP, Credentials::A2 { a2, tiny_id }, Platform::Web)
            .await
    }

    /// Makes accounts exist.
    pub(crate) async fn import(&self, sdkappid: SdkAppId, users: &[&str]) {
        let backend = self.backend(sdkappid);
        let accounts = users.iter().map(|&user| (user.to_owned(), None, None)).collect();
        let failed = self.service.import_accounts(&backend, accounts).await;
        assert_eq!(failed, Ok(vec![]));
    }

    /// A community with these members, whose accounts are made first.
    pub(crate) async fn community(&self, id: &str, members: &[&str]) {
        self.import(APP, members).await;
        let community = describe(GroupType::Community, id, members);
        let created = self.service.create_group(&self.backend(APP), community).await;
        created.expect("a community");
    }

    pub(crate) async fn add(&self, id: &str, user: &str) {
        let backend = self.backend(APP);
        let added = self.service.add_members(&backend, id, &names(&[user])).await;
        assert_eq!(added, Ok(vec![AddOutcome::Added]));
    }

    pub(crate) async fn remove(&self, id: &str, user: &str) {
        let backend = self.backend(APP);
        let removed = self.service.remove_members(&backend, id, &names(&[user])).await;
        assert_eq!(removed, Ok(()));
    }

    pub(crate) async fn dissolve(&self, id: &str) {
        let dissolved = self.service.dissolve_group(&self.backend(APP), id).await;
        assert_eq!(dissolved, Ok(()));
    }

    pub(crate) async fn delete(&self, user: &str) {
        let backend = self.backend(APP);
        let deleted = self.service.delete_accounts(&backend, &names(&[user])).await;
        assert_eq!(deleted, Ok(vec![true]));
    }

    /// Kicks, and lets the second pass once the kick is committed.
    pub(crate) async fn kick(&self, user: &str) {
        let committed = self.stage.hold("revoke_usersigs");
        let backend = self.backend(APP);
        let passes = async {
            committed.reached().await;
            committed.release();
            self.clock.advance_s(1);
        };
        let (kicked, ()) = tokio::join!(self.service.kick(&backend, user), passes);
        assert_eq!(kicked, Ok(()));
    }

    /// The number, as the doors ask for it: from memory when the group is known.
    pub(crate) async fn try_count(&self, id: &str) -> Result<u32, CountError> {
        let backend = self.backend(APP);
        match self.service.known_online_member_num(&backend, id, |_| true) {
            Some(known) => known,
            None => self.service.online_member_num(&backend, id, |_| true).await,
        }
    }

    pub(crate) async fn count(&self, id: &str) -> u32 {
        self.try_count(id).await.expect("a count")
    }

    /// Every running number equals a recount from rows and sessions.
    pub(crate) async fn audit(&self) {
        let report = self.service.audit().await.expect("the audit ends");
        assert_eq!(report.differences, [], "the audit");
    }
}
