//! Every ticket of `malformed.json` is refused, for the reason given there.
//!
//! The table holds fixed texts, so that tests in other languages can send the same tickets to a server
//! that knows the app and user of `common`. A row with `json` is a well-packed ticket and shows what is in
//! it; to add one, write its `json`, and the failing test prints the `usersig` to put beside it.

use flate2::{Compress, Compression, FlushCompress, Status};
use usersig::{Claims, Error, Flaw};

use crate::common::{APP, KEY, USER, encode, pack, unpack};

/// Seconds since the epoch, in 2027. Any later time up to 2150 will do as well: by then, those tickets
/// expire that are here for other reasons.
const NOW: u64 = 1_800_000_000;

#[derive(serde::Deserialize)]
struct Row {
    name: String,
    expect: String,
    json: Option<String>,
    usersig: String,
}

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("../malformed.json")).expect("a table of rows")
}

#[test]
fn each_is_refused_for_its_reason() {
    let rows = rows();
    assert!(rows.len() >= 32);
    for Row {
        name,
        expect,
        usersig,
        ..
    } in rows
    {
        let word = match usersig::verify(&usersig, KEY, APP, USER, NOW) {
            Ok(_) => "valid",
            Err(Error::Empty) => "empty",
            Err(Error::Malformed(_)) => "malformed",
            Err(Error::Expired) => "expired",
            Err(Error::BadSignature) => "bad_signature",
            Err(Error::UserMismatch) => "user_mismatch",
            Err(Error::AppMismatch) => "app_mismatch",
        };
        assert_eq!(word, expect, "{name}");
    }
}

#[test]
fn each_holds_the_json_shown() {
    for Row {
        name, json, usersig, ..
    } in rows()
    {
        if let Some(json) = json {
            assert!(
                !usersig.is_empty() && unpack(&usersig) == json,
                "{name} wants \"usersig\": {:?}",
                pack(json, 6)
            );
        }
    }
}

#[test]
fn nothing_of_one_ticket_is_left_for_the_next() {
    let issued = |ticket: &str| Claims::decode(ticket).map(|claims| claims.issued_at_s());
    for (Row { name, usersig, .. }, issued_at_s) in rows().into_iter().zip(NOW..) {
        // What it is refused for is told above.
        let _ = issued(&usersig);
        let good = usersig::sign(KEY, APP, USER, issued_at_s, 60, None);
        assert_eq!(issued(&good), Ok(issued_at_s), "after {name}");
    }
    let good = usersig::sign(KEY, APP, USER, NOW, 60, None);
    // A stream that begins with a reference to what was there before: the JSON of the ticket.
    let json = unpack(&good);
    let mut deflate = Compress::new(Compression::best(), false);
    let checksum = deflate.set_dictionary(json.as_bytes()).expect("a dictionary");
    let mut hostile = vec![0x78, 0x9C];
    hostile.reserve(json.len());
    let status = deflate.compress_vec(json.as_bytes(), &mut hostile, FlushCompress::Finish);
    assert_eq!(status.expect("it compresses"), Status::StreamEnd);
    hostile.extend(checksum.to_be_bytes());
    assert!(hostile.len() < 20, "it refers: {hostile:?}");
    assert_eq!(issued(&good), Ok(NOW));
    assert_eq!(issued(&encode(hostile)), Err(Error::Malformed(Flaw::Zlib)));
}
