//! The outer layers of a ticket: zlib inside a variant of base64.

use std::cell::RefCell;
use std::io::Write;

use base64::Engine;
use base64::alphabet::{Alphabet, Symbol};
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::PAD;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

use crate::Flaw;

/// The longest ticket that is looked at, in bytes of its text. Ordinary ones have 200 to 400.
pub const MAX_TEXT_LEN: usize = 4096;

/// The longest JSON a ticket may hold, in bytes: inflating one costs no more than this, however well a
/// hostile ticket is compressed.
pub const MAX_JSON_LEN: usize = 4096;

/// Standard base64 but for the three symbols that mean something in a URL. Not RFC 4648's base64url.
const TICKET_BASE64: GeneralPurpose = {
    let symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-";
    let padding = Symbol::new(b'_').expect("a printable symbol");
    let Ok(alphabet) = Alphabet::new_with_padding(symbols, padding) else {
        panic!("64 distinct symbols, none of them the padding");
    };
    GeneralPurpose::new(&alphabet, PAD)
};

/// Wraps a ticket's JSON into its text.
pub(crate) fn pack(json: &str) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = zlib.write_all(json.as_bytes()).and_then(|()| zlib.finish());
    TICKET_BASE64.encode(packed.expect("writing to a Vec never fails"))
}

/// Unwraps a ticket's text to its JSON, and reads that.
pub(crate) fn unpack<T>(text: &str, read: impl FnOnce(&[u8]) -> Result<T, Flaw>) -> Result<T, Flaw> {
    if text.len() > MAX_TEXT_LEN {
        return Err(Flaw::TooLong);
    }
    let packed = TICKET_BASE64.decode(text).map_err(|_| Flaw::Base64)?;
    INFLATER.with_borrow_mut(|inflater| read(inflater.inflate(&packed)?))
}

thread_local! {
    static INFLATER: RefCell<Inflater> = RefCell::new(Inflater {
        zlib: Decompress::new(true),
        json: Box::new([0; MAX_JSON_LEN]),
    });
}

/// What a thread inflates tickets with. Kept, because to set one up takes as long as to inflate a ticket.
struct Inflater {
    zlib: Decompress,
    json: Box<[u8; MAX_JSON_LEN]>,
}

impl Inflater {
    fn inflate(&mut self, packed: &[u8]) -> Result<&[u8], Flaw> {
        let Self { zlib, json } = self;
        // However the last ticket ended, nothing of it is left.
        zlib.reset(true);
        let status = zlib
            .decompress(packed, &mut json[..], FlushDecompress::Finish)
            .map_err(|_| Flaw::Zlib)?;
        // Anything but the end means that the stream is cut short or that its output does not fit.
        let consumed_all = usize::try_from(zlib.total_in()) == Ok(packed.len());
        if status != Status::StreamEnd || !consumed_all {
            return Err(Flaw::Zlib);
        }
        let len = usize::try_from(zlib.total_out()).map_err(|_| Flaw::Zlib)?;
        json.get(..len).ok_or(Flaw::Zlib)
    }
}
