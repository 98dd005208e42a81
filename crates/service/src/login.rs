//! Logging in: from credentials to an open session.

use std::net::IpAddr;
use std::sync::Arc;

use headcount_core::{Platform, SdkAppId, TinyId, UserId};
use headcount_directory::{LoginFacts, StoreError};
use headcount_presence::{Arrival, NewSession, Refused};
use tokio::sync::oneshot;

use crate::a2::A2;
use crate::apps::AppEntry;
use crate::authenticate::{AuthError, AuthenticatedCall};
use crate::caller::{Caller, Who};
use crate::live::PendingLogin;
use crate::service::Service;
use crate::session::{LiveSession, Reach, SessionHandle};

/// A wish to log in.
#[derive(Clone, Copy, Debug)]
pub struct LoginRequest<'a> {
    /// The app.
    pub sdkappid: SdkAppId,
    /// What proves who it is.
    pub credentials: Credentials<'a>,
    /// The kind of device; a return keeps the one of its login.
    pub platform: Platform,
    /// Where the connection comes from.
    pub peer: IpAddr,
}

/// What proves who logs in.
#[derive(Clone, Copy, Debug)]
pub enum Credentials<'a> {
    /// A UserSig: a fresh login.
    UserSig {
        /// The user's name.
        identifier: &'a str,
        /// The UserSig.
        usersig: &'a str,
    },
    /// What an earlier login handed out: its return on a new connection.
    A2 {
        /// The A2 of that login.
        a2: &'a str,
        /// The TinyId of that login.
        tiny_id: u64,
    },
}

/// A user is logged in, and online for as long as `session` lives.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who, as a caller of commands.
    pub caller: Caller,
    /// The account's public number.
    pub tiny_id: TinyId,
    /// The credential to return with.
    pub a2: String,
    /// The instance: the same on every return.
    pub instance: u32,
    /// The kind of device.
    pub platform: Platform,
    /// The session.
    pub session: LiveSession,
}

/// Why a login was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The credentials are not good.
    Auth(AuthError),
    /// The user's name is no UserID.
    BadUserId,
    /// A return with an A2 that was not signed here, is another account's, has expired, was revoked, or
    /// whose account is gone.
    A2Invalid,
    /// A return whose place newer logins have taken.
    NewerLogin,
    /// The account was deleted meanwhile.
    AccountAbsent,
}

impl From<StoreError> for LoginError {
    fn from(error: StoreError) -> Self {
        Self::Auth(AuthError::Store(error))
    }
}

impl From<AuthError> for LoginError {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

/// What was proven of whoever comes.
struct Proven {
    instance: u32,
    platform: Platform,
    usersig_issued_at_s: u64,
    expires_at_s: u64,
    arrival: Arrival,
    /// What it is told when its account is gone.
    absent: LoginError,
    /// What it is told when its UserSig was revoked.
    revoked: LoginError,
}

impl Service {
    /// Logs a user in. A user who logs in for the first time gets an account. Older sessions that do not
    /// go together with this one are ended.
    pub async fn login(&self, request: &LoginRequest<'_>) -> Result<LoggedIn, LoginError> {
        let entry = self.home_app(request.sdkappid)?;
        match request.credentials {
            Credentials::UserSig { identifier, usersig } => {
                let proven = self.prove_usersig(&entry, request, identifier, usersig)?;
                let user = UserId::parse(identifier).map_err(|_| LoginError::BadUserId)?;
                let (pending, facts) = self.announced_facts(request.sdkappid, user).await?;
                self.open_session(entry, proven, pending, facts)
            }
            Credentials::A2 { a2, tiny_id } => {
                let a2 = self.read_a2(&entry, a2, tiny_id).ok_or(LoginError::A2Invalid)?;
                let pending = PendingLogin::start(&self.live, a2.account);
                let facts = self.directory.login_facts(a2.account).await?;
                let facts = facts.ok_or(LoginError::A2Invalid)?;
                self.open_session(entry, returning(&a2), pending, facts)
            }
        }
    }

