//! A ticket's JSON object.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_json::error::Category;

use crate::Flaw;

/// The one version of the ticket that there is an HMAC for.
pub(crate) const VERSION: &str = "2.0";

/// The fields of a ticket. Others are ignored; one of these given twice is an error.
#[derive(serde::Deserialize)]
pub(crate) struct Ticket {
    #[serde(rename = "TLS.ver")]
    version: String,
    #[serde(rename = "TLS.identifier")]
    pub(crate) user_id: String,
    #[serde(rename = "TLS.sdkappid", deserialize_with = "number")]
    pub(crate) sdkappid: u64,
    #[serde(rename = "TLS.time", deserialize_with = "number")]
    pub(crate) issued_at_s: u64,
    #[serde(rename = "TLS.expire", deserialize_with = "number")]
    pub(crate) expire_s: u64,
    #[serde(rename = "TLS.sig", deserialize_with = "signature")]
    pub(crate) signature: [u8; 32],
    /// What decides is whether the field is there, not whether it is empty: so it is with signers.
    #[serde(rename = "TLS.userbuf", default, deserialize_with = "userbuf")]
    pub(crate) userbuf: Option<Vec<u8>>,
}

impl Ticket {
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, Flaw> {
        // A derived `Deserialize` would also take the fields by position, from an array.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(Flaw::Json);
        }
        let ticket: Self = serde_json::from_slice(json).map_err(|error| match error.classify() {
            Category::Data => Flaw::Fields,
            Category::Syntax | Category::Eof | Category::Io => Flaw::Json,
        })?;
        if ticket.version == VERSION {
            Ok(ticket)
        } else {
            Err(Flaw::Version)
        }
    }
}

/// A JSON integer, or its digits in a string, as some signers write it.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an unsigned 64-bit integer")
        }

        fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
            // Digits only: `parse` alone would take a leading '+'.
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = if digits { text.parse().ok() } else { None };
            number.ok_or_else(|| E::custom("not an unsigned 64-bit integer"))
        }
    }

    deserializer.deserialize_any(Number)
}

fn signature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    from_base64(deserializer)?
        .try_into()
        .map_err(|_| D::Error::custom("not 32 bytes"))
}

fn userbuf<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    from_base64(deserializer).map(Some)
}

/// Strict base64: each byte string has one text, so the bytes stand for the text that was signed.
fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64_STANDARD
        .decode(text)
        .map_err(|_| D::Error::custom("not base64"))
}
