//! Logging in: from credentials to an open session.

use std::net::IpAddr;
use std::sync::Arc;

use headcount_core::{AccountKey, Platform, SdkAppId, TinyId, UserId};
use headcount_directory::StoreError;
use headcount_presence::{Arrival, NewSession, Refused};

use crate::a2::A2;
use crate::apps::AppEntry;
use crate::authenticate::{AuthError, AuthenticatedCall};
use crate::caller::{Caller, Who};
use crate::live::PendingLogin;
use crate::service::Service;
use crate::session::{LiveSession, SessionHandle};

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

/// Who comes, once the credentials are known to be good.
struct Proven {
    account: AccountKey,
    instance: u32,
    platform: Platform,
    usersig_issued_at_s: u64,
    expires_at_s: u64,
    arrival: Arrival,
}

impl Service {
    /// Logs a user in. A user who logs in for the first time gets an account. Older sessions that do not
    /// go together with this one are ended.
    pub async fn login(&self, request: &LoginRequest<'_>) -> Result<LoggedIn, LoginError> {
        let entry = self.home_app(request.sdkappid)?;
        let proven = match request.credentials {
            Credentials::UserSig { identifier, usersig } => {
                self.prove_usersig(&entry, request, identifier, usersig).await?
            }
            Credentials::A2 { a2, tiny_id } => self.prove_a2(&entry, a2, tiny_id)?,
        };
        self.open_session(entry, proven).await
    }

    async fn prove_usersig(
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
        let user = UserId::parse(identifier).map_err(|_| LoginError::BadUserId)?;
        let account = self
            .directory
            .ensure_account(request.sdkappid, user, self.clock.wall_s())
            .await?;
        // Truncated on purpose: an instance is any number, and 0 means none in the client's heads.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "any 32 of the random bits will do"
        )]
        let instance = (self.entropy.next_u64() as u32).max(1);
        Ok(Proven {
            account: account.key,
            instance,
            platform: request.platform,
            usersig_issued_at_s: held.issued_at_s,
            expires_at_s: held.expires_at_s,
            arrival: Arrival::Login {
                now_ms: self.clock.wall_ms(),
            },
        })
    }

    fn prove_a2(&self, entry: &AppEntry, a2: &str, tiny_id: u64) -> Result<Proven, LoginError> {
        let a2 = self.read_a2(entry, a2, tiny_id).ok_or(LoginError::A2Invalid)?;
        Ok(Proven {
            account: a2.account,
            instance: a2.instance,
            platform: a2.platform,
            usersig_issued_at_s: a2.usersig_issued_at_s,
            expires_at_s: a2.expires_at_s,
            arrival: Arrival::Return {
                login_at_ms: a2.login_at_ms,
            },
        })
    }

    fn read_a2(&self, entry: &AppEntry, a2: &str, tiny_id: u64) -> Option<A2> {
        let a2 = A2::verify(a2, entry.app())?;
        let fits = TinyId::from(a2.account) == TinyId(tiny_id) && a2.expires_at_s >= self.clock.wall_s();
        fits.then_some(a2)
    }

    async fn open_session(&self, entry: Arc<AppEntry>, proven: Proven) -> Result<LoggedIn, LoginError> {
        let pending = PendingLogin::start(&self.live, proven.account);
        let returns = matches!(proven.arrival, Arrival::Return { .. });
        let (absent, revoked) = if returns {
            (LoginError::A2Invalid, LoginError::A2Invalid)
        } else {
            (LoginError::AccountAbsent, LoginError::Auth(AuthError::Revoked))
        };
        let facts = self
            .directory
            .login_facts(proven.account)
            .await?
            .ok_or_else(|| absent.clone())?;
        if facts.account.usersigs_void_to_s >= Some(proven.usersig_issued_at_s) {
            return Err(revoked);
        }
        let handle = Arc::new(SessionHandle::default());
        let key = self.live.next_session();
        let new = NewSession {
            key,
            instance: proven.instance,
            platform: proven.platform,
            usersig_issued_at_s: proven.usersig_issued_at_s,
            arrival: proven.arrival,
            handle: Arc::clone(&handle),
        };
        let opened = pending.open(new, facts.groups).map_err(|refused| match refused {
            Refused::AccountDeleted => absent,
            Refused::UserSigRevoked => revoked,
            Refused::NewerLogin => LoginError::NewerLogin,
        })?;
        let session = LiveSession::new(Arc::clone(&self.live), proven.account, key, handle);
        let a2 = A2 {
            account: proven.account,
            instance: proven.instance,
            platform: proven.platform,
            login_at_ms: opened.login_at_ms,
            usersig_issued_at_s: proven.usersig_issued_at_s,
            expires_at_s: proven.expires_at_s,
        };
        Ok(LoggedIn {
            tiny_id: proven.account.into(),
            a2: a2.sign(entry.app()),
            instance: proven.instance,
            platform: proven.platform,
            caller: Caller {
                app: entry,
                who: Who::User {
                    account: proven.account,
                    user: facts.account.user,
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
