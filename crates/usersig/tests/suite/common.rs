//! What the tests share: the app and user of the known tickets, and a signer's outer layers of its own.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const APP: u32 = 1_400_000_001;
pub(crate) const USER: &str = "administrator";

/// Wraps any bytes the way a signer wraps a ticket's JSON.
pub(crate) fn pack(json: impl AsRef<[u8]>, level: u32) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(level));
    zlib.write_all(json.as_ref()).expect("a Vec takes every byte");
    encode(zlib.finish().expect("a Vec takes every byte"))
}

/// The outermost layer alone.
pub(crate) fn encode(packed: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD
        .encode(packed)
        .replace('+', "*")
        .replace('/', "-")
        .replace('=', "_")
}

/// The text inside a well-packed ticket.
pub(crate) fn unpack(usersig: &str) -> String {
    let base64 = usersig.replace('*', "+").replace('-', "/").replace('_', "=");
    let packed = BASE64_STANDARD.decode(base64).expect("base64");
    std::io::read_to_string(ZlibDecoder::new(packed.as_slice())).expect("zlib")
}
