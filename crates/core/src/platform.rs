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

#[cfg(test)]
mod tests {
    use super::*;

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
