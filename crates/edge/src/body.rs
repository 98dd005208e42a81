//! The bodies of answers.

use std::io::Cursor;

use http_body_util::{Either, Full};
use smallvec::SmallVec;

use crate::stream::CountsBody;

/// Bytes of the answer to the main command, which fits in here without an allocation.
const INLINE: usize = 88;

/// The bytes of an answer.
pub(crate) type Text = SmallVec<[u8; INLINE]>;

/// A piece of a body.
pub(crate) type Chunk = Cursor<Text>;

/// A body: known as a whole, or still to come.
pub(crate) type Body = Either<Full<Chunk>, Box<CountsBody>>;

/// A body that is known as a whole.
pub(crate) fn whole(text: impl Into<Text>) -> Body {
    Either::Left(Full::new(Cursor::new(text.into())))
}

/// A piece of a body that is still to come.
pub(crate) fn piece(text: impl Into<Text>) -> Chunk {
    Cursor::new(text.into())
}
