//! Many sessions in two numbers.

use headcount_core::{AccountKey, Platform};

/// How many sessions there are, and a number that differs when they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionDigest {
    /// How many.
    pub sessions: u64,
    /// Their mixture, whatever their order.
    pub mixture: u64,
}

impl SessionDigest {
    pub(crate) fn add(&mut self, account: AccountKey, number: u64, platform: Platform) {
        self.sessions += 1;
        let one = mix(mix(account.0) ^ number) ^ u64::from(platform.client_number());
        self.mixture = self.mixture.wrapping_add(mix(one));
    }
}

/// Spreads every bit over all (the finish of SplitMix64).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(sessions: &[(u64, u64, Platform)]) -> SessionDigest {
        let mut digest = SessionDigest::default();
        for &(account, number, platform) in sessions {
            digest.add(AccountKey(account), number, platform);
        }
        digest
    }

    #[test]
    fn the_same_sessions_have_the_same_digest_in_any_order() {
        let (a, b) = ((1, 2, Platform::Web), (3, 4, Platform::IPad));
        assert_eq!(of(&[a, b]), of(&[b, a]));
        let others = [
            (1, 2, Platform::Mac),
            (2, 1, Platform::Web),
            (1, 3, Platform::Web),
        ];
        for other in others {
            assert_ne!(of(&[a, b]), of(&[other, b]), "{other:?}");
        }
        assert_ne!(of(&[a]), of(&[a, a]));
    }
}
