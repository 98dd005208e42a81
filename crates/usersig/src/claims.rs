//! What a ticket says, and whether it is true.

use std::fmt;

use hmac::Mac;

use crate::Error;
use crate::encoding::unpack;
use crate::statement::Statement;
use crate::ticket::Ticket;

/// What a ticket says. Whether it is true, only [`Claims::verify`] tells.
///
/// Decoding and verifying are two steps for servers that must look at a ticket before they know which key
/// to verify it with, or that verify one decoded ticket again as time goes by.
pub struct Claims(Ticket);

impl Claims {
    /// Reads a ticket without verifying anything.
    ///
    /// Fails with [`Error::Empty`] or [`Error::Malformed`] only. Unknown fields of the ticket's JSON are
    /// ignored; its three numbers may be integers or strings of digits.
    pub fn decode(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        unpack(text, Ticket::from_json)
            .map(Self)
            .map_err(Error::Malformed)
    }

    /// Verifies that the holder of `secret_key` signed this ticket for this app and user, and that it has
    /// not expired at `now_s`, in seconds since the Unix epoch.
    ///
    /// Of several faults it names the first, in this order: [`Error::AppMismatch`],
    /// [`Error::UserMismatch`], [`Error::Expired`], [`Error::BadSignature`]. A ticket is still valid in
    /// the very second in which it expires, and one issued in the future is valid already. The signature
    /// is compared in constant time. Any userbuf is covered by the signature and otherwise not judged.
    pub fn verify(&self, secret_key: &str, sdkappid: u32, user_id: &str, now_s: u64) -> Result<(), Error> {
        if self.sdkappid() != u64::from(sdkappid) {
            return Err(Error::AppMismatch);
        }
        if self.user_id() != user_id {
            return Err(Error::UserMismatch);
        }
        if now_s > self.expires_at_s() {
            return Err(Error::Expired);
        }
        let statement = Statement {
            user_id: self.user_id(),
            sdkappid: self.sdkappid(),
            issued_at_s: self.issued_at_s(),
            expire_s: self.0.expire_s,
            userbuf: self.userbuf(),
        };
        statement
            .mac(secret_key)
            .verify_slice(&self.0.signature)
            .map_err(|_| Error::BadSignature)
    }

    /// The user the ticket is for.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.0.user_id
    }

    /// The app the ticket is for; wider than an app's number, for a ticket may claim anything.
    #[must_use]
    pub fn sdkappid(&self) -> u64 {
        self.0.sdkappid
    }

    /// When the ticket was issued, in seconds since the Unix epoch.
    #[must_use]
    pub fn issued_at_s(&self) -> u64 {
        self.0.issued_at_s
    }

    /// The last second in which the ticket is valid, since the Unix epoch; `u64::MAX` if it lies beyond.
    #[must_use]
    pub fn expires_at_s(&self) -> u64 {
        self.0.issued_at_s.saturating_add(self.0.expire_s)
    }

    /// The signer's own data, if the ticket carries any; it may be empty.
    #[must_use]
    pub fn userbuf(&self) -> Option<&[u8]> {
        self.0.userbuf.as_deref()
    }
}

/// Without the signature, which makes the rest a working ticket, and the userbuf, which may be private.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("user_id", &self.user_id())
            .field("sdkappid", &self.sdkappid())
            .field("issued_at_s", &self.issued_at_s())
            .field("expires_at_s", &self.expires_at_s())
            .finish_non_exhaustive()
    }
}

/// Reads a ticket and verifies it: [`Claims::decode`] and [`Claims::verify`] in one step.
pub fn verify(
    text: &str,
    secret_key: &str,
    sdkappid: u32,
    user_id: &str,
    now_s: u64,
) -> Result<Claims, Error> {
    let claims = Claims::decode(text)?;
    claims.verify(secret_key, sdkappid, user_id, now_s)?;
    Ok(claims)
}
