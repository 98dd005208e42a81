//! What kind of device a session is on.

/// A device platform as query_online_status names it (1047/35477).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// A Windows desktop, `PC` on the wire.
    Windows,
    /// An Android phone or tablet.
    Android,
    /// An iPhone.
    IPhone,
    /// A Mac desktop.
    Mac,
    /// An iPad.
    IPad,
    /// A browser, Node, or a mini program.
    Web,
}

/// Which rules of the multi-device policy a platform falls under (1047/33518).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlatformClass {
    /// Browsers.
    Web,
    /// Phones and tablets.
    Mobile,
    /// Windows and Mac.
    Desktop,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 6] = [
        Self::Windows,
        Self::Android,
        Self::IPhone,
        Self::Mac,
        Self::IPad,
        Self::Web,
    ];

    /// Its place in [`Platform::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The platform of a client's `platform` number. 7 is what the web SDK sends; the other numbers
    /// are published nowhere and are this server's choice. Unknown numbers count as web.
    #[must_use]
    pub fn from_client_number(number: u64) -> Self {
        match number {
            1 => Self::Windows,
            2 => Self::Android,
            3 => Self::IPhone,
            4 => Self::Mac,
            9 => Self::IPad,
            _ => Self::Web,
        }
    }

    /// The number that [`Platform::from_client_number`] reads back.
    #[must_use]
    pub fn client_number(self) -> u8 {
        match self {
            Self::Windows => 1,
            Self::Android => 2,
            Self::IPhone => 3,
            Self::Mac => 4,
            Self::IPad => 9,
            Self::Web => 7,
        }
    }

    /// The name query_online_status gives it in `Detail` (1047/35477).
    #[must_use]
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Windows => "PC",
            Self::Android => "Android",
            Self::IPhone => "iPhone",
            Self::Mac => "Mac",
            Self::IPad => "iPad",
            Self::Web => "Web",
        }
    }

    /// The platform's class.
    #[must_use]
    pub fn class(self) -> PlatformClass {
        match self {
            Self::Web => PlatformClass::Web,
            Self::Windows | Self::Mac => PlatformClass::Desktop,
            Self::Android | Self::IPhone | Self::IPad => PlatformClass::Mobile,
        }
    }
}

/// A set of platforms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PlatformSet(u8);

impl PlatformSet {
    /// No platform.
    pub const EMPTY: Self = Self(0);

    /// Whether there is none in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is in it.
    #[must_use]
    pub fn contains(self, platform: Platform) -> bool {
        self.0 & 1 << platform.index() != 0
    }

    /// The platforms that are in exactly one of the two sets.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }

    /// Its platforms, in the order of [`Platform::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Platform> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let platform = Platform::ALL.get(rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(*platform)
        })
    }
}

impl FromIterator<Platform> for PlatformSet {
    fn from_iter<I: IntoIterator<Item = Platform>>(platforms: I) -> Self {
        let add = |set, platform: Platform| set | 1 << platform.index();
        Self(platforms.into_iter().fold(0, add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_platform_is_its_index() {
        assert!(
            Platform::ALL
                .iter()
                .enumerate()
                .all(|(at, platform)| platform.index() == at)
        );
    }

    #[test]
    fn every_set_tells_what_was_put_in() {
        for bits in 0..1_u8 << Platform::ALL.len() {
            let inside: Vec<_> = (0..Platform::ALL.len())
                .filter(|at| bits & 1 << at != 0)
                .map(|at| Platform::ALL[at])
                .collect();
            let set: PlatformSet = inside.iter().copied().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), inside);
            assert_eq!(set.is_empty(), inside.is_empty());
            for platform in Platform::ALL {
                assert_eq!(set.contains(platform), inside.contains(&platform));
            }
            let web: PlatformSet = [Platform::Web].into_iter().collect();
            let difference = set.difference(web);
            assert_eq!(difference.contains(Platform::Web), !set.contains(Platform::Web));
            assert_eq!(difference.contains(Platform::Mac), set.contains(Platform::Mac));
        }
    }

    #[test]
    fn numbers_round_trip_and_strangers_are_web() {
        for platform in Platform::ALL {
            assert_eq!(
                Platform::from_client_number(u64::from(platform.client_number())),
                platform
            );
        }
        assert_eq!(Platform::from_client_number(u64::MAX), Platform::Web);
    }
}
