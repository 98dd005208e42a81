//! Sessions, and which of a user's sessions go together.

use headcount_core::{MultiLogin, Platform};

use crate::journal::SessionFacts;

/// A node, as an engine numbers those it knows. 0 is the engine's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeNumber(pub u16);

impl NodeNumber {
    /// The engine's own node.
    pub const HERE: Self = Self(0);
}

/// A session's number, unique in an engine. Those of its own node are below 2⁴⁸; above these bits stands
/// the [`NodeNumber`] of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u64);

impl SessionKey {
    const NUMBER_BITS: u32 = 48;

    /// The key of a node's session; `number` is below 2⁴⁸.
    #[must_use]
    pub fn of(node: NodeNumber, number: u64) -> Self {
        Self(u64::from(node.0) << Self::NUMBER_BITS | number & ((1 << Self::NUMBER_BITS) - 1))
    }

    /// The node that holds the session.
    #[must_use]
    pub fn node(self) -> NodeNumber {
        NodeNumber((self.0 >> Self::NUMBER_BITS) as u16)
    }

    /// Its number on its node.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0 & ((1 << Self::NUMBER_BITS) - 1)
    }
}

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
    /// When the connection came, Unix milliseconds.
    pub opened_at_ms: u64,
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
    /// When its connection came, Unix milliseconds by the clock of its node.
    pub opened_at_ms: u64,
    /// When the UserSig it rests on was issued, Unix seconds.
    pub usersig_issued_at_s: u64,
    /// The connection.
    pub handle: H,
}

impl<H> Session<H> {
    /// Whether this engine's own node holds it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.key.node() == NodeNumber::HERE
    }

    /// Newer logins compare greater, also when two nodes let them in in the same millisecond.
    fn seniority(&self) -> (u64, u32) {
        (self.login_at_ms, self.instance)
    }
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

/// A session that is about to be among others, as far as the multi-device policy cares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving {
    pub(crate) instance: u32,
    pub(crate) platform: Platform,
    pub(crate) login_at_ms: u64,
    /// When its connection came, by its node's clock; `u64::MAX` is now.
    pub(crate) opened_at_ms: u64,
}

impl From<&SessionFacts> for Arriving {
    fn from(facts: &SessionFacts) -> Self {
        Self {
            instance: facts.instance,
            platform: facts.platform,
            login_at_ms: facts.login_at_ms,
            opened_at_ms: facts.opened_at_ms,
        }
    }
}

/// `Err` when newer logins have taken the arriving one's place, which is then a return.
pub(crate) fn admit<H>(
    rules: &MultiLogin,
    sessions: &[Session<H>],
    arriving: Arriving,
) -> Result<(), Refused> {
    let is_newer =
        |other: &&Session<H>| other.instance != arriving.instance && other.login_at_ms > arriving.login_at_ms;
    let newer: Vec<_> = sessions
        .iter()
        .filter(is_newer)
        .map(|other| other.platform)
        .collect();
    let conflicts = |&other: &Platform| rules.platforms_conflict(other, arriving.platform);
    let alike = newer.iter().filter(|&&other| other == arriving.platform).count();
    if newer.iter().any(conflicts) || alike >= rules.instances_max(arriving.platform) {
        return Err(Refused::NewerLogin);
    }
    Ok(())
}

/// Takes the sessions of this node that do not go together with the arriving one out of the list. Those of
/// other nodes are left: each node ends its own, by the same rules.
pub(crate) fn displace<H>(
    rules: &MultiLogin,
    sessions: &mut Vec<Session<H>>,
    arriving: Arriving,
) -> Vec<Displaced<H>> {
    let seniority = (arriving.login_at_ms, arriving.instance);
    // Of the arriving one's platform, newest first: those beyond the places have to go.
    let is_rival =
        |other: &&Session<H>| other.platform == arriving.platform && other.instance != arriving.instance;
    let mut rivals: Vec<_> = sessions
        .iter()
        .filter(is_rival)
        .map(Session::seniority)
        .chain([seniority])
        .collect();
    rivals.sort_unstable_by(|a, b| b.cmp(a));
    let last_to_stay = rivals.get(rules.instances_max(arriving.platform) - 1).copied();
    let verdict = |session: &Session<H>| {
        if !session.is_here() {
            return None;
        }
        if session.instance == arriving.instance {
            // Of two nodes the same client may have come back to this one last.
            return (session.opened_at_ms <= arriving.opened_at_ms).then_some(Displacement::Reconnected);
        }
        if session.platform == arriving.platform {
            let goes = last_to_stay.is_some_and(|last| session.seniority() < last);
            return goes.then_some(Displacement::SamePlatform);
        }
        let conflicts = rules.platforms_conflict(session.platform, arriving.platform);
        (conflicts && session.seniority() < seniority).then_some(Displacement::OtherPlatform)
    };
    let mut displaced = Vec::new();
    let mut at = 0;
    while let Some(session) = sessions.get(at) {
        match verdict(session) {
            Some(reason) => displaced.push(Displaced {
                session: sessions.remove(at),
                reason,
            }),
            None => at += 1,
        }
    }
    displaced
}
