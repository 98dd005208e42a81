//! What a ticket's signature vouches for.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signed part of a ticket.
pub(crate) struct Statement<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) sdkappid: u64,
    pub(crate) issued_at_s: u64,
    pub(crate) expire_s: u64,
    /// `Some` of nothing differs from `None`: its line is there, and empty.
    pub(crate) userbuf: Option<&'a [u8]>,
}

impl Statement<'_> {
    /// The HMAC of this statement's text, ready to be finished or to be compared in constant time.
    pub(crate) fn mac(&self, secret_key: &str) -> Hmac<Sha256> {
        // The key is the text shown to people, as it stands: it looks like hex, but is not decoded.
        let mac = Hmac::new_from_slice(secret_key.as_bytes()).expect("HMAC takes a key of any length");
        mac.chain_update(self.text())
    }

    /// No two statements share a text, although a user id may hold line feeds: read from its end, all
    /// the lines after the id are of a known number and free of line feeds.
    fn text(&self) -> String {
        let Self {
            user_id,
            sdkappid,
            issued_at_s,
            expire_s,
            userbuf,
        } = self;
        let mut text = format!(
            "TLS.identifier:{user_id}\nTLS.sdkappid:{sdkappid}\nTLS.time:{issued_at_s}\nTLS.expire:{expire_s}\n"
        );
        if let Some(userbuf) = userbuf {
            text.push_str("TLS.userbuf:");
            BASE64_STANDARD.encode_string(userbuf, &mut text);
            text.push('\n');
        }
        text
    }
}
