//! Sessions, and which of a user's sessions go together.

use headcount_core::{MultiLogin, Platform};

/// A session's number, unique on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u64);

/// How a session begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A login with a UserSig, now (Unix milliseconds). Never refused for the sake of older ones.
    Login {
        /// The moment of the login.
        now_ms: u64,
    },
    /// An earlier login comes back on a new connection.
    Return {
        /// The moment of that earlier login.
        login_at_ms: u64,
    },
}

/// A session about to open. `H` is how the caller reaches its connection.
#[derive(Debug)]
pub struct NewSession<H> {
    /// Its number.
    pub key: SessionKey,
    /// The instance: stays the same when a client reconnects, differs between logins.
    pub instance: u32,
    /// The kind of device.
    pub platform: Platform,
    /// When the UserSig it rests on was issued, Unix seconds.
    pub usersig_issued_at_s: u64,
    /// A fresh login or a return.
    pub arrival: Arrival,
    /// The connection.
    pub handle: H,
}

/// A live session.
#[derive(Clone, Debug)]
pub struct Session<H> {
    /// Its number.
    pub key: SessionKey,
    /// The instance.
    pub instance: u32,
    /// The kind of device.
    pub platform: Platform,
    /// When the user logged in, Unix milliseconds. Sessions are ordered by it: a client that comes back
    /// after an outage does not displace one that logged in meanwhile.
    pub login_at_ms: u64,
    /// When the UserSig it rests on was issued, Unix seconds.
    pub usersig_issued_at_s: u64,
    /// The connection.
    pub handle: H,
}

/// Why a session had to go for a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displacement {
    /// The same instance came back on a new connection; its user must notice nothing.
    Reconnected,
    /// Too many instances on the same platform.
    SamePlatform,
    /// A platform that does not go together with the newer one.
    OtherPlatform,
}

/// A session that ended because a newer one opened.
#[derive(Debug)]
pub struct Displaced<H> {
    /// What it was.
    pub session: Session<H>,
    /// Why it ended.
    pub reason: Displacement,
}

/// A session was opened.
#[derive(Debug)]
pub struct Opened<H> {
    /// Whether it brought its user online.
    pub first: bool,
    /// The moment the login counts as, Unix milliseconds.
    pub login_at_ms: u64,
    /// The sessions that ended for it.
    pub displaced: Vec<Displaced<H>>,
}

/// Why a session could not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The account was deleted meanwhile.
    AccountDeleted,
    /// The UserSig it rests on was revoked meanwhile.
    UserSigRevoked,
    /// It is a return, and newer logins have taken its place.
    NewerLogin,
}

/// Decides which of `sessions` end when a session opens; they are taken out of the list.
///
/// `Err` when the arriving one is a return and has itself been superseded.
pub(crate) fn displace<H>(
    rules: &MultiLogin,
    sessions: &mut Vec<Session<H>>,
    instance: u32,
    platform: Platform,
    login_at_ms: u64,
) -> Result<Vec<Displaced<H>>, Refused> {
    let superseded_by = |other: &&Session<H>| other.instance != instance && other.login_at_ms > login_at_ms;
    let newer: Vec<_> = sessions
        .iter()
        .filter(superseded_by)
        .map(|other| other.platform)
        .collect();
    let places = rules.instances_max(platform);
    if newer
        .iter()
        .any(|&other| rules.platforms_conflict(other, platform))
        || newer.iter().filter(|&&other| other == platform).count() >= places
    {
        return Err(Refused::NewerLogin);
    }

    let mut displaced = Vec::new();
    let mut take = |sessions: &mut Vec<Session<H>>, at: usize, reason| {
        displaced.push(Displaced {
            session: sessions.remove(at),
            reason,
        });
    };
    while let Some(at) = sessions.iter().position(|other| other.instance == instance) {
        take(sessions, at, Displacement::Reconnected);
    }
    while let Some(at) = sessions
        .iter()
        .position(|other| rules.platforms_conflict(other.platform, platform))
    {
        take(sessions, at, Displacement::OtherPlatform);
    }
    // The list is in the order of the logins, so the first of a platform is its oldest.
    while sessions.iter().filter(|other| other.platform == platform).count() >= places {
        let Some(at) = sessions.iter().position(|other| other.platform == platform) else {
            break;
        };
        take(sessions, at, Displacement::SamePlatform);
    }
    Ok(displaced)
}
