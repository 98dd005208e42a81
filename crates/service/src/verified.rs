//! UserSigs that verified before, so that a backend that repeats its own pays for it once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use headcount_core::SdkAppId;
use headcount_core::limits::{
    FAILED_USERSIG_CALLERS_MAX, FAILED_USERSIGS_MAX, FAILED_USERSIGS_WINDOW_MS, VERIFIED_USERSIGS_MAX,
    VERIFIED_USERSIGS_PER_ACCOUNT_MAX,
};
use subtle::ConstantTimeEq;

/// The verified UserSigs of one app. Bounded; an entry is never used past its expiry.
#[derive(Debug, Default)]
pub(crate) struct VerifiedUserSigs {
    by_user: RwLock<HashMap<Box<str>, Vec<Verified>>>,
    revocations: AtomicU64,
}

#[derive(Debug)]
struct Verified {
    usersig: Box<str>,
    expires_at_s: u64,
}

/// Taken before a UserSig is verified; an entry is refused when any was revoked since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VerifyTicket(u64);

impl VerifiedUserSigs {
    /// Whether exactly this UserSig of this user verified before and has not expired.
    pub(crate) fn contains(&self, user: &str, usersig: &str, now_s: u64) -> bool {
        let by_user = self.by_user.read().unwrap_or_else(PoisonError::into_inner);
        by_user.get(user).is_some_and(|known| {
            known.iter().any(|entry| {
                entry.expires_at_s >= now_s && same(entry.usersig.as_bytes(), usersig.as_bytes())
            })
        })
    }

    pub(crate) fn before_verify(&self) -> VerifyTicket {
        VerifyTicket(self.revocations.load(Ordering::Acquire))
    }

    pub(crate) fn remember(
        &self,
        ticket: VerifyTicket,
        user: &str,
        usersig: &str,
        expires_at_s: u64,
        now_s: u64,
    ) {
        let mut by_user = self.by_user.write().unwrap_or_else(PoisonError::into_inner);
        if self.revocations.load(Ordering::Acquire) != ticket.0 {
            return;
        }
        if by_user.len() >= VERIFIED_USERSIGS_MAX {
            by_user.retain(|_, known| known.iter().any(|entry| entry.expires_at_s >= now_s));
            if by_user.len() >= VERIFIED_USERSIGS_MAX {
                // All of them live: starting over costs one verification each, and no bookkeeping.
                by_user.clear();
            }
        }
        let known = by_user.entry(user.into()).or_default();
        known.retain(|entry| entry.expires_at_s >= now_s);
        if known.len() == VERIFIED_USERSIGS_PER_ACCOUNT_MAX {
            known.remove(0);
        }
        known.push(Verified {
            usersig: usersig.into(),
            expires_at_s,
        });
    }

    /// Forgets the UserSigs of a user, and any that is being verified right now.
    pub(crate) fn forget(&self, user: &str) {
        let mut by_user = self.by_user.write().unwrap_or_else(PoisonError::into_inner);
        self.revocations.fetch_add(1, Ordering::AcqRel);
        by_user.remove(user);
    }
}

/// Compares secrets in a time that tells nothing but whether their lengths differ; eight bytes at a time,
/// since this is done for every call.
fn same(known: &[u8], given: &[u8]) -> bool {
    if known.len() != given.len() {
        return false;
    }
    let (known, given) = (known.as_chunks::<8>(), given.as_chunks::<8>());
    let words = known.0.iter().zip(given.0);
    let difference = words.fold(0, |difference, (&known, &given)| {
        difference | (u64::from_ne_bytes(known) ^ u64::from_ne_bytes(given))
    });
    bool::from(difference.ct_eq(&0) & known.1.ct_eq(given.1))
}

/// Counts failed checks, so that nobody can try signatures without end. Counted per caller's address
/// too: a stranger must not be able to lock an app's admin out.
#[derive(Debug, Default)]
pub(crate) struct FailedUserSigs {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began_ms: u64,
    failures: HashMap<(SdkAppId, Box<str>, IpAddr), u32>,
}

impl FailedUserSigs {
    /// Whether this caller has failed too often in the current window.
    pub(crate) fn too_many(&self, app: SdkAppId, user: &str, peer: IpAddr, monotonic_ms: u64) -> bool {
        let window = self.current(monotonic_ms);
        // Most windows see no failure at all, and then nothing is allocated for the look-up.
        !window.failures.is_empty()
            && window
                .failures
                .get(&(app, user.into(), peer))
                .is_some_and(|&count| count >= FAILED_USERSIGS_MAX)
    }

    pub(crate) fn failed(&self, app: SdkAppId, user: &str, peer: IpAddr, monotonic_ms: u64) {
        let mut window = self.current(monotonic_ms);
        let full = window.failures.len() >= FAILED_USERSIG_CALLERS_MAX;
        let caller = (app, Box::from(user), peer);
        if let Some(count) = window.failures.get_mut(&caller) {
            *count = count.saturating_add(1);
        } else if !full {
            window.failures.insert(caller, 1);
        }
    }

    fn current(&self, monotonic_ms: u64) -> std::sync::MutexGuard<'_, Window> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if monotonic_ms.saturating_sub(window.began_ms) >= FAILED_USERSIGS_WINDOW_MS {
            *window = Window {
                began_ms: monotonic_ms,
                failures: HashMap::new(),
            };
        }
        window
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn every_byte_counts() {
        for len in 0..40 {
            let known: Vec<u8> = (0..len).collect();
            assert!(same(&known, &known));
            for at in 0..known.len() {
                let mut given = known.clone();
                given[at] ^= 0x80;
                assert!(!same(&known, &given), "byte {at} of {len}");
            }
            assert!(!same(&known, &[&known[..], &[0]].concat()));
        }
    }
}
