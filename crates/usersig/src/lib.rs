//! Sign and verify UserSig v2, the ticket with which a user, or an admin calling the REST API, proves who
//! they are to a chat server.
//!
//! A ticket says "this user of this app, from this second on, for so many seconds", and vouches for it
//! with an HMAC under the app's secret key. Its text is a JSON object, compressed as a zlib stream and
//! written in a variant of base64 that needs no escaping in a URL.
//!
//! ```
//! let ticket = usersig::sign("the app's secret key", 1_400_000_001, "alice", 1_700_000_000, 86_400, None);
//!
//! let claims = usersig::verify(&ticket, "the app's secret key", 1_400_000_001, "alice", 1_700_000_060)?;
//! assert_eq!(claims.expires_at_s(), 1_700_086_400);
//!
//! let late = usersig::verify(&ticket, "the app's secret key", 1_400_000_001, "alice", 1_700_086_401);
//! assert_eq!(late.unwrap_err(), usersig::Error::Expired);
//! # Ok::<(), usersig::Error>(())
//! ```
//!
//! Nothing here reads a clock or remembers a ticket. All times are seconds since the Unix epoch. Work and memory
//! per ticket are bounded by [`MAX_TEXT_LEN`] and [`MAX_JSON_LEN`], whatever a stranger sends.

mod claims;
mod encoding;
mod error;
mod sign;
mod statement;
mod ticket;

pub use claims::{Claims, verify};
pub use encoding::{MAX_JSON_LEN, MAX_TEXT_LEN};
pub use error::{Error, Flaw};
pub use sign::sign;
