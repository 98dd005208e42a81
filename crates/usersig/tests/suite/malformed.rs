//! Every ticket of `malformed.json` is refused, for the reason given there.
//!
//! The table holds fixed texts, so that tests in other languages can send the same tickets to a server
//! that knows the app and user of `common`. A row with `json` is a well-packed ticket and shows what is in
//! it; to add one, write its `json`, and the failing test prints the `usersig` to put beside it.

use usersig::Error;

use crate::common::{APP, KEY, USER, pack, unpack};

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
