//! A2: the credential a client keeps after its login and reconnects with.
//!
//! It is signed and carries all it stands for, so it holds across restarts and on every node, and stores
//! nothing. Its key is derived from the app's secret key: changing that ends every login of the app. It
//! lives as long as the UserSig it came from, and a kick voids it together with that.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headcount_core::{AccountKey, App, Platform};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What an A2 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct A2 {
    pub(crate) account: AccountKey,
    pub(crate) instance: u32,
    pub(crate) platform: Platform,
    pub(crate) login_at_ms: u64,
    pub(crate) usersig_issued_at_s: u64,
    pub(crate) expires_at_s: u64,
}

/// The first byte of every A2, so that a later form can be told apart.
const VERSION: u8 = 1;
const CLAIMS_BYTES: usize = 38;
const MAC_BYTES: usize = 32;

impl A2 {
    /// The text handed to the client, signed for the app whose key this is.
    pub(crate) fn sign(&self, key: &A2Key) -> String {
        let mut bytes = Vec::with_capacity(CLAIMS_BYTES + MAC_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.account.0.to_be_bytes());
        bytes.extend_from_slice(&self.instance.to_be_bytes());
        bytes.push(self.platform.client_number());
        bytes.extend_from_slice(&self.login_at_ms.to_be_bytes());
        bytes.extend_from_slice(&self.usersig_issued_at_s.to_be_bytes());
        bytes.extend_from_slice(&self.expires_at_s.to_be_bytes());
        debug_assert_eq!(bytes.len(), CLAIMS_BYTES);
        let mac = key.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads an A2 that was signed with this key; `None` for anything else.
    pub(crate) fn verify(text: &str, key: &A2Key) -> Option<Self> {
        // The length is fixed, so nothing longer is decoded.
        if text.len() != (CLAIMS_BYTES + MAC_BYTES).div_ceil(3) * 4 - 2 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (claims, mac) = bytes.split_at_checked(CLAIMS_BYTES)?;
        key.mac(claims).verify_slice(mac).ok()?;
        let mut rest = claims;
        if take::<1>(&mut rest)? != [VERSION] {
            return None;
        }
        Some(Self {
            account: AccountKey(u64::from_be_bytes(take(&mut rest)?)),
            instance: u32::from_be_bytes(take(&mut rest)?),
            platform: Platform::from_client_number(u64::from(u8::from_be_bytes(take(&mut rest)?))),
            login_at_ms: u64::from_be_bytes(take(&mut rest)?),
            usersig_issued_at_s: u64::from_be_bytes(take(&mut rest)?),
            expires_at_s: u64::from_be_bytes(take(&mut rest)?),
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

/// The key of an app's A2s, which has taken in already what all of them begin with.
pub(crate) struct A2Key(Hmac<Sha256>);

impl A2Key {
    pub(crate) fn new(app: &App) -> Self {
        let key = mac(app.secret_key.as_bytes(), b"headcount a2 key")
            .finalize()
            .into_bytes();
        Self(mac(&key, &app.sdkappid.0.to_be_bytes()))
    }

    fn mac(&self, claims: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(claims)
    }
}

/// Without the key.
impl fmt::Debug for A2Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("A2Key").finish_non_exhaustive()
    }
}

fn mac(key: &[u8], first: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(first);
    mac
}

#[cfg(test)]
mod tests {
    use headcount_core::SdkAppId;
    use proptest::prelude::*;

    use super::*;

    fn key(sdkappid: u32, secret_key: &str) -> A2Key {
        A2Key::new(&App {
            sdkappid: SdkAppId(sdkappid),
            name: String::new(),
            secret_key: secret_key.to_owned(),
            admins: vec![],
            region: None,
        })
    }

    const EXAMPLE: A2 = A2 {
        account: AccountKey(7),
        instance: 0xDEAD_BEEF,
        platform: Platform::IPad,
        login_at_ms: 1_795_416_392_123,
        usersig_issued_at_s: 1_795_416_000,
        expires_at_s: 1_795_502_400,
    };

    #[test]
    fn holds_for_its_app_and_key_only() {
        let text = EXAMPLE.sign(&key(1, "k"));
        assert_eq!(A2::verify(&text, &key(1, "k")), Some(EXAMPLE));
        assert_eq!(A2::verify(&text, &key(2, "k")), None);
        assert_eq!(A2::verify(&text, &key(1, "other")), None);
    }

    proptest! {
        #[test]
        fn no_changed_text_holds(at in 0_usize..93, with in "[A-Za-z0-9_-]") {
            let text = EXAMPLE.sign(&key(1, "k"));
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != text);
            prop_assert_eq!(A2::verify(&changed, &key(1, "k")), None);
        }

        #[test]
        fn no_text_panics(text in ".{0,120}") {
            prop_assert_eq!(A2::verify(&text, &key(1, "k")), None);
        }
    }
}