    fn prove_usersig(
        &self,
        entry: &AppEntry,
        request: &LoginRequest<'_>,
        identifier: &str,
        usersig: &str,
    ) -> Result<Proven, LoginError> {
        let call = AuthenticatedCall {
            sdkappid: request.sdkappid,
            identifier,
            usersig,
            peer: request.peer,
        };
        let held = self.check_usersig(entry, &call)?;
        // Truncated on purpose: an instance is any number, and 0 means none in the client's heads.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any 32 of the random bits will do"
        )]
        let instance = (self.entropy.next_u64() as u32).max(1);
        Ok(Proven {
            instance,
            platform: request.platform,
            usersig_issued_at_s: held.issued_at_s,
            expires_at_s: held.expires_at_s,
            arrival: Arrival::Login {
                now_ms: self.clock.wall_ms(),
            },
            absent: LoginError::AccountAbsent,
            revoked: LoginError::Auth(AuthError::Revoked),
        })
    }

    /// What the directory knows of a user, and the login that was announced before it was read.
    async fn announced_facts(
        &self,
        sdkappid: SdkAppId,
        user: UserId,
    ) -> Result<(PendingLogin, LoginFacts), LoginError> {
        let (announced, pending) = oneshot::channel();
        let live = Arc::clone(&self.live);
        let announce = Box::new(move |account| {
            // A login that was given up meanwhile gives its announcement up here.
            drop(announced.send(PendingLogin::start(&live, account)));
        });
        let login = self
            .directory
            .login(sdkappid, user, self.clock.wall_s(), announce);
        let facts = login.await?.ok_or(LoginError::AccountAbsent)?;
        let pending = pending
            .await
            .map_err(|_| StoreError("the directory announced no login".to_owned()))?;
        Ok((pending, facts))
    }

    fn read_a2(&self, entry: &AppEntry, a2: &str, tiny_id: u64) -> Option<A2> {
        let a2 = A2::verify(a2, &entry.a2_key)?;
        let fits = TinyId::from(a2.account) == TinyId(tiny_id) && a2.expires_at_s >= self.clock.wall_s();
        fits.then_some(a2)
    }

    fn open_session(
        &self,
        entry: Arc<AppEntry>,
        proven: Proven,
        pending: PendingLogin,
        facts: LoginFacts,
    ) -> Result<LoggedIn, LoginError> {
        let LoginFacts { account, groups } = facts;
        if account.usersigs_void_to_s >= Some(proven.usersig_issued_at_s) {
            return Err(proven.revoked);
        }
        let handle = Arc::new(SessionHandle::default());
        let key = self.live.next_session();
        let new = NewSession {
            key,
            instance: proven.instance,
            platform: proven.platform,
            usersig_issued_at_s: proven.usersig_issued_at_s,
            arrival: proven.arrival,
            opened_at_ms: self.clock.wall_ms(),
            handle: Reach::Here(Arc::clone(&handle)),
        };
        let opened = pending.open(new, groups).map_err(|refused| match refused {
            Refused::AccountDeleted => proven.absent,
            Refused::UserSigRevoked => proven.revoked,
            Refused::NewerLogin => LoginError::NewerLogin,
        })?;
        let session = LiveSession::new(Arc::clone(&self.live), account.key, key, handle);
        let a2 = A2 {
            account: account.key,
            instance: proven.instance,
            platform: proven.platform,
            login_at_ms: opened.login_at_ms,
            usersig_issued_at_s: proven.usersig_issued_at_s,
            expires_at_s: proven.expires_at_s,
        };
        Ok(LoggedIn {
            tiny_id: account.key.into(),
            a2: a2.sign(&entry.a2_key),
            instance: proven.instance,
            platform: proven.platform,
            caller: Caller {
                app: entry,
                who: Who::User {
                    account: account.key,
                    user: account.user,
                },
            },
            session,
        })
    }

    /// The user behind an A2, without a login: a client repeats what was under way when its connection
    /// dropped before it logs in again.
    pub async fn caller_of_a2(
        &self,
        sdkappid: SdkAppId,
        a2: &str,
        tiny_id: u64,
    ) -> Result<Caller, LoginError> {
        let entry = self.home_app(sdkappid)?;
        let a2 = self.read_a2(&entry, a2, tiny_id).ok_or(LoginError::A2Invalid)?;
        let facts = self
            .directory
            .login_facts(a2.account)
            .await?
            .ok_or(LoginError::A2Invalid)?;
        if facts.account.usersigs_void_to_s >= Some(a2.usersig_issued_at_s) {
            return Err(LoginError::A2Invalid);
        }
        Ok(Caller {
            app: entry,
            who: Who::User {
                account: a2.account,
                user: facts.account.user,
            },
        })
    }
}

/// What an A2 proves of a client that comes back.
fn returning(a2: &A2) -> Proven {
    Proven {
        instance: a2.instance,
        platform: a2.platform,
        usersig_issued_at_s: a2.usersig_issued_at_s,
        expires_at_s: a2.expires_at_s,
        arrival: Arrival::Return {
            login_at_ms: a2.login_at_ms,
        },
        absent: LoginError::A2Invalid,
        revoked: LoginError::A2Invalid,
    }
}
