//! Why a ticket is refused.

use std::fmt;

use crate::{MAX_JSON_LEN, MAX_TEXT_LEN};

/// Why a ticket was refused.
///
/// Each variant is one code of the REST API, named below for callers that speak it. The texts say what to
/// mend and never repeat any part of the ticket or of a key, so they are safe to log and to send back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no ticket at all (70002).
    Empty,
    /// The text cannot be read as a ticket (70003).
    Malformed(Flaw),
    /// The ticket was signed for another app (70014).
    AppMismatch,
    /// The ticket was signed for another user (70013).
    UserMismatch,
    /// The ticket's lifetime is over (70001).
    Expired,
    /// The signature was not made from these claims with this key (70009).
    BadSignature,
}

/// What keeps a text from being read as a ticket; the layers in the order they are peeled off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Longer than [`MAX_TEXT_LEN`].
    TooLong,
    /// Not padded base64 in the ticket's alphabet.
    Base64,
    /// Not exactly one whole zlib stream of at most [`MAX_JSON_LEN`] bytes.
    Zlib,
    /// Not a JSON object.
    Json,
    /// A field is missing, given twice, or not of its type.
    Fields,
    /// A version of the ticket other than 2.0.
    Version,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the usersig is empty: send the one signed for this user",
            Self::Malformed(flaw) => return write!(f, "the usersig cannot be read: {flaw}"),
            Self::AppMismatch => "the usersig was signed for another sdkappid: send the sdkappid it names",
            Self::UserMismatch => "the usersig was signed for another user: send the identifier it names",
            Self::Expired => "the usersig has expired: sign a new one",
            Self::BadSignature => {
                "the usersig's signature is wrong: sign with the secret key of this sdkappid"
            }
        })
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {MAX_TEXT_LEN} bytes"),
            Self::Base64 => f.write_str(
                "it is not padded base64 with '*', '-' and '_' in place of '+', '/' and '='; \
                 send it exactly as it was signed",
            ),
            Self::Zlib => {
                write!(
                    f,
                    "its base64 does not hold one whole zlib stream of at most {MAX_JSON_LEN} bytes"
                )
            }
            Self::Json => f.write_str("its zlib stream does not hold a JSON object"),
            Self::Fields => {
                f.write_str("its JSON lacks a TLS field, repeats one, or has one of a wrong type")
            }
            Self::Version => f.write_str("its TLS.ver is not \"2.0\""),
        }
    }
}

impl std::error::Error for Error {}
