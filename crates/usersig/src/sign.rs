//! Making tickets.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::Mac;
use serde_json::json;

use crate::encoding::pack;
use crate::statement::Statement;
use crate::ticket::VERSION;

/// Signs a ticket for one user of one app.
///
/// The ticket is valid from the first moment on, up to and including the second `issued_at_s + expire_s`;
/// `issued_at_s` is in seconds since the Unix epoch. `secret_key` is the app's key as text, as it is
/// shown to people. `userbuf` is data of the caller's own that the signature covers, such as permissions
/// for a room; the ticket shows it to anyone, for nothing in a ticket is encrypted.
///
/// Every ticket with a user id of up to 32 bytes of printable ASCII and a `userbuf` of up to 2048 bytes
/// is short enough for [`verify`](crate::verify); past that, one may exceed
/// [`MAX_TEXT_LEN`](crate::MAX_TEXT_LEN) or [`MAX_JSON_LEN`](crate::MAX_JSON_LEN).
#[must_use]
pub fn sign(
    secret_key: &str,
    sdkappid: u32,
    user_id: &str,
    issued_at_s: u64,
    expire_s: u64,
    userbuf: Option<&[u8]>,
) -> String {
    let statement = Statement {
        user_id,
        sdkappid: sdkappid.into(),
        issued_at_s,
        expire_s,
        userbuf,
    };
    let mut ticket = json!({
        "TLS.ver": VERSION,
        "TLS.identifier": user_id,
        "TLS.sdkappid": sdkappid,
        "TLS.time": issued_at_s,
        "TLS.expire": expire_s,
        "TLS.sig": BASE64_STANDARD.encode(statement.mac(secret_key).finalize().into_bytes()),
    });
    if let Some(userbuf) = userbuf {
        ticket["TLS.userbuf"] = BASE64_STANDARD.encode(userbuf).into();
    }
    pack(&ticket.to_string())
}
