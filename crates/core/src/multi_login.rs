//! The multi-device policy: which older logins a new one forces off (1047/33518).

use crate::{Platform, PlatformClass};

/// Which platforms may be logged in at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultiLoginPolicy {
    /// One platform at a time.
    Single,
    /// Web and one other platform. The default of new apps.
    Dual,
    /// Web, one mobile and one desktop platform.
    Triple,
    /// Every platform.
    Multi,
}

/// The whole policy: platforms, and instances of one platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiLogin {
    /// Which platforms go together.
    pub policy: MultiLoginPolicy,
    /// Web instances at once, at least 1 (published: 1, up to 10 with a paid plan).
    pub web_instances: usize,
    /// Instances at once of each other platform, at least 1 (published: 1, up to 3).
    pub native_instances: usize,
}

impl Default for MultiLogin {
    fn default() -> Self {
        Self {
            policy: MultiLoginPolicy::Dual,
            web_instances: 1,
            native_instances: 1,
        }
    }
}

impl MultiLogin {
    /// Whether `older` must go because `newer` logged in on another platform.
    #[must_use]
    pub fn platforms_conflict(&self, older: Platform, newer: Platform) -> bool {
        if older == newer {
            return false;
        }
        let (a, b) = (older.class(), newer.class());
        match self.policy {
            MultiLoginPolicy::Single => true,
            MultiLoginPolicy::Dual => a != PlatformClass::Web && b != PlatformClass::Web,
            MultiLoginPolicy::Triple => a == b,
            MultiLoginPolicy::Multi => false,
        }
    }

    /// How many instances of `platform` may be logged in at once; never less than one.
    #[must_use]
    pub fn instances_max(&self, platform: Platform) -> usize {
        match platform.class() {
            PlatformClass::Web => self.web_instances,
            PlatformClass::Mobile | PlatformClass::Desktop => self.native_instances,
        }
        .max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_allows_what_its_page_says() {
        use Platform::{Android, IPad, IPhone, Mac, Web, Windows};
        let conflict = |policy, a, b| {
            let rules = MultiLogin {
                policy,
                ..MultiLogin::default()
            };
            assert_eq!(rules.platforms_conflict(a, b), rules.platforms_conflict(b, a));
            rules.platforms_conflict(a, b)
        };
        assert!(conflict(MultiLoginPolicy::Single, Web, Android));
        assert!(!conflict(MultiLoginPolicy::Dual, Web, Android));
        assert!(conflict(MultiLoginPolicy::Dual, Windows, Android));
        assert!(!conflict(MultiLoginPolicy::Triple, Windows, Android));
        assert!(!conflict(MultiLoginPolicy::Triple, Web, Mac));
        assert!(conflict(MultiLoginPolicy::Triple, Windows, Mac));
        assert!(conflict(MultiLoginPolicy::Triple, IPhone, IPad));
        assert!(!conflict(MultiLoginPolicy::Multi, IPhone, IPad));
    }
}
